"""Odometry that is right stays, and what is wrong with one that is not is found."""

import re
from itertools import pairwise

import numpy as np
import pytest
from room_images import FOCAL_PX, HEIGHT, WIDTH, camera_at, view

from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement.motion_evidence import MotionEvidence
from depth_anything_ros.refinement.moved_view import Seen
from depth_anything_ros.types import Camera

S, FRAMES, RATE_HZ = 1_000_000_000, 24, 10
CAMERA = Camera(WIDTH, HEIGHT, FOCAL_PX, FOCAL_PX, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
# The camera drives a curve, first to one side and then to the other.
_YAWS = 0.3 * np.sin(np.arange(-30, FRAMES + 30) / 4.0)
_WAYS = np.cumsum(0.03 * np.stack([np.cos(_YAWS), np.sin(_YAWS)]), axis=1)
PATH = [(x - 2.5, y + 0.1, yaw) for x, y, yaw in zip(*_WAYS, _YAWS, strict=True)]


@pytest.fixture(scope='module')
def views():
    return [view(camera_at(*pose)) for pose in PATH[30 : 30 + FRAMES]]


def stamp(number, late_s=0.0):
    return round((100 + number / RATE_HZ + late_s) * S)


def told_poses(told=lambda x, y, yaw: (x, y, yaw), late_s=0.0, camera=camera_at):
    poses = PoseHistory()
    for number, pose in enumerate(PATH, -30):
        poses.add(stamp(number, late_s), camera(*told(*pose)))
    return poses


def seen_at(number, grey, inverse):
    return Seen(inverse, grey.astype(np.float32), stamp(number), 'camera')


def judged(views, poses):
    """Return whether each frame but the first agrees, and the cause if they do not."""
    evidence = MotionEvidence()
    seen = [seen_at(number, *shown) for number, shown in enumerate(views)]
    agreed = [evidence.agrees(*pair, CAMERA, poses) for pair in pairwise(seen)]
    return agreed, evidence.cause(poses)


@pytest.mark.parametrize('gain', [0.95, 1.0, 1.05])
@pytest.mark.parametrize('late_s', [-0.05, 0.0, 0.05])
def test_odometry_that_is_nearly_right_stays(views, gain, late_s):
    agreed, _ = judged(
        views, told_poses(lambda x, y, yaw: (gain * x, gain * y, gain * yaw), late_s)
    )
    assert np.mean(agreed) >= 0.9


@pytest.mark.parametrize(
    ('told', 'cause'),
    [
        (lambda x, y, yaw: (-x, -y, yaw), 'it moves the other way than it says'),
        (lambda x, y, yaw: (y, x, yaw), 'x and y of its position are swapped'),
        (lambda x, y, yaw: (100 * x, 100 * y, yaw), r'about 1e\+02 times too long'),
        (lambda x, y, yaw: (1000 * x, 1000 * y, yaw), r'about 1e\+03 times too long'),
        (lambda x, y, yaw: (x / 100, y / 100, yaw), r'about 1e\+02 times too short'),
        (lambda x, y, yaw: (x, y, -yaw), 'it turns the other way than it says'),
        (lambda x, y, yaw: (x, y, yaw + np.pi), 'taken to look back'),
        (lambda x, y, yaw: (x, y, yaw + np.pi / 2), '90° too far to the left'),
        (lambda x, y, yaw: (x, y, yaw - np.pi / 2), '90° too far to the right'),
    ],
)  # fmt: skip
def test_wrong_odometry_is_left_out_and_its_cause_found(views, told, cause):
    agreed, found = judged(views, told_poses(told))
    assert np.mean(agreed) <= 0.25
    assert re.search(cause, found)


def test_a_frame_of_images_with_the_axes_of_a_body_is_named(views):
    agreed, found = judged(
        views, told_poses(camera=lambda *pose: camera_at(*pose) @ OPTICAL_FROM_BODY)
    )
    assert np.mean(agreed) <= 0.25
    assert 'let images name their optical frame' in found


def test_odometry_that_stands_while_images_move_is_found(views):
    agreed, found = judged(views, told_poses(lambda *_: (0.0, 0.0, 0.0)))
    assert np.mean(agreed) <= 0.25
    assert found.startswith('it says that the camera stands')


def test_a_camera_that_stands_agrees_with_odometry_that_stands(views):
    agreed, _ = judged([views[0]] * 12, told_poses(lambda *_: (0.0, 0.0, 0.0)))
    assert all(agreed)


@pytest.mark.parametrize(('late_s', 'words'), [(1.0, '1.0 s too late'), (-0.8, '0.8 s too early')])
def test_clocks_that_differ_are_told_with_their_difference(views, late_s, words):
    agreed, found = judged(views, told_poses(late_s=late_s))
    assert np.mean(agreed) <= 0.5
    assert words in found


def test_nothing_seen_is_nothing_against_it(views):
    plain = np.full((HEIGHT, WIDTH), 128, np.uint8)
    agreed, _ = judged(
        [(plain, inverse) for _, inverse in views], told_poses(lambda x, y, yaw: (-x, -y, yaw))
    )
    assert all(agreed)


def test_images_are_judged_ten_times_a_second_at_most(views):
    evidence, poses = MotionEvidence(), told_poses(lambda x, y, yaw: (-x, -y, yaw))
    seen = [seen_at(number / 3, *views[number]) for number in range(10)]
    verdicts = [evidence.agrees(*pair, CAMERA, poses) for pair in pairwise(seen)]
    assert verdicts == [True] * 5 + [False] * 4


def test_a_reset_of_odometry_costs_one_frame(views):
    poses = PoseHistory()
    for number, pose in enumerate(PATH, -30):
        x, y, yaw = pose if number < 12 else (pose[0] + 5.0, pose[1] - 3.0, pose[2])
        poses.add(stamp(number), camera_at(x, y, yaw))
    agreed, _ = judged(views, poses)
    assert agreed.count(False) == 1


def test_odometry_that_comes_right_again_is_believed_again(views):
    poses, (turning_x, turning_y, _) = PoseHistory(), PATH[40]
    for number, (x, y, yaw) in enumerate(PATH, -30):
        if number < 10:
            x, y = 2 * turning_x - x, 2 * turning_y - y
        poses.add(stamp(number), camera_at(x, y, yaw))
    agreed, _ = judged(views, poses)
    assert not any(agreed[2:10])
    assert agreed[-1]
