"""Wrong heights and yaws: what the scans of a drive say about the mounting."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made_drive import CAMERA, Network, drive, laser_place, spoilt

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground import ground_inverse_depth
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.scale.scan_mounting import (
    HeightCheck,
    Yaw,
    YawCheck,
    far_off,
    meets_better,
)
from depth_anything_ros.types import Alignment, LaserScan, RelativeInverseDepth

HEIGHT_M = 0.115
ANGLES = np.linspace(-math.pi, math.pi, 720, endpoint=False)
TURNED = OPTICAL_FROM_BODY @ RigidTransform.from_pose(0, 0, 0, 0, 0, math.pi)


def outcomes(seed, told_m, place=None):
    """Return for each frame of a drive the source of its fit, or why it has none."""
    scale_source, network = LaserScanScale(0.2, 8.0, 0.1, told_m), Network.random(seed)
    for frame in drive(seed, HEIGHT_M):
        scale_source.add_scan(spoilt(frame.scan, network.rng), place or laser_place(Robot()))
        relative = network.predict(frame.rgbd.depth_m)
        try:
            yield scale_source.align(relative, frame.rgbd.frame.stamp_ns, CAMERA).source
        except AlignmentError as error:
            yield str(error)


def between_walls(ahead_m, behind_m, height_m=HEIGHT_M):
    """Return the scan between two plain walls, and what the camera sees of floor and wall."""
    away_m = np.where(np.abs(ANGLES) < math.pi / 2, ahead_m, behind_m)
    with np.errstate(divide='ignore'):
        ranges_m = (away_m / np.abs(np.cos(ANGLES))).astype(np.float32)
    floor = ground_inverse_depth(ray_table(CAMERA), height_m, 0.0)
    values = 4.0 * np.maximum(floor, 1.0 / ahead_m) + 1.0
    scan = LaserScan(ranges_m, ANGLES[0], ANGLES[1] - ANGLES[0], 0.05, 12.0)
    return scan, RelativeInverseDepth(values.astype(np.float32))


@pytest.mark.parametrize('factor', [0.62, 0.77, 1.3, 1.62, 2.0])
@pytest.mark.parametrize('seed', [0, 2])
def test_a_wrong_height_is_refused_over_a_drive_and_the_right_one_named(seed, factor):
    for refusal in outcomes(seed, factor * HEIGHT_M):
        assert f'not at camera_height_m = {factor * HEIGHT_M:g}' in refusal
        implied_m = float(refusal.split('the camera at ')[1].split(' m,')[0])
        assert implied_m == pytest.approx(HEIGHT_M, rel=0.05)


@pytest.mark.parametrize('factor', [0.85, 1.0, 1.15])
def test_a_height_within_the_margin_is_taken(factor):
    assert set(outcomes(0, factor * HEIGHT_M)) == {'laser_scan+ground'}


@pytest.mark.parametrize('behind_m', [1.5, 2.5, 3.0, 4.0])
def test_a_turned_laser_between_plain_walls_is_refused_and_a_right_one_not(behind_m):
    scan, relative = between_walls(2.0, behind_m)
    scale_source = LaserScanScale(0.2, 8.0, 0.1, HEIGHT_M)
    scale_source.add_scan(scan, OPTICAL_FROM_BODY)
    assert scale_source.align(relative, 0, CAMERA).scale == pytest.approx(0.25, rel=1e-3)
    scale_source.add_scan(scan, TURNED)
    for _ in range(8):
        with pytest.raises(AlignmentError, match='turned by 180 degrees: are the yaw'):
            scale_source.align(relative, 0, CAMERA)


def test_a_turned_laser_in_a_room_is_named():
    place = laser_place(Robot()) @ RigidTransform.from_pose(0, 0, 0, 0, 0, math.pi)
    found = list(outcomes(1, HEIGHT_M, place))
    assert all(outcome.startswith('laser scan: ') for outcome in found)
    assert any('yaw of the laser in TF or in laser_pose is wrong' in outcome for outcome in found)


def test_a_wrong_height_between_plain_walls_is_never_called_a_wrong_yaw():
    scan, relative = between_walls(1.0, 3.0, 0.092)
    scale_source = LaserScanScale(0.2, 8.0, 0.1, 0.15)
    scale_source.add_scan(scan, OPTICAL_FROM_BODY)
    for _ in range(8):
        with pytest.raises(AlignmentError, match='camera_height_m') as refused:
            scale_source.align(relative, 0, CAMERA)
        assert 'is wrong' not in str(refused.value)


def test_once_the_yaw_is_known_a_pitch_that_looks_like_a_turn_does_not_matter():
    """The camera nods by what the wall behind is farther away than the one ahead."""
    scan, relative = between_walls(2.0, 2.5)
    nod = RigidTransform.from_pose(0, 0, 0, 0, math.atan(0.1 * HEIGHT_M), 0)
    scale_source = LaserScanScale(0.2, 8.0, 0.1, HEIGHT_M)
    scale_source.add_scan(scan, OPTICAL_FROM_BODY @ nod)
    with pytest.raises(AlignmentError, match='turned by 180 degrees'):
        scale_source.align(relative, 0, CAMERA)
    network = Network.random(0)
    for frame in drive(0, HEIGHT_M):
        scale_source.add_scan(replace(frame.scan, stamp_ns=1), laser_place(Robot()))
        scale_source.align(network.predict(frame.rgbd.depth_m), 1, CAMERA)
    scale_source.add_scan(replace(scan, stamp_ns=10**9), OPTICAL_FROM_BODY @ nod)
    alignment = scale_source.align(relative, 10**9, CAMERA)
    assert alignment.scale == pytest.approx(0.25, rel=0.02)


def alone(scale, error):
    covariance = (error * scale) ** 2, 0.0, 0.0
    return Alignment(scale, 0.0, 'laser_scan', 100, 1.0, 0.01, 0, covariance)


def test_scales_that_are_not_precise_say_nothing_about_the_height():
    check = HeightCheck()
    for _ in range(60):
        assert check.update(alone(3.0, 0.02), 1.0, HEIGHT_M) is None
        assert check.update(None, 1.0, HEIGHT_M) is None


def test_the_median_speaks_for_frames_that_say_nothing_until_it_is_old():
    check = HeightCheck()
    for _ in range(3):
        verdict = check.update(alone(1.5, 0.001), 1.0, HEIGHT_M)
        assert re.search(r'the camera at 0\.0767 m, .* factor of 1\.50', verdict.reason)
    for _ in range(97):
        assert 'factor of 1' in check.update(None, 1.0, HEIGHT_M).reason
    assert check.update(None, 1.0, HEIGHT_M) is None


def test_after_the_first_frames_every_fourth_has_a_second_fit():
    check, due = HeightCheck(), []
    for _ in range(20):
        due.append(check.due)
        check.update(None, 1.0, HEIGHT_M)
    assert due == [True] * 4 + [True, False, False, False] * 4


def test_one_frame_does_not_outweigh_those_before():
    check = HeightCheck()
    for scale in (1.0, 1.02, 1.5):
        assert check.update(alone(scale, 0.001), 1.0, HEIGHT_M) is None


def test_the_yaw_is_wrong_after_five_in_a_row_and_trusted_after_five():
    check = YawCheck()
    for yaw in (Yaw.TURNED, Yaw.UNKNOWN, *[Yaw.TURNED] * 4):
        assert check.update(yaw) is None
    verdict = check.update(Yaw.TURNED)
    assert re.search('last 5 scans .* laser_pose is wrong', verdict.reason)
    for _ in range(5):
        assert not check.trusted
        assert check.update(Yaw.RIGHT) is None
    assert check.trusted
    assert check.update(Yaw.TURNED) is None
    assert not check.trusted


@pytest.mark.parametrize(('lift', 'expected'), [(0.06, True), (-0.06, True), (0.04, False)])
def test_ground_a_tenth_off_the_scan_is_far_off(lift, expected):
    assert far_off(lift, 0.5) is expected


@pytest.mark.parametrize(
    ('turned', 'expected'), [(0.0, True), (-0.04, True), (0.06, False), (math.nan, False)]
)
def test_a_turned_scan_counts_only_where_it_is_clearly_better(turned, expected):
    assert meets_better(turned, -0.1) is expected
