"""
A line through pairs of numbers of which almost half may be wrong.

The fit is an MM-estimate: least median of squares over random pairs gives a start that up to half
of the points cannot spoil, the M-scale of its residuals a noise level, and reweighted least
squares with Tukey's weights refine it to nearly the precision of plain least squares.

Source: Rousseeuw, "Least Median of Squares Regression" (1984); Yohai, "High Breakdown-Point and
High Efficiency Robust Estimates for Regression" (1987).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.percentiles import percentiles
from depth_anything_ros.types import Float64Array

_START_POINTS = 384
_START_PAIRS = 128
_ITERATIONS = 12
_SCALE_ITERATIONS = 60
_SEED = 20240613

# Tukey's constant for 95 % efficiency.
_TUKEY = 4.685
# The bisquare M-scale with 50 % breakdown that equals sigma on normal residuals.
_M_SCALE = 1.5476
_M_SCALE_MEAN = 0.5

# Neighbouring pixels of a network err alike, so that more points than these say nothing more.
_INDEPENDENT_POINTS = 100


@dataclass(frozen=True)
class Line:
    """The line y = scale · x + shift, and the standard deviation of residuals that it goes by."""

    scale: float
    shift: float
    sigma: float


@dataclass(frozen=True)
class LinePairs:
    """
    What a line is to lead through, float64 (n,) each.

    `weights` say how much a pair counts, 0 or more. `gains` are what an error of y is multiplied
    by before it is compared with others; residuals are such errors.
    """

    x: Float64Array
    y: Float64Array
    weights: Float64Array
    gains: Float64Array

    def where(self, chosen: NDArray[np.bool_]) -> LinePairs:
        """Return some of the pairs, those where bool (n,) is True."""
        return LinePairs(self.x[chosen], self.y[chosen], self.weights[chosen], self.gains[chosen])

    def residuals(self, line: Line) -> Float64Array:
        """Return how far off a line the pairs are, (n,)."""
        return (self.y - line.scale * self.x - line.shift) * self.gains

    @property
    def shares(self) -> Float64Array:
        """Return weight times squared gain, over the sum of all weights, (n,)."""
        shares: Float64Array = self.weights * np.square(self.gains) / self.weights.sum()
        return shares

    def fit(self, least_sigma: float, *, fit_shift: bool = True) -> Line:
        """
        Return the line through most of the pairs; the same pairs give the same line.

        :param least_sigma: residuals of that standard deviation are noise even in exact data.
        :param fit_shift: False leads it through 0.
        :raises AlignmentError: if too few pairs differ.
        """
        start = _least_median(self, fit_shift=fit_shift)
        start = Line(start.scale, start.shift, max(start.sigma, least_sigma))
        return _reweighted(self, start, fit_shift=fit_shift)

    def covariance(
        self, mean_square: float, *, fit_shift: bool = True
    ) -> tuple[float, float, float]:
        """
        Return the variance of the scale, the covariance of scale and shift, that of the shift.

        :param mean_square: of the residuals; at most 100 of them count as independent.
        """
        error = mean_square / min(len(self.x), _INDEPENDENT_POINTS)
        shares = self.shares
        if not fit_shift:
            return error / float(shares @ np.square(self.x)), 0.0, 0.0
        total = float(shares.sum())
        middle = float(shares @ self.x) / total
        of_scale = error / float(shares @ np.square(self.x - middle))
        return of_scale, -middle * of_scale, error / total + middle**2 * of_scale

    def explained(self, mean_square: float) -> float:
        """Return which share of the variance of y a line explains, by its mean square residual."""
        shares = self.shares
        variance = float(shares @ np.square(self.y - shares @ self.y / shares.sum()))
        return 1.0 - mean_square / variance if variance > 0 else 0.0


def _least_median(pairs: LinePairs, *, fit_shift: bool) -> Line:
    """Return the line of least median residual, and the sigma of its residuals."""
    rng = np.random.default_rng(_SEED)
    # Drawing in proportion to the weights makes the plain median a weighted one.
    reached = np.cumsum(pairs.weights)
    places = (np.arange(_START_POINTS) + rng.random(_START_POINTS)) / _START_POINTS
    drawn = np.searchsorted(reached, places * reached[-1]).clip(0, len(pairs.x) - 1)
    xs, ys = pairs.x[drawn], pairs.y[drawn]
    first, second = rng.integers(0, _START_POINTS, (2, _START_PAIRS))
    if fit_shift:
        # A line through two near points says little; the pairs with the wider base are kept.
        base = np.abs(xs[second] - xs[first])
        wide = base >= max(float(np.median(base)), np.finfo(np.float64).tiny)
        first, second = first[wide], second[wide]
        scales = (ys[second] - ys[first]) / (xs[second] - xs[first])
        shifts = ys[first] - scales * xs[first]
    else:
        first = first[xs[first] > 0]
        scales = ys[first] / xs[first]
        shifts = np.zeros_like(scales)
    if not len(scales):
        raise AlignmentError('too few points differ in relative inverse depth')
    residuals = np.abs(ys - scales[:, None] * xs - shifts[:, None]) * pairs.gains[drawn]
    half = _START_POINTS // 2
    medians = np.partition(residuals, half, axis=1)[:, half]
    best = int(np.argmin(medians))
    return Line(float(scales[best]), float(shifts[best]), _m_scale(residuals[best]))


def _m_scale(residuals: Float64Array) -> float:
    """
    Return the bisquare M-scale of absolute residuals, as an S-estimate has it.

    The median alone is near zero when a line meets just half of the points closely, as with
    quantised depth; the M-scale sees how far off the others are. The iteration comes from above,
    so that it ends at the largest solution.
    """
    square = float(percentiles(residuals, (90,))[0]) ** 2
    for _ in range(_SCALE_ITERATIONS):
        if square <= 0:
            return 0.0
        share = np.minimum(np.square(residuals) / (_M_SCALE**2 * square), 1.0)
        step = float(np.mean(1.0 - (1.0 - share) ** 3)) / _M_SCALE_MEAN
        square *= step
        if abs(step - 1.0) < 1e-3:
            break
    return math.sqrt(square)


def _reweighted(pairs: LinePairs, start: Line, *, fit_shift: bool) -> Line:
    """Refine a line by least squares reweighted with Tukey's bisquare at a fixed sigma."""
    line, x, y = start, pairs.x, pairs.y
    counted = pairs.weights * np.square(pairs.gains)
    for _ in range(_ITERATIONS):
        distance = pairs.residuals(line) / (_TUKEY * start.sigma)
        tukey = counted * np.square(np.maximum(1.0 - np.square(distance), 0.0))
        total = tukey.sum()
        if total <= 0:
            break
        x_mean, y_mean = (tukey @ x / total, tukey @ y / total) if fit_shift else (0.0, 0.0)
        x_centred = tukey * (x - x_mean)
        variance = x_centred @ (x - x_mean)
        if variance <= 0:
            break
        before = line.scale
        scale = float(x_centred @ (y - y_mean) / variance)
        line = Line(scale, float(y_mean - scale * x_mean), start.sigma)
        if abs(scale - before) <= 1e-9 * abs(scale):
            break
    return line
