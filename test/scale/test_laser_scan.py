import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made_drive import (
    CAMERA,
    HEIGHTS_M,
    Network,
    drive,
    laser_place,
    spoilt,
)

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.scale.laser_scan import LaserScanConfig, LaserScanScale
from depth_anything_ros.types import LaserScan, RelativeInverseDepth

MS = 1_000_000
LEVEL = OPTICAL_FROM_BODY
PLACE = laser_place(Robot())
BEAMS = 720
STEP = 2 * math.pi / BEAMS
ANGLES = -math.pi + STEP * np.arange(BEAMS)


def source(**changes):
    return LaserScanScale(
        **{'min_depth_m': 0.2, 'max_depth_m': 8.0, 'max_offset_s': 0.1, **changes}
    )


def scan_of(ranges_m, stamp_ns=0):
    return LaserScan(np.asarray(ranges_m, np.float32), -math.pi, STEP, 0.05, 12.0, stamp_ns)


def slanted_wall(a=0.5, b=0.3):
    """Return the ranges of a wall whose inverse depth is a + b · x / z, inf behind."""
    # A beam of angle φ (left) has z = r cos φ, x = -r sin φ.
    inverse = a * np.cos(ANGLES) - b * np.sin(ANGLES)
    with np.errstate(divide='ignore'):
        return np.where(inverse > 0.1, 1.0 / inverse, np.inf)


def wall_image(a=0.5, b=0.3, gain=4.0, offset=1.0):
    columns = (np.arange(CAMERA.width) - CAMERA.cx_px) / CAMERA.fx_px
    inverse = np.broadcast_to(a + b * columns, (CAMERA.height, CAMERA.width))
    return RelativeInverseDepth((gain * inverse + offset).astype(np.float32))


def test_scale_and_shift_of_a_slanted_wall_come_back():
    scale_source = source()
    scale_source.add_scan(scan_of(slanted_wall(), 5 * MS), LEVEL)
    alignment = scale_source.align(wall_image(), 7 * MS, CAMERA)
    assert alignment.scale == pytest.approx(0.25, rel=2e-3)
    assert alignment.shift == pytest.approx(-0.25, rel=1e-2)
    assert (alignment.source, alignment.stamp_ns) == ('laser_scan', 5 * MS)
    assert alignment.inlier_ratio == 1.0
    # The camera of 60 degrees sees a sixth of the turn.
    assert abs(alignment.points - BEAMS / 6) <= 2


@pytest.mark.parametrize('height_m', HEIGHTS_M)
@pytest.mark.parametrize('seed', range(3))
def test_simulated_drives_with_a_third_of_the_scan_wrong_give_the_depth(seed, height_m):
    network, errors = Network.random(seed), []
    scale_source = source()
    for frame in drive(seed, height_m):
        scale_source.add_scan(spoilt(frame.scan, network.rng), PLACE)
        stamp_ns = frame.rgbd.frame.stamp_ns
        relative = network.predict(frame.rgbd.depth_m)
        alignment = scale_source.align(relative, stamp_ns, CAMERA)
        errors.append(network.depth_error(alignment, frame.rgbd.depth_m))
    assert np.median(errors) < 0.01
    assert max(errors) < 0.04


def test_points_that_a_nearer_surface_hides_from_the_camera_are_left_out():
    # The laser stands 0.3 m to the left and sees the wall behind a post that hides it.
    ranges_m = np.full(BEAMS, np.inf)
    ahead = np.abs(ANGLES) < 0.8
    ranges_m[ahead] = 3.0 / np.cos(ANGLES[ahead])
    post = (ANGLES > -0.32) & (ANGLES < -0.20)
    ranges_m[post] = 1.0 / np.cos(ANGLES[post])
    camera_from_laser = LEVEL @ RigidTransform.from_pose(0.0, 0.3, 0.0, 0.0, 0.0, 0.0)
    scale_source = source()
    scale_source.add_scan(scan_of(ranges_m), camera_from_laser)
    _, scan = scale_source._scans.nearest(0)
    columns, _, depth_m = scan.seen_by(CAMERA, 0.2, 8.0)
    # The post is at x = tan(0.20..0.32) - 0.3 m, 1 m away, in the camera's frame.
    left, right = (CAMERA.cx_px + CAMERA.fx_px * (math.tan(a) - 0.3) for a in (0.21, 0.31))
    behind = (columns > left + 1) & (columns < right - 1)
    assert behind.any()
    np.testing.assert_allclose(depth_m[behind], 1.0, rtol=1e-5)
    assert (depth_m > 2.9).sum() > 50


def test_points_beyond_the_range_are_ignored():
    near = source(max_depth_m=1.9)
    near.add_scan(scan_of(slanted_wall()), LEVEL)
    whole = source()
    whole.add_scan(scan_of(slanted_wall()), LEVEL)
    fewer = near.align(wall_image(), 0, CAMERA).points
    assert 25 <= fewer < whole.align(wall_image(), 0, CAMERA).points


