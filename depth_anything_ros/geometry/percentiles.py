"""Percentiles of some thousands of numbers, as every frame asks for several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float64Array


def percentiles(values: NDArray[np.floating[Any]], percents: Sequence[float]) -> Float64Array:
    """
    Return what np.percentile does, which takes longer to prepare than to reckon.

    :param values: at least one, of any shape.
    :param percents: 0 to 100, in any order.
    :return: (n,); all NaN where a value is.
    """
    last = values.size - 1
    places = np.asarray(percents) * (last / 100)
    before = places.astype(np.intp)
    after = np.minimum(before + 1, last)
    # What is NaN comes last.
    ordered = np.partition(values, np.concatenate([before, after, [last]]), axis=None)
    if np.isnan(ordered[last]):
        return np.full(len(places), np.nan)
    found: Float64Array = ordered[before] + (places - before) * (ordered[after] - ordered[before])
    return found
