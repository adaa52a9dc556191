import math

import numpy as np
import pytest

from depth_anything_ros.evaluation.mean_doubts import MeanDoubts
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.evaluation.reliability import coverage, miscalibration, reliability
from depth_anything_ros.evaluation.sparsification import sparsification
from depth_anything_ros.evaluation.view import View


def drawn(claimed, pixels=20_000):
    """Return the curve of errors of a normal distribution, σ told too large by a factor."""
    rng = np.random.default_rng(4)
    sigma_m = rng.uniform(0.1, 2.0, pixels).astype(np.float32)
    error_m = (rng.standard_normal(pixels) * sigma_m).astype(np.float32)
    return reliability(error_m, np.float32(claimed) * sigma_m)


@pytest.mark.parametrize(
    ('claimed', 'covered'),
    # 2 Φ(1.645 c) − 1.
    [(1.0, 0.9), (0.5, 0.589), (2.0, 0.999)],
)
def test_errors_as_large_as_told_are_covered_as_often_as_they_should_be(claimed, covered):
    found = drawn(claimed)
    assert coverage(found) == pytest.approx(covered, abs=0.01)
    # The mean of |2 Φ(c · Φ⁻¹((1 + p) / 2)) − 1 − p| is about 0.2 for half and for twice.
    assert miscalibration(found) == pytest.approx(0.0 if claimed == 1 else 0.2, abs=0.03)


def test_what_is_unknown_does_not_count_and_little_says_nothing():
    sigma_m = np.full(200, 1.0, np.float32)
    sigma_m[150:] = np.nan
    error_m = np.where(np.isnan(sigma_m), np.float32(9.0), np.float32(0.5))
    assert coverage(reliability(error_m, sigma_m)) == 1.0
    assert reliability(error_m[60:], sigma_m[60:]) is None


def test_the_metrics_of_uncertainty_are_of_its_size_and_its_order():
    truth_m = np.full((20, 20), 2.0, np.float32)
    share = np.linspace(0.01, 0.2, 400, dtype=np.float32).reshape(20, 20)
    depth_m = truth_m * (1 + share)
    scored = np.ones((20, 20), np.bool_)

    def of(name, sigma_map):
        view = View(depth_m, truth_m, scored, 8.0, sigma_map=sigma_map)
        return METRICS[f'sigma.{name}'].of(view)

    right, turned = share * depth_m, share[::-1, ::-1] * depth_m
    assert of('share', right) == pytest.approx(0.105, rel=1e-3)
    assert of('ause', right) == pytest.approx(0.0, abs=1e-6)
    assert of('ause', turned) > 0.05
    assert of('coverage', right) == 1.0
    assert of('coverage', right / 2) == 0.0
    assert math.isnan(of('share', np.full_like(right, np.nan))) and math.isnan(of('share', None))


def test_curves_of_a_run_are_means_over_the_frames_that_have_some():
    doubts = MeanDoubts()
    doubts.add(FrameScore({}, 0, 0.0))
    assert doubts.reliability is None and doubts.sparsification is None
    error = np.linspace(0, 1, 100, dtype=np.float32)
    found = [drawn(0.5), drawn(2.0)]
    curves = [sparsification(error, -error), sparsification(error, error)]
    for each, left in zip(found, curves, strict=True):
        doubts.add(FrameScore({}, 0, 0.0, reliability=each, sigma_sparsification=left))
    np.testing.assert_allclose(
        doubts.reliability.observed, np.mean([each.observed for each in found], axis=0)
    )
    for name in ('error', 'best'):
        expected = np.mean([getattr(each, name) for each in curves], axis=0)
        np.testing.assert_allclose(getattr(doubts.sparsification, name), expected)
