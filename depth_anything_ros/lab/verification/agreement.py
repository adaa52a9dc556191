"""How well the numbers of a network agree with the true depth of an image, whatever they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, Float64Array

POINTS = 4096
_ITERATIONS = 8
# Of the deviations; what is farther off weighs less, as in Huber's estimate.
_HUBER = 1.345
_SEED = 0
_NEAREST_M = 1e-6


class Form(Enum):
    """What numbers are taken for: inverse depth, depth, or the inverse of depth with a shift."""

    INVERSE = 'inverse'
    DEPTH = 'depth'
    AFFINE = 'affine'


@dataclass(frozen=True)
class Fit:
    """
    The numbers of a network in one form.

    Errors are means of |depth found − true| / true: with scale and shift fitted, of inverse depth
    or, where that is the form, of depth; and with the scale alone. `scale` is true depth by that
    of the numbers, the median.
    """

    error: float
    scaled_error: float
    scale: float


@dataclass(frozen=True)
class Agreement:
    """
    What an image says of the numbers of a network.

    `constant` is the error of one depth for the whole image; `rank` the correlation of their
    ranks with that of true inverse depth, above 0 where larger is nearer.
    """

    fits: Mapping[Form, Fit]
    constant: float
    rank: float


def chosen_points(depth_m: Float32Array) -> NDArray[np.intp]:
    """Return where an image is looked at: indices of at most POINTS pixels of known depth."""
    known = np.flatnonzero(np.isfinite(depth_m) & (depth_m > 0))
    if len(known) <= POINTS:
        return known
    return np.sort(np.random.default_rng(_SEED).choice(known, POINTS, replace=False))


def agreement(numbers: Float64Array, depth_m: Float64Array) -> Agreement:
    """
    Return how the numbers of an image agree with its depth.

    :param numbers: finite (n,).
    :param depth_m: metres above 0, (n,).
    """
    inverse_m = 1.0 / depth_m
    positive = numbers > 0
    # Numbers that are no depth count as the nearest that is, as in `meant_values`.
    least = numbers[positive].min() if positive.any() else 1.0
    above = np.maximum(numbers, least)
    middle = np.full_like(inverse_m, np.median(inverse_m))
    inverse, depth = _fit(numbers, above, depth_m), _fit(1.0 / above, 1.0 / above, depth_m)
    affine = replace(inverse, error=_affine_error(1.0 / above, depth_m))
    return Agreement(
        fits={Form.INVERSE: inverse, Form.DEPTH: depth, Form.AFFINE: affine},
        constant=_error(middle, depth_m),
        rank=_correlation(numbers, inverse_m),
    )


def _fit(values: Float64Array, above: Float64Array, depth_m: Float64Array) -> Fit:
    """Return the fit of inverse depth, of which `above` is what is above 0."""
    inverse_m = 1.0 / depth_m
    scale, shift = _line(values, inverse_m)
    ratio = float(np.median(inverse_m / above))
    return Fit(
        error=_error(scale * values + shift, depth_m),
        scaled_error=_error(ratio * above, depth_m),
        scale=1.0 / ratio,
    )


def _affine_error(values: Float64Array, depth_m: Float64Array) -> float:
    """Return the error of depth that lacks a scale and a shift, fitted in metres."""
    scale, shift = _line(values, depth_m)
    # Depth that is not above 0 counts as the nearest that an error is told of.
    return _error(1.0 / np.maximum(scale * values + shift, _NEAREST_M), depth_m)


def _line(x: Float64Array, y: Float64Array) -> tuple[float, float]:
    """Return scale and shift of the line with y, robust; scale is not below 0."""
    weights = np.ones_like(x)
    scale, shift = 0.0, float(np.median(y))
    for _ in range(_ITERATIONS):
        total = weights.sum()
        x_mean, y_mean = (weights @ x) / total, (weights @ y) / total
        spread = weights @ (x - x_mean) ** 2
        if not spread > 0:
            break
        scale = float(weights @ ((x - x_mean) * (y - y_mean)) / spread)
        shift = float(y_mean - scale * x_mean)
        off = np.abs(y - scale * x - shift)
        limit = _HUBER * 1.4826 * float(np.median(off))
        if not limit > 0:
            break
        weights = np.minimum(1.0, limit / np.maximum(off, limit * 1e-3))
    return (scale, shift) if scale > 0 else (0.0, float(np.median(y)))


def _error(inverse_m: Float64Array, depth_m: Float64Array) -> float:
    """Return the mean relative error of depth, which is kept to half the nearest and twice all."""
    found_m = 1.0 / np.clip(inverse_m, 0.5 / depth_m.max(), 2.0 / depth_m.min())
    return float(np.mean(np.abs(found_m - depth_m) / depth_m))


def _correlation(one: Float64Array, other: Float64Array) -> float:
    ranks = [np.argsort(np.argsort(values)).astype(np.float64) for values in (one, other)]
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
