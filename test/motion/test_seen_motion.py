import numpy as np
import pytest
from room_images import RAYS, camera_at, view

from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.motion.seen_motion import seen_motion

START = camera_at(-1.0, 0.2, 0.1)
STILL = RigidTransform(np.eye(3), np.zeros(3))


def seen(after, told=STILL, depth=1.0):
    (before, inverse), (now, _) = view(START), view(after)
    return seen_motion(before, now, inverse / np.float32(depth), RAYS, told)


POSES = [(-0.97, 0.2, 0.1), (-0.97, 0.21, 0.15), (-1.0, 0.2, 0.05)]


@pytest.mark.parametrize('pose', POSES)
def test_the_motion_is_found(pose):
    true = camera_at(*pose).inverse() @ START
    found = seen(camera_at(*pose), true)
    np.testing.assert_allclose(found.move, true.translation_m, atol=0.004)
    # A turn to the left carries what is seen to the right.
    np.testing.assert_allclose(found.turn, [0.0, pose[2] - 0.1, 0.0], atol=0.002)
    np.testing.assert_array_equal(found.told_move, true.translation_m)


@pytest.mark.parametrize('pose', POSES)
def test_what_is_told_does_not_prove_itself(pose):
    true = camera_at(*pose).inverse() @ START
    found = seen(camera_at(*pose), STILL)
    np.testing.assert_allclose(found.move, true.translation_m, atol=0.012)
    np.testing.assert_allclose(found.turn, [0.0, pose[2] - 0.1, 0.0], atol=0.003)


def test_what_is_far_off_is_many_standard_deviations_off():
    after = camera_at(-0.97, 0.2, 0.15)
    true = after.inverse() @ START
    found = seen(after, true)
    assert found.move_misfit(true.translation_m) < 20 < found.move_misfit(np.zeros(3))
    assert found.turn_misfit(found.told_turn) < 20 < found.turn_misfit(np.zeros(3))
    assert found.move_misfit(-true.translation_m) > 3 * found.move_misfit(np.zeros(3))


def test_moves_are_as_long_as_the_depth_has_them():
    after = camera_at(-0.96, 0.2, 0.1)
    assert seen(after, depth=2.0).move[2] == pytest.approx(2 * seen(after).move[2], rel=0.05)


def test_a_plain_image_and_unknown_depth_tell_nothing():
    grey = np.full((120, 160), 128, np.uint8)
    assert seen_motion(grey, grey, np.ones((120, 160), np.float32), RAYS, STILL) is None
    (before, inverse), (now, _) = view(START), view(camera_at(-0.97, 0.2, 0.1))
    unknown = np.full_like(inverse, np.nan)
    assert seen_motion(before, now, unknown, RAYS, STILL) is None


def test_a_turn_out_of_sight_tells_nothing():
    told = RigidTransform.from_pose(0, 0, 0, 0, np.pi, 0)
    assert seen(camera_at(-0.97, 0.2, 0.1), told) is None
