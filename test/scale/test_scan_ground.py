import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made_drive import CAMERA, HEIGHTS_M, Network, drive, laser_place, spoilt

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground import ground_inverse_depth
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.scale.fitting import Refusal
from depth_anything_ros.scale.ground_tilt import middle_slope
from depth_anything_ros.scale.laser_scan import LaserScanConfig, LaserScanScale
from depth_anything_ros.scale.scan_ground import (
    Ground,
    fit_with_ground,
    ground_below,
)
from depth_anything_ros.types import (
    Alignment,
    LaserScan,
    OutputKind,
    ReferencePoints,
    RelativeInverseDepth,
)

HEIGHT_M = 0.149
GAIN, OFFSET = 4.0, 1.0
WALL_M = 2.0
ANGLES = np.radians(np.arange(-60.0, 60.0, 0.5))


def source(height_m=HEIGHT_M):
    return LaserScanScale(0.2, 8.0, 0.1, height_m)


def floor_and_wall(height_m=HEIGHT_M, pitch=0.0, wall_m=WALL_M):
    """Return relative inverse depth of a floor before a wall that faces the camera."""
    floor = ground_inverse_depth(ray_table(CAMERA), height_m, pitch)
    inverse = np.maximum(floor, 1.0 / wall_m)
    return RelativeInverseDepth((GAIN * inverse + OFFSET).astype(np.float32))


def scan_of_wall(distance_m=WALL_M):
    ranges_m = (distance_m / np.cos(ANGLES)).astype(np.float32)
    return LaserScan(ranges_m, ANGLES[0], ANGLES[1] - ANGLES[0], 0.05, 12.0)


def fit(scale_source, scan, relative, place=OPTICAL_FROM_BODY):
    scale_source.add_scan(scan, place)
    return scale_source.align(relative, 0, CAMERA)


def test_a_wall_straight_ahead_and_the_floor_before_it_give_scale_and_shift():
    alignment = fit(source(), scan_of_wall(), floor_and_wall())
    assert alignment.scale == pytest.approx(1 / GAIN, rel=1e-3)
    assert alignment.shift == pytest.approx(-OFFSET / GAIN, rel=1e-2)
    assert alignment.source == 'laser_scan+ground'
    with pytest.raises(AlignmentError, match='hardly varies'):
        fit(source(None), scan_of_wall(), floor_and_wall())


def test_the_points_of_scan_and_ground_go_along_with_the_fit():
    reference = fit(source(), scan_of_wall(), floor_and_wall()).reference
    seen = reference.weights > reference.weights.min()
    assert 25 < seen.sum() < 200 < (~seen).sum()
    np.testing.assert_allclose(reference.depth_m[seen], WALL_M, rtol=1e-4)
    np.testing.assert_allclose(reference.rows[seen], CAMERA.cy_px, atol=1.0)
    below = (reference.rows[~seen] - CAMERA.cy_px) / CAMERA.fy_px
    np.testing.assert_allclose(reference.depth_m[~seen], HEIGHT_M / below, rtol=0.02)
    assert reference.columns[~seen].min() < 20 < 300 < reference.columns[~seen].max()


@pytest.mark.parametrize('pitch_deg', [-2.0, -1.0, 1.0, 2.0])
def test_an_unknown_pitch_does_not_matter(pitch_deg):
    """The camera nods while TF has it level; the wall is nearly as far at every row."""
    relative = floor_and_wall(pitch=math.radians(pitch_deg))
    alignment = fit(source(), scan_of_wall(), relative)
    assert alignment.source == 'laser_scan+ground'
    assert alignment.scale == pytest.approx(1 / GAIN, rel=5e-3)
    assert alignment.shift == pytest.approx(-OFFSET / GAIN, rel=2e-2)


@pytest.mark.parametrize('upside_down', [False, True])
def test_the_tilt_of_the_camera_against_the_laser_is_that_of_the_ground(upside_down):
    pitch = math.radians(20.0)
    nod = RigidTransform.from_pose(0, 0, 0, 0, -pitch, 0)
    over = RigidTransform.from_pose(0, 0, 0, math.pi if upside_down else 0.0, 0, 0)
    place = OPTICAL_FROM_BODY @ nod @ over
    found = ground_below(floor_and_wall(pitch=pitch), CAMERA, place, HEIGHT_M, 1.0)
    np.testing.assert_allclose((found.relative - OFFSET) / GAIN, 1 / found.depth_m, rtol=2e-3)
    assert 100 < len(found) <= 500


def test_ground_that_shows_too_little_is_no_ground():
    flat = RelativeInverseDepth(np.ones((240, 320), np.float32))
    refused = ground_below(flat, CAMERA, OPTICAL_FROM_BODY, HEIGHT_M, 8.0)
    assert 'looks like ground' in refused.reason


@pytest.mark.parametrize('height_m', HEIGHTS_M)
@pytest.mark.parametrize('seed', range(3))
def test_drives_with_a_third_of_the_scan_wrong_give_the_depth_at_the_first_frame(seed, height_m):
    network, scale_source, errors = Network.random(seed), source(height_m), []
    for frame in drive(seed, height_m):
        scale_source.add_scan(spoilt(frame.scan, network.rng), laser_place(Robot()))
        relative = network.predict(frame.rgbd.depth_m)
        alignment = scale_source.align(relative, frame.rgbd.frame.stamp_ns, CAMERA)
        errors.append(network.depth_error(alignment, frame.rgbd.depth_m))
    assert np.median(errors) < 0.01
    assert max(errors) < 0.04


