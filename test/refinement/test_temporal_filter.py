import math
from time import process_time

import cv2
import numpy as np
import pytest
from room_images import FOCAL_PX, camera_at, view

from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement.temporal_filter import SAME, SAME_FOLLOWED, TemporalFilter
from depth_anything_ros.types import Camera, Frame, MetricDepth

SHAPE = (16, 24)
TAU_S, DT_S = 0.3, 0.1
KEEP = math.exp(-DT_S / TAU_S)


START_NS = 1_000_000_000_000


def frame(number, grey=100, shape=SHAPE, frame_id='camera'):
    rgb = np.full((*shape, 3), grey, np.uint8)
    return Frame(rgb, START_NS + round(number * DT_S * 1e9), frame_id)


def metric(inverse, shape=SHAPE):
    return MetricDepth(np.full(shape, 1 / inverse, np.float32))


def inverse_after(steps, *pairs):
    """Feed (inverse depth, frame) pairs to a filter and return its last inverse depth."""
    for inverse, image in pairs:
        found = 1 / steps(metric(inverse, image.rgb.shape[:2]), image).depth_m
    assert found.std() < 1e-6
    return found[0, 0]


def test_a_small_step_is_followed_by_the_exponential_filter():
    found = inverse_after(TemporalFilter(TAU_S), (0.5, frame(0)), (0.505, frame(1)))
    weight = KEEP * math.exp(-((0.005 / 0.505 / SAME.depth) ** 2))
    assert found == pytest.approx(0.505 + weight * (0.5 - 0.505), abs=1e-6)


def test_the_weight_of_the_past_falls_with_the_change_of_grey():
    found = inverse_after(TemporalFilter(TAU_S), (0.5, frame(0)), (0.505, frame(1, grey=106)))
    weight = KEEP * math.exp(-((0.005 / 0.505 / SAME.depth) ** 2) - (6 / SAME.grey) ** 2)
    assert found == pytest.approx(0.505 + weight * (0.5 - 0.505), abs=1e-6)


def test_noise_falls_by_the_gain_of_the_exponential_filter():
    rng = np.random.default_rng(2)
    step = TemporalFilter(TAU_S)
    values = []
    for number in range(60):
        noisy = 0.5 * (1 + 0.01 * rng.standard_normal(SHAPE))
        values.append(1 / step(MetricDepth((1 / noisy).astype(np.float32)), frame(number)).depth_m)
    expected = 0.005 * math.sqrt((1 - KEEP) / (1 + KEEP))
    assert np.std(values[20:]) == pytest.approx(expected, rel=0.05)


def test_a_surface_that_comes_nearer_lags_by_at_most_the_time_constant():
    step = TemporalFilter(TAU_S)
    for number in range(40):
        depth_m = 4.0 - 0.03 * number
        found = step(metric(1 / depth_m), frame(number)).depth_m[0, 0]
    lag_s = (found - depth_m) / 0.3
    assert 0.5 * TAU_S < lag_s < TAU_S


@pytest.mark.parametrize(
    ('inverse', 'image'),
    [
        (2.0, frame(1)),
        (0.45, frame(1, grey=160)),
        (0.45, frame(100)),
        (0.45, frame(-1)),
        (0.45, frame(1, shape=(8, 8))),
        (0.45, frame(1, frame_id='other')),
    ],
)
def test_another_depth_scene_time_size_or_camera_starts_afresh(inverse, image):
    found = inverse_after(TemporalFilter(TAU_S), (0.5, frame(0)), (inverse, image))
    assert found == pytest.approx(inverse, rel=2e-3)


def test_the_same_image_again_gives_the_same_depth_and_ages_nothing():
    step, other = TemporalFilter(TAU_S), TemporalFilter(TAU_S)
    for each in (step, other):
        once = inverse_after(each, (0.5, frame(0)), (0.505, frame(1)))
    assert inverse_after(step, (0.505, frame(1)), (0.505, frame(1))) == once
    # With a fit that came meanwhile, the scale of the same image may be another.
    assert inverse_after(step, (0.51, frame(1))) == once
    assert inverse_after(step, (0.51, frame(2))) == inverse_after(other, (0.51, frame(2)))


def test_a_clock_that_stands_still_does_not_freeze_the_depth():
    step = TemporalFilter(TAU_S)
    inverse_after(step, (0.5, frame(0)))
    assert inverse_after(step, (0.505, frame(0, grey=101))) == pytest.approx(0.505, abs=1e-6)
    assert inverse_after(step, (0.51, frame(0, grey=102))) == pytest.approx(0.51, abs=1e-6)


