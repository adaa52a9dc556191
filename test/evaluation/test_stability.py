import math

import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.evaluation.stability import (
    DepthPair,
    Stability,
    StabilityMean,
    tracked_change,
    unmoved_change,
)
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Camera

CAMERA = Camera(160, 120, 140.0, 140.0, 79.5, 59.5)
STILL = RigidTransform(np.eye(3), np.zeros(3))
WALL = np.full((120, 160), 2.0, np.float32)


def test_a_still_camera_sees_the_change_of_the_prediction_itself():
    rng = np.random.default_rng(0)
    first = (WALL + rng.normal(0, 0.05, WALL.shape)).astype(np.float32)
    second = (WALL + rng.normal(0, 0.05, WALL.shape)).astype(np.float32)
    before, now = DepthPair(first, WALL), DepthPair(second, WALL)
    tracked = tracked_change(before, now, CAMERA, STILL)
    thinned = np.abs(second - first)[::4, ::4].mean()
    assert tracked.points == 30 * 40
    assert tracked.metres == pytest.approx(thinned, rel=1e-5)
    assert tracked.share == pytest.approx(thinned / 2, rel=1e-5)
    everywhere = unmoved_change(before, now)
    assert everywhere.points == WALL.size
    assert everywhere.metres == pytest.approx(np.abs(second - first).mean(), rel=1e-5)
    # The mean of |a − b| of two normal numbers.
    assert everywhere.metres == pytest.approx(0.05 * 2 / math.sqrt(math.pi), rel=0.02)


def test_a_motion_that_the_prediction_follows_is_no_change():
    # 0.5 m ahead and a little aside; the prediction is 10 % too far before and after.
    motion = RigidTransform(np.eye(3), np.array([0.1, 0.0, -0.5]))
    nearer = WALL - 0.5
    found = tracked_change(DepthPair(1.1 * WALL, WALL), DepthPair(1.1 * nearer, nearer), CAMERA,
                           motion)  # fmt: skip
    assert found.share == pytest.approx(0.0, abs=1e-6)
    assert found.metres == pytest.approx(0.1 * 0.5, rel=1e-4)
    frozen = tracked_change(DepthPair(WALL, WALL), DepthPair(WALL, nearer), CAMERA, motion)
    assert frozen.metres == pytest.approx(0.5, rel=1e-5)


def test_a_turn_moves_points_through_the_image():
    angle = 0.1
    turn = RigidTransform.from_pose(0, 0, 0, 0, angle, 0)
    columns = (np.arange(160) - CAMERA.cx_px) / CAMERA.fx_px

    def wall(normal_x, normal_z):
        depth = 2.0 / (normal_x * columns + normal_z)
        return np.tile(depth, (120, 1)).astype(np.float32)

    now = wall(math.sin(angle), math.cos(angle))
    found = tracked_change(DepthPair(WALL, WALL), DepthPair(now, now), CAMERA, turn)
    assert 0.6 * 1200 < found.points < 0.95 * 1200
    assert found.metres == pytest.approx(0.0, abs=1e-6)


def test_what_is_hidden_or_unknown_does_not_count():
    truth = WALL.copy()
    truth[:, 80:] = 1.0
    prediction = np.where(truth < 1.5, np.float32(9.0), WALL)
    prediction[:60] = np.nan
    found = tracked_change(DepthPair(WALL, WALL), DepthPair(prediction, truth), CAMERA, STILL)
    assert (found.points, found.metres) == (15 * 20, 0.0)
    assert unmoved_change(DepthPair(WALL, WALL), DepthPair(prediction, truth)).points == 60 * 80


def test_too_few_points_or_another_size_give_no_change():
    nothing = np.full_like(WALL, np.nan)
    pair = DepthPair(WALL, WALL)
    assert tracked_change(DepthPair(WALL, nothing), pair, CAMERA, STILL) is None
    assert tracked_change(DepthPair(nothing, WALL), pair, CAMERA, STILL) is None
    assert unmoved_change(pair, DepthPair(nothing, WALL)) is None
    assert unmoved_change(pair, DepthPair(WALL[:50], WALL[:50])) is None


def test_an_uncalibrated_camera_is_refused():
    pair = DepthPair(WALL, WALL)
    with pytest.raises(CameraError, match='not calibrated'):
        tracked_change(pair, pair, Camera(160, 120, 0.0, 0.0, 0.0, 0.0), STILL)


def mean_of(*frames):
    mean = StabilityMean()
    for seconds, depth_m in frames:
        mean.add(round(seconds * 1e9), DepthPair(np.full_like(WALL, depth_m), WALL))
    return mean


def test_a_mean_over_frames_compares_each_with_the_one_before():
    nothing = Stability(None, None, 0, None)
    assert StabilityMean().result() == nothing
    assert mean_of((0.0, 2.0)).result() == nothing
    mean = mean_of((0.0, 2.0), (0.1, 2.1), (0.22, 2.4))
    mean.add(300_000_000, DepthPair(WALL, WALL + 1))
    found = mean.result()
    assert found.frames == 2
    assert found.change_m == pytest.approx(0.2, rel=1e-5)
    assert found.change == pytest.approx(0.1, rel=1e-5)
    assert found.gap_s == pytest.approx(0.11)


@pytest.mark.parametrize(('gap_s', 'frames'), [(0.149, 4), (0.151, 3), (5.0, 3), (-0.3, 3)])
def test_frames_further_apart_than_usual_do_not_count(gap_s, frames):
    seconds = (1.0, 1.1, 1.2, 1.2 + gap_s, 1.3 + gap_s)
    found = mean_of(*((time, 2.0 + 0.1 * time) for time in seconds)).result()
    assert found.frames == frames
    counted = 0.1 if frames == 3 else 0.25 * (0.3 + gap_s)
    assert found.gap_s == pytest.approx(counted)
    assert found.change_m == pytest.approx(0.1 * counted, rel=1e-4)
