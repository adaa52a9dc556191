import math

import numpy as np
import pytest

from depth_anything_ros.errors import MotionError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.motion.pose_history import MAX_AHEAD_S, MAX_GAP_S, PoseHistory

S = 1_000_000_000


def pose(x_m=0.0, yaw=0.0):
    return RigidTransform.from_pose(x_m, 0.0, 0.0, 0.0, 0.0, yaw)


def history(*stamped):
    made = PoseHistory()
    for seconds, x_m in stamped:
        made.add(round(seconds * S), pose(x_m))
    return made


def x_at(made, seconds):
    return made.at(round(seconds * S)).translation_m[0]


def test_between_two_poses_the_speed_is_constant():
    made = history((1.0, 0.0), (1.2, 0.1))
    assert x_at(made, 1.0) == 0.0
    assert x_at(made, 1.05) == pytest.approx(0.025)
    assert x_at(made, 1.2) == 0.1


def test_turns_are_divided_about_their_axis():
    made = PoseHistory()
    made.add(0, pose(yaw=0.2))
    made.add(S // 5, pose(yaw=0.6))
    expected = pose(yaw=0.3)
    np.testing.assert_allclose(made.at(S // 20).rotation, expected.rotation, atol=1e-12)


def test_after_the_newest_pose_the_motion_goes_on_for_a_moment():
    # The speed is that of the last tenth of a second, not of the last two jittering stamps.
    made = history((0.8, 0.0), (0.9, 0.1), (0.999, 0.19), (1.0, 0.2))
    assert x_at(made, 1.05) == pytest.approx(0.25)
    assert x_at(made, 1.0 + MAX_AHEAD_S) == pytest.approx(0.3)
    with pytest.raises(MotionError, match='more than 0.1 s older than the image'):
        made.at(round((1.001 + MAX_AHEAD_S) * S))


def test_movement_carries_static_points_into_the_later_view():
    made = PoseHistory()
    made.add(0, pose(0.0))
    made.add(S // 10, pose(0.5, math.pi / 2))
    # A point one metre ahead at first is half a metre to the right of where it looks then.
    point = made.between(0, S // 10).apply(np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(point, [[0.0, -0.5, 0.0]], atol=1e-12)


@pytest.mark.parametrize(
    ('stamped', 'seconds', 'words'),
    [
        ((), 1.0, 'no pose has come yet'),
        (((1.0, 0.0),), 0.9, 'begin after the image'),
        (((1.0, 0.0),), 1.05, 'no two poses within 0.5 s'),
        (((1.0, 0.0), (1.1 + MAX_GAP_S, 1.0)), 1.3, 'no two poses within 0.5 s'),
    ],
)
def test_what_is_not_known_is_said(stamped, seconds, words):
    with pytest.raises(MotionError, match=words):
        x_at(history(*stamped), seconds)


@pytest.mark.parametrize('seconds', [3.2, 4.0])
def test_poses_that_come_too_seldom_are_told_with_their_rate(seconds):
    made = history(*((1.0 + 0.51 * number, 0.1 * number) for number in range(6)))
    with pytest.raises(MotionError, match='poses come 2 times a second; at least 10 are needed'):
        x_at(made, seconds)


def test_poses_that_came_often_enough_and_stopped_are_told_without_it():
    made = history(*((1.0 + 0.1 * number, 0.1 * number) for number in range(6)))
    with pytest.raises(MotionError, match='older than the image$'):
        x_at(made, 2.0)


def test_why_no_pose_can_be_made_of_messages_any_more_is_told():
    made = history((1.0, 0.0), (1.1, 0.1))
    made.refuse('its pose stays at 0 0 0')
    with pytest.raises(MotionError, match='older than the image: its pose stays at 0 0 0'):
        x_at(made, 2.0)
    made.add(2 * S, pose())
    with pytest.raises(MotionError, match='older than the image$'):
        x_at(made, 3.0)


def test_poses_of_another_teller_forget_the_older_ones():
    made = history((1.0, 0.0), (1.1, 0.1))
    made.add(round(1.2 * S), pose(5.0), teller='odom')
    assert (len(made), made.teller) == (1, 'odom')


def test_a_pose_of_the_same_stamp_replaces_the_last():
    made = history((1.0, 0.0), (1.0, 0.3))
    assert (len(made), x_at(made, 1.0)) == (1, 0.3)


def test_stamps_that_step_back_and_another_fixed_frame_forget_the_past():
    made = history((1.0, 0.0), (1.1, 0.1), (0.5, 0.0))
    assert len(made) == 1
    made.add(S, pose(), 'map')
    assert len(made) == 1
    with pytest.raises(MotionError):
        made.between(S // 2, S)


def test_no_more_is_kept_than_there_is_room_for():
    made = PoseHistory()
    for number in range(3000):
        made.add(number * S // 100, pose(number * 0.01))
    assert len(made) < 3000
    assert x_at(made, 29.985) == pytest.approx(29.985)
