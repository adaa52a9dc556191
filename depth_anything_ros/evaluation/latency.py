"""Percentiles of durations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

PERCENTILES = {'p50': 50.0, 'p95': 95.0, 'p99': 99.0, 'max': 100.0}


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """
    Return p50, p95, p99 and max, by linear interpolation between the two nearest ranks.

    :param values: in any unit; numbers that are not finite are left out.
    :return: in the same unit; every entry is None where there is no value.
    """
    array = np.fromiter(values, np.float64)
    array = array[np.isfinite(array)]
    if array.size == 0:
        return dict.fromkeys(PERCENTILES)
    found = np.percentile(array, list(PERCENTILES.values()))
    return {name: float(value) for name, value in zip(PERCENTILES, found, strict=True)}
