"""How much depth changes from one alignment to another."""

from __future__ import annotations

from depth_anything_ros.types import Alignment

# Depths of the image from here to there count: what a robot acts on.
GATE_NEAR_M, GATE_FAR_M = 0.3, 3.0


def depth_change(
    before: Alignment, after: Alignment, span: tuple[float, float] | None = None
) -> float:
    """
    Return the largest relative change of depth from one alignment to another.

    With the same relative value, inverse depth y becomes a · y + b: the relative change of depth
    is monotonic in y, so that the ends of the range bound it. It is infinite where a depth is
    lost.

    :param span: relative inverse depth of the far and the near end of the range, which is cut to
        0.3 and 3 m before; without it the range is that from 0.3 to 3 m.
    """
    least, most = 1 / GATE_FAR_M, 1 / GATE_NEAR_M
    ends_per_m = [least, most]
    if span is not None:
        shown = [before.scale * value + before.shift for value in span]
        ends_per_m = [min(max(end, least), most) for end in shown]
    gain = after.scale / before.scale
    offset = after.shift - gain * before.shift
    ratios = [gain + offset / end_per_m for end_per_m in ends_per_m]
    if min(ratios) <= 0:
        return float('inf')
    return max(abs(1.0 / ratio - 1.0) for ratio in ratios)