@pytest.mark.parametrize('kind', [kind for kind in OutputKind if kind.is_relative])
@pytest.mark.parametrize('factor', [0.3, 4.0])
def test_a_height_far_off_is_refused_and_named(factor, kind):
    network, frame = Network.random(0, kind=kind), drive(0, HEIGHT_M)[0]
    relative = network.predict(frame.rgbd.depth_m)
    scale_source = source(factor * HEIGHT_M)
    scale_source.add_scan(frame.scan, laser_place(Robot()))
    with pytest.raises(
        AlignmentError, match=r'the camera at 0\.1[45]\d? m, not at camera_height_m'
    ):
        scale_source.align(relative, frame.rgbd.frame.stamp_ns, CAMERA)


def test_without_ground_in_the_image_the_scan_is_taken_alone():
    columns = (np.arange(CAMERA.width) - CAMERA.cx_px) / CAMERA.fx_px
    inverse = np.broadcast_to(0.5 + 0.3 * columns, (CAMERA.height, CAMERA.width))
    ranges_m = 1.0 / (0.5 * np.cos(ANGLES) - 0.3 * np.sin(ANGLES))
    scan = LaserScan(ranges_m.astype(np.float32), ANGLES[0], ANGLES[1] - ANGLES[0], 0.05, 12.0)
    alignment = fit(source(), scan, RelativeInverseDepth((4 * inverse + 1).astype(np.float32)))
    assert alignment.source == 'laser_scan'
    assert alignment.scale == pytest.approx(0.25, rel=1e-2)


def fitted(scan, ground, height_m):
    found = Ground.of_points(ground, height_m)
    return found if isinstance(found, Refusal) else fit_with_ground(scan, found, '', 0)


def test_ground_that_slopes_against_the_laser_is_refused():
    ground = _ground()
    scan = _points(np.full(60, 1.0))
    assert isinstance(fitted(scan, ground, HEIGHT_M), Alignment)
    lifted = scan.relative + np.float32(GAIN * math.tan(math.radians(3.0)) / HEIGHT_M)
    refused = fitted(replace(scan, relative=lifted), ground, HEIGHT_M)
    assert re.search(r'slopes by -3\.0 degrees .* at most 2\.5 ', refused.reason)


def test_a_scan_that_puts_all_ground_above_the_horizon_is_refused():
    """Far ground, a small height: what is lost is little, and so is the slope."""
    ground = _exact(np.linspace(0.15, 0.3, 60))
    points = _points(np.full(60, 1.0))
    scan = replace(points, relative=points.relative + np.float32(GAIN * 0.4))
    refused = fitted(scan, ground, 0.05)
    assert re.search(r'above the horizon: .* -0\.4 1/m; at least -0\.3 ', refused.reason)


def test_a_scan_of_nothing_that_is_there_is_refused():
    rng = np.random.default_rng(0)
    points = _points(np.full(60, 1.0))
    wrong = (points.depth_m * np.exp(rng.uniform(-1.5, 1.5, 60))).astype(np.float32)
    refused = fitted(replace(points, depth_m=wrong), _ground(), HEIGHT_M)
    assert re.search(r'half of the scan is more than \d+% off .* 30%', refused.reason)


def test_ground_of_one_relative_depth_is_refused():
    flat = replace(_points(np.linspace(1.0, 2.0, 60)), relative=np.ones(60, np.float32))
    refused = fitted(_points(np.full(60, 1.0)), flat, HEIGHT_M)
    assert 'relative depth of the ground hardly varies' in refused.reason


def test_a_relative_depth_that_grows_with_distance_is_refused():
    scan, ground = (
        replace(points, relative=-points.relative)
        for points in (_points(np.full(60, 1.0)), _ground())
    )
    assert re.search('slopes by|not positive', fitted(scan, ground, HEIGHT_M).reason)


def test_a_quarter_of_the_points_does_not_spoil_the_slope_of_the_ground():
    rng = np.random.default_rng(0)
    inverse = rng.uniform(0.3, 3.0, 300).astype(np.float32)
    values = np.float32(GAIN) * inverse + np.float32(OFFSET)
    values[:75] = rng.uniform(-5.0, 15.0, 75).astype(np.float32)
    assert middle_slope(values, inverse) == pytest.approx(1 / GAIN, rel=0.05)


def test_the_parameters_say_whether_the_ground_counts():
    without = LaserScanScale.from_config(LaserScanConfig(camera_height_m=HEIGHT_M))
    with pytest.raises(AlignmentError, match='hardly varies'):
        fit(without, scan_of_wall(), floor_and_wall())
    config = LaserScanConfig(camera_height_m=HEIGHT_M, scan_with_ground=True)
    alignment = fit(LaserScanScale.from_config(config), scan_of_wall(), floor_and_wall())
    assert alignment.scale == pytest.approx(1 / GAIN, rel=1e-3)


def _exact(inverse):
    """Return points of exact relative values at these inverse depths."""
    places = np.zeros(len(inverse), np.float32)
    relative, depth_m = (
        (GAIN * inverse + OFFSET).astype(np.float32),
        (1 / inverse).astype(np.float32),
    )
    return ReferencePoints(places, places, relative, depth_m, (CAMERA.height, CAMERA.width))


def _points(inverse):
    """Return points of inverse depths that lie close together."""
    return _exact(inverse + np.linspace(-0.1, 0.1, len(inverse)))


def _ground():
    return _exact(np.linspace(0.5, 3.0, 200))
