"""How much depth changes from one alignment to another."""

from __future__ import annotations

import numpy as np

from depth_anything_ros.geometry.line import aligned, carried
from depth_anything_ros.types import Alignment

# Depths of the image from here to there count: what a robot acts on.
GATE_NEAR_M, GATE_FAR_M = 0.3, 3.0


def depth_change(
    before: Alignment, after: Alignment, span: tuple[float, float] | None = None
) -> float:
    """
    Return the largest relative change of depth from one alignment to another.

    With the same relative value, inverse depth y becomes a · y + b, or depth z of affine depth
    a · z + b: the relative change of depth is monotonic in either, so that the ends of the range
    bound it. It is infinite where a depth is lost.

    :param span: relative inverse depth of the far and the near end of the range, which is cut to
        0.3 and 3 m before; without it the range is that from 0.3 to 3 m.
    """
    least, most = 1 / GATE_FAR_M, 1 / GATE_NEAR_M
    ends_per_m = np.array([least, most])
    if span is not None:
        shown = aligned(np.array(span, np.float64), before)
        ends_per_m = np.clip(shown, least, most)
    ratios = carried(ends_per_m, before, after) / ends_per_m
    if not ((ratios > 0) & (ratios < np.inf)).all():
        return float('inf')
    return float(np.abs(1.0 / ratios - 1.0).max())
