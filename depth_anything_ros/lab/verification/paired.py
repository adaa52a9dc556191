"""Two numbers of each image, compared by a bootstrap over images and their sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from depth_anything_ros.lab.bootstrap import Interval, mean_intervals, slope_interval
from depth_anything_ros.types import Float64Array

# Errors are shares; what is smaller is rounding.
_LEAST = 1e-6


def paired_ratio(
    first: Float64Array, second: Float64Array, sources: Sequence[str]
) -> Interval | None:
    """
    Return the interval of the geometric mean of first / second, None for fewer than two images.

    It is tighter than that of the ratio of their means, which hard images rule.

    :param first: error of each image, (n,); likewise `second`.
    :param sources: of each image.
    """
    ratios = _logarithms(first) - _logarithms(second)
    (interval,) = mean_intervals(_by_source(ratios[:, None], sources))
    if interval is None:
        return None
    return Interval(float(np.exp(interval.low)), float(np.exp(interval.high)))


def geometric_mean(errors: Float64Array) -> float:
    """Return that of errors."""
    return float(np.exp(_logarithms(errors).mean()))


def slope(x: Float64Array, y: Float64Array, sources: Sequence[str]) -> Interval | None:
    """Return the interval of the slope of y over x, each (n,), None for fewer than two images."""
    return slope_interval(_by_source(np.stack([x, y], axis=1), sources))


def _logarithms(errors: Float64Array) -> Float64Array:
    found: Float64Array = np.log(np.maximum(errors, _LEAST))
    return found


def _by_source(values: Float64Array, sources: Sequence[str]) -> dict[str, Float64Array]:
    own = np.array(sources)
    return {name: values[own == name] for name in dict.fromkeys(sources)}