def test_reset_forgets():
    step = TemporalFilter(TAU_S)
    inverse_after(step, (0.5, frame(0)))
    step.reset()
    assert inverse_after(step, (0.505, frame(1))) == pytest.approx(0.505, abs=1e-6)


def test_unknown_stays_unknown_and_spoils_nothing():
    step = TemporalFilter(TAU_S)
    first, second, third = metric(0.5), metric(0.505), metric(0.505)
    first.depth_m[0, 0] = np.nan
    second.depth_m[5, 5] = np.nan
    step(first, frame(0))
    found = step(second, frame(1)).depth_m
    assert np.isnan(found).sum() == 1 and np.isnan(found[5, 5])
    assert found[0, 0] == pytest.approx(1 / 0.505)
    assert step(third, frame(2)).depth_m[5, 5] == pytest.approx(1 / 0.505)


def test_depth_never_leaves_the_range_of_past_and_present():
    rng = np.random.default_rng(4)
    step = TemporalFilter(TAU_S)
    before = step(MetricDepth(rng.uniform(0.3, 5, SHAPE).astype(np.float32)), frame(0)).depth_m
    for number in range(1, 5):
        now = rng.uniform(0.3, 5, SHAPE).astype(np.float32)
        found = step(MetricDepth(now.copy()), frame(number)).depth_m
        assert (found >= np.minimum(before, now) * (1 - 1e-5)).all()
        assert (found <= np.maximum(before, now) * (1 + 1e-5)).all()
        before = found


# The past follows the camera, where its motion is known.

CAMERA = Camera(96, 64, 80.0, 80.0, 47.5, 31.5)
LONG = Camera(96, 64, 1000.0, 1000.0, 47.5, 31.5)
SPEED_M_S, WALL_M = 0.5, 3.0


def textured(seed=0):
    grey = np.random.default_rng(seed).integers(40, 200, (16, 24), dtype=np.uint8)
    return np.stack([np.kron(grey, np.ones((4, 4), np.uint8))] * 3, axis=-1)


def plain():
    return np.full((64, 96, 3), 100, np.uint8)


def approach(step, rgb, told_m_s=SPEED_M_S, frames=30, poses=None, lag_s=0.0):
    """Drive to a wall; return the last depth and its truth, both of the middle."""
    for number in range(frames):
        seconds = 1.0 + number * DT_S
        if poses is not None:
            pose = RigidTransform(np.eye(3), np.array([0.0, 0.0, told_m_s * seconds]))
            poses.add(round((seconds + lag_s) * 1e9), pose)
        true_m = WALL_M - SPEED_M_S * (seconds - 1.0)
        image = Frame(rgb, round(seconds * 1e9), 'camera', CAMERA)
        found = step(metric(1 / true_m, (64, 96)), image).depth_m
    return found[32, 48], true_m


def test_a_surface_that_comes_nearer_does_not_lag_where_motion_is_known():
    poses = PoseHistory()
    step = TemporalFilter(TAU_S, poses)
    found, true_m = approach(step, plain(), poses=poses)
    assert found == pytest.approx(true_m, abs=0.001)
    assert (step.state, step.doubt) == ('follows the camera', '')


def test_wrong_odometry_and_clocks_lag_by_their_error_alone():
    poses = PoseHistory()
    step = TemporalFilter(TAU_S, poses)
    found, true_m = approach(step, plain(), told_m_s=1.05 * SPEED_M_S, poses=poses, lag_s=0.05)
    assert abs(found - true_m) < 0.1 * TAU_S * SPEED_M_S


def test_without_poses_it_is_the_filter_of_a_still_camera():
    given, expected = (
        approach(TemporalFilter(TAU_S, poses), plain()) for poses in (PoseHistory(), None)
    )
    assert given == expected


@pytest.mark.parametrize(
    ('required', 'doubt'),
    [(False, ''), (True, 'depth is smoothed as if the camera stood still: no pose has come yet')],
)
def test_poses_that_never_come_are_a_fault_if_they_were_asked_for(required, doubt):
    step = TemporalFilter(TAU_S, PoseHistory(), required=required)
    approach(step, plain(), frames=2)
    assert step.state == 'motion of the camera unknown: no pose has come yet'
    assert step.doubt == doubt


def test_poses_that_stop_are_a_fault():
    poses = PoseHistory()
    step = TemporalFilter(TAU_S, poses)
    approach(step, plain(), frames=2, poses=poses, lag_s=-3.0)
    assert 'as if the camera stood still: the newest pose is more than' in step.doubt


