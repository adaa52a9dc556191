"""Metric depth on its own: which of it counts."""

from __future__ import annotations

import numpy as np

from depth_anything_ros.types import MetricDepth


def limit_depth(metric: MetricDepth, max_depth_m: float) -> MetricDepth:
    """
    Make unknown what is no distance or too far.

    :param metric: float32 (H, W) in metres.
    :param max_depth_m: depth beyond this is unknown.
    :return: a new array; NaN where depth is not above 0, beyond `max_depth_m` or NaN. A network
        that ends in a sigmoid can give an exact 0.
    Source: REP 118 for NaN.
    """
    depth_m = metric.depth_m
    known = (depth_m > 0) & (depth_m <= max_depth_m)
    return MetricDepth(np.where(known, depth_m, np.float32(np.nan)))
