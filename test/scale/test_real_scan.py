"""The middle row of real depth images taken as a laser scan."""

import json

import cv2
import numpy as np
import pytest
from made_drive import Network

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.types import Camera, DepthReference, LaserScan

NEAREST_M, FARTHEST_M = 0.2, 8.0
ANGLES = np.arange(-0.6, 0.6, np.radians(0.5))


def frames(folder):
    """Iterate over camera and depth (m, NaN unknown) of dense frames with a known camera."""
    for path in sorted((folder / 'collection').glob('*/meta.json')):
        meta = json.loads(path.read_text(encoding='utf-8'))
        known = meta['intrinsics']
        if not meta['eval_ok'] or meta['sparse'] or not known or 'fx' not in known:
            continue
        depth_m = cv2.imread(str(path.parent / 'depth.png'), cv2.IMREAD_UNCHANGED) / 1000
        depth_m[(depth_m < NEAREST_M) | (depth_m > FARTHEST_M)] = np.nan
        height, width = depth_m.shape
        camera = Camera(width, height, *(known[name] for name in ('fx', 'fy', 'cx', 'cy')))
        yield camera, depth_m.astype(np.float32)


def middle_row(camera, depth_m):
    columns = np.rint(camera.cx_px - camera.fx_px * np.tan(ANGLES)).astype(int)
    inside = (columns >= 0) & (columns < camera.width)
    ranges_m = np.full(len(ANGLES), np.inf)
    row = round(camera.cy_px)
    ranges_m[inside] = depth_m[row, columns[inside]] / np.cos(ANGLES[inside])
    return LaserScan(ranges_m.astype(np.float32), ANGLES[0], np.radians(0.5), 0.05, 12.0)


def abs_rel(source, relative, camera, depth_m):
    alignment = source.align(relative, 0, camera)
    known = np.isfinite(depth_m)
    inverse = alignment.scale * relative.values[known] + alignment.shift
    predicted = 1 / np.clip(inverse, 1 / FARTHEST_M, 1 / NEAREST_M)
    return float(np.mean(np.abs(predicted / depth_m[known] - 1)))


@pytest.mark.parametrize(('noise', 'slack'), [(0.0, 0.01), (0.03, 0.0)])
def test_a_row_gives_nearly_the_depth_of_the_whole_image(rgbd, noise, slack):
    scored, refused = 0, 0
    for camera, depth_m in frames(rgbd):
        made = Network.random(1)
        network = Network(made.gain, made.offset, made.rng, noise)
        relative = network.predict(depth_m)
        laser = LaserScanScale(NEAREST_M, FARTHEST_M, 0.1)
        laser.add_scan(middle_row(camera, depth_m), OPTICAL_FROM_BODY)
        whole = DepthImageScale(NEAREST_M, FARTHEST_M, 0.1)
        whole.add_reference(DepthReference(depth_m, 0))
        best = abs_rel(whole, relative, camera, depth_m)
        try:
            found = abs_rel(laser, relative, camera, depth_m)
        except AlignmentError:
            refused += 1
            continue
        scored += 1
        assert found <= 1.2 * best + slack
    # Rows across a flat board or an edge-on object say too little, and are refused.
    assert scored >= 30
    assert refused <= 3