def test_frames_without_a_camera_are_smoothed_as_of_a_still_one():
    poses = PoseHistory()
    step = TemporalFilter(TAU_S, poses)
    for number in range(2):
        poses.add(
            frame(number).stamp_ns, RigidTransform(np.eye(3), np.array([0, 0, 0.1 * number]))
        )
        step(metric(0.5), frame(number))
    assert 'no camera_info' in step.state


def test_a_camera_that_stands_still_changes_nothing():
    steps = TemporalFilter(TAU_S, PoseHistory()), TemporalFilter(TAU_S)
    for number, inverse in enumerate((0.5, 0.505, 0.51)):
        image = Frame(textured(), START_NS + round(number * DT_S * 1e9), 'camera', CAMERA)
        steps[0]._poses.add(image.stamp_ns, RigidTransform(np.eye(3), np.zeros(3)))
        found = [step(metric(inverse, (64, 96)), image).depth_m for step in steps]
        np.testing.assert_array_equal(*found)
    assert steps[0].state == 'the camera stands still'


def test_a_motion_that_images_contradict_is_left_out_and_told():
    # The image does not change, though the robot says that it turns.
    camera = Camera(320, 240, 277.0, 277.0, 159.5, 119.5)
    rgb = cv2.resize(textured(), (320, 240))
    poses = PoseHistory()
    step, still = TemporalFilter(TAU_S, poses), TemporalFilter(TAU_S)
    for number in range(14):
        image = Frame(rgb, START_NS + round(number * DT_S * 1e9), 'camera', camera)
        turned = RigidTransform.from_pose(0, 0, 0, 0, 0.1 * number, 0)
        poses.add(image.stamp_ns, turned)
        now = metric(0.5 + 0.005 * (number % 2), (240, 320))
        np.testing.assert_array_equal(step(now, image).depth_m, still(now, image).depth_m)
    assert step.state == 'the motion contradicts the image'
    assert 'the motion of odometry or TF contradicts images and is left out: ' in step.doubt


def test_the_image_turns_with_the_camera():
    # A wall around the robot with stripes; in the image they move by ten pixels a frame.
    poses = PoseHistory()
    step = TemporalFilter(TAU_S, poses)
    columns = np.arange(-200, 400)
    stripes = (100 + 60 * np.sin(columns / 6.0)).astype(np.uint8)
    for number, inverse in enumerate((0.5, 0.505)):
        # Of small turns and a long lens, a turn is a shift.
        seen = stripes[200 + 10 * number :][:96]
        rgb = np.repeat(np.tile(seen, (64, 1))[..., None], 3, axis=2)
        image = Frame(rgb, START_NS + round(number * DT_S * 1e9), 'camera', LONG)
        turned = RigidTransform.from_pose(0, 0, 0, 0, number * 10 / LONG.fx_px, 0)
        poses.add(image.stamp_ns, turned)
        found = step(metric(inverse, (64, 96)), image).depth_m
    weight = KEEP * math.exp(-((0.005 / 0.505 / SAME_FOLLOWED.depth) ** 2))
    assert 1 / found[32, 30] == pytest.approx(0.505 - weight * 0.005, abs=3e-4)
    assert 1 / found[32, 92] == pytest.approx(0.505, abs=1e-6)  # was not in view


@pytest.mark.perf
def test_following_the_camera_takes_at_most_four_milliseconds_on_one_core():
    keep_large_buffers()  # as nodes do
    camera = Camera(640, 480, 4 * FOCAL_PX, 4 * FOCAL_PX, 319.5, 239.5)
    poses = PoseHistory()
    step, spent_ms = TemporalFilter(TAU_S, poses), []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for number in range(60):
            pose = camera_at(-1.0 + 0.02 * number, 0.2, 0.02 * number)
            grey, inverse = (cv2.resize(seen, (640, 480)) for seen in view(pose))
            stamp_ns = START_NS + round(number * DT_S * 1e9)
            image = Frame(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), stamp_ns, 'camera', camera)
            poses.add(stamp_ns, pose)
            now = MetricDepth(1 / inverse)
            start_s = process_time()
            step(now, image)
            spent_ms.append((process_time() - start_s) * 1e3)
    finally:
        cv2.setNumThreads(threads)
    assert step.state == 'follows the camera'
    taken_ms = np.median(spent_ms[10:])
    assert taken_ms <= 4.0, f'{taken_ms:.2f} ms'
