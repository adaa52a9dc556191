"""Percentiles of durations, and the rate of arrivals."""

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


class ArrivalRate:
    """Count arrivals and find their mean rate."""

    def __init__(self) -> None:
        self._count = 0
        self._first_ns = 0
        self._last_ns = 0

    def __len__(self) -> int:
        """Return the number of arrivals."""
        return self._count

    def add(self, arrival_ns: int) -> None:
        """Take in the next arrival."""
        self._first_ns = arrival_ns if self._count == 0 else self._first_ns
        self._last_ns = arrival_ns
        self._count += 1

    def hz(self) -> float | None:
        """Return the arrivals per second between the first and the last, or None."""
        span_ns = self._last_ns - self._first_ns
        return (self._count - 1) / (span_ns * 1e-9) if span_ns > 0 else None