def test_the_limits_come_from_the_parameters():
    config = LaserScanConfig(
        reference_min_depth_m=0.3, reference_max_depth_m=0.4, scan_max_offset_s=0.0
    )
    scale_source = LaserScanScale.from_config(config)
    scale_source.add_scan(scan_of(slanted_wall()), LEVEL)
    with pytest.raises(AlignmentError, match='0 points'):
        scale_source.align(wall_image(), 0, CAMERA)
    with pytest.raises(AlignmentError, match=r'laser scan is 0\.001 s older .* 0\.000 s'):
        scale_source.align(wall_image(), 1 * MS, CAMERA)


def test_a_wall_straight_ahead_cannot_tell_scale_from_shift():
    scale_source = source()
    scale_source.add_scan(scan_of(slanted_wall(b=0.0)), LEVEL)
    with pytest.raises(AlignmentError, match='laser scan: .*hardly varies'):
        scale_source.align(wall_image(b=0.0), 0, CAMERA)


def test_a_narrow_range_of_depths_is_refused_where_the_image_shows_a_wider_one():
    columns = (np.arange(CAMERA.width) - CAMERA.cx_px) / CAMERA.fx_px
    inverse = np.tile(0.5 + 0.03 * columns, (CAMERA.height, 1))
    ranges_m = slanted_wall(b=0.03) * np.random.default_rng(0).normal(1.0, 0.012, BEAMS)
    ranges_m[np.arange(BEAMS) % 4 > 0] = np.inf
    scale_source = source()
    scale_source.add_scan(scan_of(ranges_m), LEVEL)
    wall = RelativeInverseDepth((4 * inverse + 1).astype(np.float32))
    scale_source.align(wall, 0, CAMERA)
    inverse[CAMERA.height // 2 + 10 :] = 4.0
    near_floor = RelativeInverseDepth((4 * inverse + 1).astype(np.float32))
    with pytest.raises(AlignmentError, match=r'say too little .* depth of [34]\.\d+ 1/m'):
        scale_source.align(near_floor, 0, CAMERA)


def test_ranges_that_are_all_wrong_are_refused():
    rng = np.random.default_rng(0)
    scale_source = source()
    for _ in range(20):
        scale_source.add_scan(scan_of(rng.uniform(0.3, 4.0, BEAMS)), LEVEL)
        with pytest.raises(AlignmentError, match='laser scan: '):
            scale_source.align(wall_image(), 0, CAMERA)


@pytest.mark.parametrize(
    ('ranges_m', 'range_max_m', 'words'),
    [
        (slanted_wall() * 1000, 12.0, 'ranges, of 2240 m in the median, is within range_min and'),
        (slanted_wall(), 0.0, 'range_max, 0.05 to 0 m; let the driver give metres and the limits'),
        (np.full(BEAMS, np.inf), 12.0, 'none of its 720 beams has a range'),
    ],
)  # fmt: skip
def test_a_scan_without_a_point_says_what_its_ranges_are(ranges_m, range_max_m, words):
    scale_source = source()
    scale_source.add_scan(replace(scan_of(ranges_m), range_max_m=range_max_m), LEVEL)
    with pytest.raises(AlignmentError, match=re.escape(words)):
        scale_source.align(wall_image(), 0, CAMERA)


def test_no_scan_raises():
    with pytest.raises(AlignmentError, match='no laser scan received yet'):
        source().align(wall_image(), 0, CAMERA)


@pytest.mark.parametrize(
    ('camera', 'words'),
    [(None, 'no camera_info'), (replace(CAMERA, width=64), 'camera_info is for 64x240')],
)
def test_without_the_camera_of_the_image_the_scan_cannot_be_projected(camera, words):
    scale_source = source()
    scale_source.add_scan(scan_of(slanted_wall()), LEVEL)
    with pytest.raises(AlignmentError, match=f'cannot be projected: {words}'):
        scale_source.align(wall_image(), 0, camera)


def test_a_laser_turned_by_half_a_turn_is_named_once_it_is_no_accident():
    frame, stamp_ns = drive(1, 0.149)[0], 7
    network = Network.random(0)
    relative = network.predict(frame.rgbd.depth_m)
    scale_source = source()
    turned = PLACE @ RigidTransform.from_pose(0, 0, 0, 0, 0, math.pi)
    scale_source.add_scan(replace(frame.scan, stamp_ns=stamp_ns), turned)
    for _ in range(4):
        with pytest.raises(AlignmentError, match='laser scan: '):
            scale_source.align(relative, stamp_ns, CAMERA)
    with pytest.raises(AlignmentError, match='last 5 scans .* turned by 180 .*laser_pose'):
        scale_source.align(relative, stamp_ns, CAMERA)
    scale_source.add_scan(replace(frame.scan, stamp_ns=stamp_ns), PLACE)
    scale_source.align(relative, stamp_ns, CAMERA)
    scale_source.add_scan(replace(frame.scan, stamp_ns=stamp_ns), turned)
    with pytest.raises(AlignmentError, match='laser scan: '):
        scale_source.align(relative, stamp_ns, CAMERA)
