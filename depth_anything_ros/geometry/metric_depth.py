"""Metric depth on its own: which of it counts, and how it looks beside a relative one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, MetricDepth, RelativeInverseDepth


def limit_depth(metric: MetricDepth, max_depth_m: float) -> MetricDepth:
    """
    Mark as unknown what is not a distance, or too far away.

    :param metric: float32 (H, W) in metres.
    :param max_depth_m: depth beyond this is unknown.
    :return: a new array; NaN where depth is not above 0, beyond `max_depth_m` or NaN. A network
        that ends in a sigmoid can give an exact 0.
    Source: REP 118 for NaN.
    """
    depth_m = metric.depth_m
    known = (depth_m > 0) & (depth_m <= max_depth_m)
    return replace(metric, depth_m=np.where(known, depth_m, np.float32(np.nan)))


def no_depth_reason(
    metric: MetricDepth, max_depth_m: float, given: MetricDepth | None = None
) -> str:
    """
    Return why depth says nothing at all, '' where it is known anywhere.

    :param metric: NaN where unknown.
    :param max_depth_m: depth beyond this is unknown.
    :param given: the same as a metric network gave it, None where a scale made it.
    """
    if not np.isnan(metric.depth_m).all():
        return ''
    reason = f'no pixel lies within 0 to {max_depth_m:g} m'
    if given is None:
        return reason
    # What is not above 0 is NaN already.
    above = given.depth_m[given.depth_m > 0]
    found = f'{above.min():.4g} to {above.max():.4g} m' if above.size else 'nothing above 0 m'
    return (
        f'{reason}: the network gives {found}; is max_depth_m right, and of a network in a folder '
        'output.metres_per_unit?'
    )


def limit_to(metric: MetricDepth, certain: NDArray[np.bool_]) -> MetricDepth:
    """Return depth without the pixels that are not certain, bool (H, W)."""
    return replace(metric, depth_m=np.where(certain, metric.depth_m, np.float32(np.nan)))


def inverse_depth(prediction: RelativeInverseDepth | MetricDepth) -> Float32Array:
    """
    Return what a preview colours: larger is nearer, NaN where unknown.

    :return: float32 (H, W); the values of relative inverse depth as they are, 1/m of metres.
    """
    if isinstance(prediction, MetricDepth):
        return np.reciprocal(prediction.depth_m)
    return prediction.values
