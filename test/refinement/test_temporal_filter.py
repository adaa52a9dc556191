import math

import numpy as np
import pytest

from depth_anything_ros.refinement.temporal_filter import SAME_DEPTH, SAME_GREY, TemporalFilter
from depth_anything_ros.types import Frame, MetricDepth

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
    weight = KEEP * math.exp(-((0.005 / 0.505 / SAME_DEPTH) ** 2))
    assert found == pytest.approx(0.505 + weight * (0.5 - 0.505), abs=1e-6)


def test_the_weight_of_the_past_falls_with_the_change_of_grey():
    found = inverse_after(TemporalFilter(TAU_S), (0.5, frame(0)), (0.505, frame(1, grey=106)))
    weight = KEEP * math.exp(-((0.005 / 0.505 / SAME_DEPTH) ** 2) - (6 / SAME_GREY) ** 2)
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
