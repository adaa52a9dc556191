import math

import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.depth_scan import level_frame, scan_of_depth
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.types import Camera, MetricDepth

CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
LIMITS = {'band_m': (-0.05, 0.05), 'range_m': (0.2, 8.0)}


def scan(depth_m, camera=CAMERA, **changes):
    return scan_of_depth(MetricDepth(depth_m), camera, **{**LIMITS, **changes})


def test_a_wall_ahead_has_the_ranges_of_a_plane():
    found = scan(np.full((48, 64), 2.0, np.float32))
    known = np.isfinite(found.ranges_m)
    assert known.mean() > 0.9
    expected = 2.0 / np.cos(found.angles_rad[known])
    np.testing.assert_allclose(found.ranges_m[known], expected, rtol=0.01)
    assert found.angles_rad[0] == pytest.approx(-math.atan(31.5 / 60))


def test_what_stands_in_the_left_half_of_the_image_is_left():
    depth_m = np.full((48, 64), 3.0, np.float32)
    depth_m[:, 10:14] = 1.0
    found = scan(depth_m)
    near = found.angles_rad[found.ranges_m < 1.5]
    assert len(near) >= 3
    np.testing.assert_allclose(near, math.atan(20 / 60), atol=0.06)


def test_only_the_band_of_heights_counts():
    depth_m = np.full((48, 64), 3.0, np.float32)
    depth_m[30:] = 1.0
    # Row 30 is 6.5 / 60 m below the lens at 1 m.
    assert np.nanmin(scan(depth_m).ranges_m) > 2.9
    low = scan(depth_m, band_m=(-0.2, 0.05))
    assert np.nanmin(low.ranges_m) == pytest.approx(1.0, rel=0.02)


def test_unknown_depth_and_ranges_beyond_the_limits_are_nan():
    depth_m = np.full((48, 64), 2.0, np.float32)
    depth_m[:, :20] = np.nan
    depth_m[:, 40:] = 9.0
    found = scan(depth_m)
    angles = found.angles_rad
    assert np.isnan(found.ranges_m[angles > math.atan(12.5 / 60)]).all()
    assert np.isnan(found.ranges_m[angles < -math.atan(9.5 / 60)]).all()
    assert np.isfinite(found.ranges_m).sum() > 15


def scan_with_thing(thing_m, share, max_sigma=0.2):
    """Return the range of the beam through a thing of one row before a certain wall at 3 m."""
    depth_m = np.full((48, 64), 3.0, np.float32)
    sigma = np.full((48, 64), 0.05 * 3.0, np.float32)
    depth_m[23, 28:36] = thing_m
    sigma[23, 28:36] = share * thing_m
    return float(scan(depth_m, sigma=sigma, certain=sigma <= max_sigma * depth_m).ranges_m[32])


@pytest.mark.parametrize(
    ('thing_m', 'share', 'range_m'),
    [
        (1.0, 0.1, 1.0),
        # Something uncertain may stand there: no beam goes through it.
        (1.0, 0.5, np.nan),
        # The wall is what it may be.
        (2.5, 0.5, 3.0),
        # Nobody can tell what is behind the wall.
        (5.0, 0.5, 3.0),
    ],
)
def test_a_beam_takes_the_nearest_certain_depth_but_goes_through_nothing(thing_m, share, range_m):
    assert scan_with_thing(thing_m, share) == pytest.approx(range_m, rel=0.01, nan_ok=True)


def test_unknown_depth_beside_something_uncertain_clears_nothing():
    depth_m = np.full((48, 64), 3.0, np.float32)
    sigma = np.full((48, 64), 0.05 * 3.0, np.float32)
    depth_m[23, 28:36], sigma[23, 28:36] = 1.0, 0.5
    depth_m[24, 28:36] = sigma[24, 28:36] = np.nan
    found = scan(depth_m, sigma=sigma, certain=sigma <= 0.2 * depth_m)
    assert np.isnan(found.ranges_m[30:34]).all()
    assert np.isfinite(found.ranges_m[:20]).all()


def test_a_scan_of_uncertain_depth_alone_clears_nothing():
    depth_m = np.full((48, 64), 2.0, np.float32)
    known = np.isfinite(depth_m)
    assert np.isnan(scan(depth_m, sigma=depth_m, certain=~known).ranges_m).all()
    certain = scan(depth_m, sigma=0.1 * depth_m, certain=known)
    np.testing.assert_array_equal(certain.ranges_m, scan(depth_m).ranges_m)


@pytest.mark.parametrize('pitch_rad', [0.0, 0.15])
def test_it_agrees_with_the_laser_of_a_simulated_robot(pitch_rad):
    robot = Robot(0.149, pitch_rad, camera_forward_m=0.1, laser_forward_m=0.1)
    camera = robot_camera(320, 240)
    errors = []
    for frame in journey(2, 3, 1.0, camera, robot):
        # The laser's plane is 2 cm above the lens.
        found = scan(frame.rgbd.depth_m, camera, band_m=(0.012, 0.028), pitch_rad=pitch_rad)
        known = np.isfinite(found.ranges_m)
        beams = np.rint(
            (found.angles_rad[known] - frame.scan.angle_min_rad) / frame.scan.angle_step_rad
        ).astype(int)
        errors.append(np.abs(found.ranges_m[known] / frame.scan.ranges_m[beams] - 1))
    errors = np.concatenate(errors)
    assert len(errors) > 300
    assert np.median(errors) < 0.005
    assert np.mean(errors < 0.03) > 0.85


def test_without_a_camera_there_is_no_scan():
    with pytest.raises(CameraError, match='no camera_info'):
        scan(np.ones((48, 64), np.float32), None)


def test_the_frame_of_the_scan_looks_ahead():
    assert level_frame('camera_color_optical_frame', '') == 'camera_color_frame'
    assert level_frame('eye', 'base_scan') == 'base_scan'
    with pytest.raises(CameraError, match="'eye'.*set scan_frame"):
        level_frame('eye', '')
