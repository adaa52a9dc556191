"""
The depth metrics, each with its formula, unit and direction.

Every function takes the predicted and the true depth of the scored pixels of one image, 1-D, in
metres, positive and finite, and returns one number. A run's score is the mean of these numbers
over its images, so that every image counts the same.

Source: Eigen et al. (2014) for abs_rel, rmse, delta; the KITTI depth devkit for SILog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from depth_anything_ros.registry import Registry
from depth_anything_ros.types import Float32Array

MetricFunction = Callable[[Float32Array, Float32Array], float]


class Better(str, Enum):
    """Which direction of a metric is the better one."""

    LOWER = 'lower'
    HIGHER = 'higher'


@dataclass(frozen=True)
class Metric:
    """A metric: p is the prediction and t the truth of one pixel, N the pixels scored."""

    name: str
    unit: str
    better: Better
    formula: str
    function: MetricFunction
    averaging: str = 'over the pixels of an image, then over images'


def abs_rel(prediction_m: Float32Array, truth_m: Float32Array) -> float:
    """Return the mean absolute error relative to the truth."""
    return float(np.mean(np.abs(prediction_m - truth_m) / truth_m, dtype=np.float64))


def rmse(prediction_m: Float32Array, truth_m: Float32Array) -> float:
    """Return the root mean square error in metres."""
    return float(np.sqrt(np.mean(np.square(prediction_m - truth_m), dtype=np.float64)))


def mae(prediction_m: Float32Array, truth_m: Float32Array) -> float:
    """Return the mean absolute error in metres."""
    return float(np.mean(np.abs(prediction_m - truth_m), dtype=np.float64))


def silog(prediction_m: Float32Array, truth_m: Float32Array) -> float:
    """
    Return the scale-invariant logarithmic error as KITTI ranks by it.

    It is 100 times the standard deviation of ln p - ln t: lambda is 1, and the root is taken.
    """
    # NumPy sums pairwise: float32 is exact enough, and float64 would double the memory.
    return float(100.0 * np.std(np.log(prediction_m / truth_m)))


def _delta(threshold: float) -> MetricFunction:
    def share(prediction_m: Float32Array, truth_m: Float32Array) -> float:
        ratio = np.maximum(prediction_m / truth_m, truth_m / prediction_m)
        return float(np.mean(ratio < threshold, dtype=np.float64))

    return share


def _delta_metric(power: int) -> Metric:
    threshold = 1.25**power
    return Metric(
        name=f'delta{power}',
        unit='',
        better=Better.HIGHER,
        formula=f'share of pixels with max(p / t, t / p) < {threshold:g}',
        function=_delta(threshold),
    )


METRICS: Registry[Metric] = Registry(
    'metric',
    {
        metric.name: metric
        for metric in (
            Metric('abs_rel', '', Better.LOWER, 'Σ |p − t| / t / N', abs_rel),
            Metric('rmse', 'm', Better.LOWER, '√(Σ (p − t)² / N)', rmse),
            Metric('mae', 'm', Better.LOWER, 'Σ |p − t| / N', mae),
            Metric(
                'silog',
                '100 ln',
                Better.LOWER,
                '100 · √(Σ e² / N − (Σ e / N)²), e = ln p − ln t',
                silog,
            ),
            _delta_metric(1),
            _delta_metric(2),
            _delta_metric(3),
        )
    },
)
