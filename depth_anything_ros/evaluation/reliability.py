"""
Whether uncertainty is as large as it says: how often the truth lies within its intervals.

Source: Kuleshov, Fenner, Ermon, "Accurate Uncertainties for Deep Learning Using Calibrated
Regression" (2018), for the curve and its error.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from depth_anything_ros.types import Float32Array, Float64Array


def interval_width(share: float) -> float:
    """Return how many σ to each side of the prediction hold a share of a normal distribution."""
    return NormalDist().inv_cdf(0.5 + share / 2)


_EXPECTED = np.arange(1, 20) / 20
_WIDTHS = [np.float32(interval_width(share)) for share in _EXPECTED]
_COVERAGE_AT = int(np.flatnonzero(np.isclose(_EXPECTED, 0.9))[0])
_FEWEST = 100


@dataclass(frozen=True)
class Reliability:
    """
    How many pixels lie within intervals around the prediction, (19,) each.

    `expected` are the shares that should: 5, 10, … 95 %, of a normal distribution; `observed`
    those that do.
    """

    expected: Float64Array
    observed: Float64Array


def reliability(error_m: Float32Array, sigma_m: Float32Array) -> Reliability | None:
    """
    Return how often the truth is within p ± 0.063 σ, … p ± 1.96 σ.

    :param error_m: p - t, (N,).
    :param sigma_m: one standard deviation, (N,); pixels where it is NaN do not count.
    :return: None below 100 pixels.

    >>> sigma_m = np.ones(1000, np.float32)
    >>> found = reliability(np.linspace(0, 2, 1000, dtype=np.float32), sigma_m)
    >>> float(found.expected[17]), float(found.observed[17])
    (0.9, 0.822)
    """
    known = np.isfinite(sigma_m)
    if np.count_nonzero(known) < _FEWEST:
        return None
    off_m, sigma_m = np.abs(error_m[known]), sigma_m[known]
    inside = [np.count_nonzero(off_m <= width * sigma_m) for width in _WIDTHS]
    return Reliability(_EXPECTED, np.array(inside) / len(off_m))


def coverage(found: Reliability) -> float:
    """Return the share of pixels within the interval of 90 %, p ± 1.645 σ."""
    return float(found.observed[_COVERAGE_AT])


def miscalibration(found: Reliability) -> float:
    """Return the mean of |observed - expected| over the intervals; 0 is best."""
    return float(np.mean(np.abs(found.observed - found.expected)))
