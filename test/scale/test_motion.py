"""The scale from the way of the camera: exact in a made room, refused where there is no way."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_passage import CAMERA, GAIN, HEIGHT_M, OFFSET, camera_at, drive, seen, stamp_of

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.scale import (
    FollowsCamera,
    PrioritySources,
    ScaleConfig,
    create_scale_source,
)
from depth_anything_ros.scale import motion as motion_source
from depth_anything_ros.scale.fitting import Refusal
from depth_anything_ros.scale.fixed import FixedScale
from depth_anything_ros.scale.motion import _reference_points
from depth_anything_ros.scale.parallax import ParallaxPoints
from depth_anything_ros.types import Frame, RelativeInverseDepth

AHEAD = [camera_at(0.03 * number) for number in range(14)]


def source():
    return create_scale_source(ScaleConfig(scale_source='motion'))


def tried(way, tell=lambda pose: pose, camera=CAMERA, motion=None):
    """Return the alignment of each frame, or why it has none."""
    motion, found = motion or source(), []
    for frame, _, relative in drive(motion, way, tell, camera):
        try:
            found.append(motion.align(relative, frame.stamp_ns, frame.camera))
        except AlignmentError as error:
            found.append(str(error))
    return found


@pytest.fixture(scope='module')
def ahead():
    motion = source()
    return motion, tried(AHEAD, motion=motion)


def depth_off(alignment, depth_m=1.0):
    """Return the relative error of a depth by an alignment."""
    inverse = alignment.scale * (GAIN / depth_m + OFFSET) + alignment.shift
    return abs(1.0 / (inverse * depth_m) - 1.0)


def test_scale_comes_with_the_first_baseline_and_is_right(ahead):
    _, found = ahead
    assert all('the camera has moved by 0.' in reason for reason in found[:4])
    for alignment in found[4:]:
        assert alignment.source == 'motion+ground'
        assert max(depth_off(alignment, depth_m) for depth_m in (0.5, 1.0, 3.0)) < 0.03
        assert (alignment.keeps_s, alignment.smoothing_s) == (600.0, 0.25)
        assert min(alignment.covariance[0], alignment.covariance[2]) > 0.0


def test_the_height_of_the_camera_is_found(ahead):
    motion, _ = ahead
    assert motion._ground.lens.height_m == pytest.approx(HEIGHT_M, rel=0.02)
    assert motion._ground.lens.tilt_rad == pytest.approx(0.0, abs=0.002)


def test_the_points_of_a_fit_lie_where_they_were_seen(ahead):
    _, found = ahead
    reference = found[-1].reference
    _, depth_m = seen(AHEAD[-1])
    rows, columns = (np.rint(one).astype(int) for one in (reference.rows, reference.columns))
    off = np.abs(reference.depth_m / depth_m[rows, columns] - 1.0)
    assert np.median(off) < 0.02


def test_a_pitch_that_is_told_wrong_is_found():
    motion = source()
    told = math.radians(1.0)

    def tell(pose):
        return pose @ RigidTransform.from_pose(0.0, 0.0, 0.0, -told, 0.0, 0.0)

    found = tried(AHEAD, tell, motion=motion)
    assert motion._ground.lens.tilt_rad == pytest.approx(-told, abs=0.003)
    assert max(depth_off(found[-1], depth_m) for depth_m in (0.5, 1.0, 3.0)) < 0.03


def test_odometry_that_tells_too_much_makes_depth_too_large_by_the_same_share():
    def tell(pose):
        return RigidTransform(pose.rotation, 1.05 * pose.translation_m)

    alignment = tried(AHEAD, tell)[-1]
    assert 1.0 / alignment.scale == pytest.approx(1.05 * GAIN, rel=0.02)


def test_a_camera_that_stands_is_refused():
    found = tried([AHEAD[0]] * 8)
    assert all('the camera has moved by 0.00 m so far' in reason for reason in found[:5])
    assert all('stands or turns on the spot' in reason for reason in found[5:])


def test_a_camera_that_stopped_is_refused_though_it_has_a_way_behind_it():
    found = tried(AHEAD[:8] + [AHEAD[7]] * 8)
    assert not isinstance(found[7], str)
    assert 'the camera stands or turns on the spot' in found[-1]


@pytest.mark.parametrize('lens_ahead_m', [0.0, 0.12])
def test_turning_on_the_spot_is_refused(lens_ahead_m):
    def turned(yaw):
        pose = camera_at(0.0, yaw)
        move = lens_ahead_m * np.array([math.cos(yaw), math.sin(yaw), 0.0])
        return RigidTransform(pose.rotation, pose.translation_m + move)

    found = tried([turned(0.05 * number) for number in range(24)])
    assert all(isinstance(reason, str) for reason in found)
    assert 'on the spot' in found[-1] or 'without a turn' in found[-1]


def test_odometry_that_tells_the_opposite_is_refused():
    def tell(pose):
        return RigidTransform(pose.rotation, pose.translation_m * (-1.0, 1.0, 1.0))

    found = tried(AHEAD, tell)
    assert all('odometry tells the opposite of the motion' in reason for reason in found[4:])


def test_without_poses_the_reason_says_so():
    motion, (rgb, depth_m) = source(), seen(AHEAD[0])
    motion.see(Frame(rgb, stamp_of(0), 'camera', CAMERA), PoseHistory())
    with pytest.raises(
        AlignmentError, match='motion of the camera is not known: no pose has come'
    ):
        motion.align(RelativeInverseDepth(1.0 / depth_m), stamp_of(0), CAMERA)


def test_odometry_that_comes_too_seldom_is_not_taken_for_standing():
    motion, poses, found = source(), PoseHistory(), []
    for number in range(26):
        pose = camera_at(0.03 * number)
        # Twice a second, with gaps that are longer than any that are bridged.
        if number % 5 == 0:
            poses.add(stamp_of(number) + (2 * number - 60) * 10**6, pose)
        rgb, depth_m = seen(pose)
        motion.see(Frame(rgb, stamp_of(number), 'camera', CAMERA), poses)
        with pytest.raises(AlignmentError, match='motion of the camera is not known') as refused:
            motion.align(RelativeInverseDepth(1.0 / depth_m), stamp_of(number), CAMERA)
        found.append(str(refused.value))
    assert 'poses come 2 times a second; at least 10 are needed' in found[-1]


def test_odometry_that_comes_too_seldom_is_the_reason_in_every_image():
    motion, poses, found = source(), PoseHistory(), []
    for number in range(22):
        # It moves unevenly, so that what is taken to go on is wrong.
        pose = camera_at(0.03 * number + 0.02 * math.sin(2.1 * number))
        if number % 5 == 0:
            poses.add(stamp_of(number), pose)
        rgb, depth_m = seen(pose)
        motion.see(Frame(rgb, stamp_of(number), 'camera', CAMERA), poses)
        with pytest.raises(AlignmentError) as refused:
            motion.align(RelativeInverseDepth(1.0 / depth_m), stamp_of(number), CAMERA)
        found.append(str(refused.value))
    assert all('poses come 2 times a second' in reason for reason in found[10:])


def test_odometry_that_tells_the_opposite_stays_the_reason_in_a_turn():
    yaws = [0.0] * 8 + [0.12 * number for number in range(1, 6)]
    way = [camera_at(0.03 * number, -yaw) for number, yaw in enumerate(yaws)]
    found = tried(way, lambda pose: RigidTransform(pose.rotation, -pose.translation_m))
    assert 'without a turn of more than 20 degrees' in found[-1]
    assert 'odometry tells the opposite of the motion' in found[-1]


def test_without_calibration_there_is_no_scale():
    (reason, *_) = tried(AHEAD[:1], camera=None)
    assert 'points cannot be triangulated: no camera_info received' in reason
    (reason, *_) = tried(AHEAD[:1], camera=replace(CAMERA, width=640))
    assert 'camera_info is for 640x240' in reason


def test_plain_images_have_no_points():
    motion, poses = source(), PoseHistory()
    grey = np.full((240, 320, 3), 120, np.uint8)
    for number, pose in enumerate(AHEAD[:6]):
        poses.add(stamp_of(number), pose)
        motion.see(Frame(grey, stamp_of(number), 'camera', CAMERA), poses)
    with pytest.raises(AlignmentError, match='hardly any point could be followed'):
        motion.align(RelativeInverseDepth(np.ones((240, 320), np.float32)), stamp_of(5), CAMERA)


def test_ground_of_known_height_serves_where_no_point_can_be_followed():
    curve = [camera_at(0.39 + 0.03 * number, 0.12 * number) for number in range(1, 7)]
    alone = tried(curve)
    assert 'without a turn of more than 20 degrees' in alone[-1]
    for alignment in tried(AHEAD + curve)[-2:]:
        assert alignment.source == 'motion+ground'
        assert max(depth_off(alignment, depth_m) for depth_m in (0.5, 1.0)) < 0.03


def test_ground_of_a_height_that_was_measured_once_does_not_make_up_for_points():
    curve = [camera_at(0.15 + 0.03 * number, 0.12 * number) for number in range(1, 7)]
    motion = source()
    reason = tried(AHEAD[:6] + curve, motion=motion)[-1]
    assert motion._ground.lens is not None and not motion._ground.confirmed
    assert 'without a turn of more than 20 degrees' in reason


@pytest.fixture
def settled():
    """Return a source that has a scale, the last image of its way, and what it shows."""
    motion = source()
    assert tried(AHEAD, motion=motion)[-1].source == 'motion+ground'
    motion._seen = motion._seen._replace(passed=None)
    _, depth_m = seen(AHEAD[-1])
    return motion, RelativeInverseDepth(GAIN / depth_m + OFFSET)


@pytest.mark.parametrize('factor', [0.3, 0.7, 1.5, 3.0])
def test_points_win_against_ground_at_another_height(settled, factor):
    motion, relative = settled
    motion._ground._value = motion._ground._value + np.array([math.log(factor), 0.0])
    alignment = motion.align(relative, stamp_of(13), CAMERA)
    assert max(depth_off(alignment, depth_m) for depth_m in (0.5, 1.0, 3.0)) < 0.06


def test_where_no_line_fits_points_and_ground_many_points_are_fitted_alone(settled, monkeypatch):
    motion, relative = settled
    monkeypatch.setattr(motion_source, 'fit_both', lambda *_, **__: Refusal('they disagree'))
    alignment = motion.align(relative, stamp_of(13), CAMERA)
    assert alignment.source == 'motion'
    assert max(depth_off(alignment, depth_m) for depth_m in (0.5, 1.0, 3.0)) < 0.03
    motion._seen = motion._seen._replace(
        places=motion._seen.places[:9],
        inverse_depth=motion._seen.inverse_depth[:9],
        sigma=motion._seen.sigma[:9],
    )
    with pytest.raises(AlignmentError, match='they disagree'):
        motion.align(relative, stamp_of(13), CAMERA)


def test_another_focal_length_starts_afresh():
    motion = source()
    tried(AHEAD, motion=motion)
    assert motion._ground.lens is not None
    wider = replace(CAMERA, fx_px=200.0, fy_px=200.0)
    poses, (rgb, depth_m) = PoseHistory(), seen(AHEAD[-1])
    poses.add(stamp_of(14), AHEAD[-1])
    motion.see(Frame(rgb, stamp_of(14), 'camera', wider), poses)
    with pytest.raises(AlignmentError, match=r'moved by 0\.00 m so far'):
        motion.align(RelativeInverseDepth(1.0 / depth_m), stamp_of(14), wider)
    assert motion._ground.lens is None


def test_points_that_lie_close_together_count_as_one():
    places = np.float32([[10, 10], [12, 11], [14, 14], [100, 100]])
    seen_points = ParallaxPoints(
        places, np.full(4, 1.0), np.zeros(4), RigidTransform(np.eye(3), np.zeros(3)), None
    )
    points = _reference_points(seen_points, RelativeInverseDepth(np.ones((240, 320), np.float32)))
    np.testing.assert_allclose(points.weights, [1 / 3, 1 / 3, 1 / 3, 1.0], rtol=1e-6)


def test_a_clock_that_steps_back_starts_afresh():
    motion = source()
    assert not isinstance(tried(AHEAD[:8], motion=motion)[-1], str)
    assert all(isinstance(reason, str) for reason in tried(AHEAD[:3], motion=motion))


def test_among_several_sources_it_sees_the_images():
    motion = source()
    several = PrioritySources([motion, FixedScale(1.0)])
    assert isinstance(several, FollowsCamera)
    found = tried(AHEAD[:6], motion=several)
    assert found[0].source == 'fixed'
    assert found[-1].source == 'motion+ground'
