"""
Scale and shift that bring relative inverse depth to metres.

The model is 1 / depth_m = scale · relative + shift. The errors of stereo and structured-light
sensors, like those of the networks, are about constant in inverse depth, so that is where the
least squares are taken. The fit is an MM-estimate: least median of squares over random pairs
gives a start that up to half of the points cannot spoil, the M-scale of its residuals a noise
level, and reweighted least squares with Tukey's weights refine it to nearly the precision of
plain least squares.

Source: Rousseeuw, "Least Median of Squares Regression" (1984); Yohai, "High Breakdown-Point and
High Efficiency Robust Estimates for Regression" (1987); Ranftl et al., MiDaS (2020), for the
alignment in inverse depth.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.percentiles import percentiles
from depth_anything_ros.types import (
    Alignment,
    Float32Array,
    Float64Array,
    MetricDepth,
    RelativeInverseDepth,
)

MIN_POINTS = 50

# Points that the fit looks at; more gain nothing beside the model error of a network.
_FIT_POINTS = 4096
_START_POINTS = 384
_START_PAIRS = 128
_ITERATIONS = 12
_SCALE_ITERATIONS = 60
_SEED = 20240613

# Of 5-95 % spread over median. Below, scale cannot be told from shift.
_MIN_SPREAD = 0.02
_MIN_RELATIVE_SPREAD = 1e-4

# Tukey's constant for 95 % efficiency; residuals beyond 3 sigma count as outliers, and so do
# those beyond this share of the reference's spread, however noisy the rest is.
_TUKEY = 4.685
_INLIER_SIGMA = 3.0
_INLIER_SPREAD = 0.15
_MIN_INLIER_RATIO = 0.5
_MIN_EXPLAINED = 0.25

# A fit is trusted at depths where its standard error is at most this share, or this many 1/m.
_MAX_RELATIVE_ERROR = 0.05
_HARMLESS_ERROR = 0.02
_REACH_STRIDE = 8

# Neighbouring pixels of a network err alike, so that more points than these say nothing more.
_INDEPENDENT_POINTS = 100

# Below this correlation numbers that should rise with inverse depth fall.
_FALLS = -0.3
EXCHANGED = (
    'what the model calls near is far; of a network in a folder, is output.kind the inverse one?'
)

# Deviations this small, as a share of the reference's spread, are noise even in exact data.
_MIN_SIGMA = 1e-3
# The bisquare M-scale with 50 % breakdown that equals sigma on normal residuals.
_M_SCALE = 1.5476
_M_SCALE_MEAN = 0.5


def fit_inverse_depth(
    relative: Float32Array,
    depth_m: Float32Array,
    *,
    weights: Float32Array | None = None,
    fit_shift: bool = True,
    min_points: int = MIN_POINTS,
    source: str = '',
    stamp_ns: int = 0,
) -> Alignment:
    """
    Fit 1 / depth_m = scale · relative + shift robustly; the same input gives the same fit.

    :param relative: affine-invariant inverse depth, any shape; larger is nearer.
    :param depth_m: measured depth of the same shape in metres; pairs with a non-finite number
        or a depth that is not positive are left out.
    :param weights: of the same shape, 0 or more; 0 leaves a pair out.
    :param fit_shift: False fits the scale alone, to pairs with inverse depth above 0: the others
        are sky.
    :param min_points: fewest usable pairs.
    :param source: name of the scale source, copied into the result.
    :param stamp_ns: stamp of the reference, copied into the result.
    :return: scale, shift, pairs given, (weighted) inlier ratio, the inliers' residual in 1/m and
        the covariance, which counts at most 100 points as independent.
    :raises AlignmentError: if shapes differ, a weight is negative, there are too few points, the
        relative or the inverse depth hardly varies, too few points agree, the relative depth
        does not explain the reference, or the scale is not positive.
    """
    x, y, w, count = _usable_points(relative, depth_m, weights, max(min_points, 2), fit_shift)
    spread = _check_spread(x, y, fit_shift)
    scale, shift, sigma = _least_median(x, y, w, fit_shift)
    sigma = max(sigma, _MIN_SIGMA * spread)
    scale, shift = _reweighted(x, y, w, (scale, shift), sigma, fit_shift)
    residuals = y - scale * x - shift
    inliers = np.abs(residuals) <= min(_INLIER_SIGMA * sigma, _INLIER_SPREAD * spread)
    # A fit that is not finite has no inliers.
    inlier_ratio = float(w[inliers].sum() / w.sum())
    _check_agreement(inlier_ratio, count, fit_shift, x, y)
    if scale <= 0:
        raise AlignmentError(
            f'the fitted scale {scale:.4g} is not positive: the reference contradicts '
            f'"larger is nearer"; {EXCHANGED}'
        )
    mean_square = float(np.average(residuals[inliers] ** 2, weights=w[inliers]))
    if fit_shift:
        _check_spread(x[inliers], y[inliers], fit_shift)
        _check_explained(y[inliers], w[inliers], mean_square)
    return Alignment(
        scale=scale,
        shift=shift,
        source=source,
        points=count,
        inlier_ratio=inlier_ratio,
        residual=math.sqrt(mean_square),
        stamp_ns=stamp_ns,
        covariance=_covariance(x[inliers], w[inliers], mean_square, fit_shift),
    )


def aligned_inverse_depth(relative: RelativeInverseDepth, alignment: Alignment) -> Float32Array:
    """Return inverse depth in 1/m, float32 (H, W): (scale · relative + shift) · factors."""
    inverse = relative.values * np.float32(alignment.scale)
    inverse += np.float32(alignment.shift)
    if alignment.factors is not None:
        inverse *= alignment.factors.over(inverse)
    return inverse


def to_metric_depth(
    relative: RelativeInverseDepth, alignment: Alignment, max_depth_m: float
) -> MetricDepth:
    """
    Apply an alignment: depth_m = 1 / ((scale · relative + shift) · factors).

    :param max_depth_m: depth beyond this is unknown.
    :return: float32 (H, W) metres; NaN where the inverse depth is not positive or not finite,
        and beyond `max_depth_m`.
    """
    inverse = aligned_inverse_depth(relative, alignment)
    unknown = ~((inverse >= np.float32(1.0 / max_depth_m)) & (inverse < np.float32(np.inf)))
    with np.errstate(divide='ignore'):
        depth_m = np.divide(np.float32(1.0), inverse, out=inverse)
    depth_m[unknown] = np.nan
    return MetricDepth(depth_m)


def check_reach(alignment: Alignment, relative: Float32Array) -> None:
    """
    Check that a fit to some depths of an image holds for its others too.

    :param alignment: a fit with its covariance.
    :param relative: the whole image's affine-invariant inverse depth, (H, W).
    :raises AlignmentError: if the standard error of inverse depth at the 5 % or the 95 % quantile
        of the image is above a twentieth of the inverse depth there, and above 0.02 1/m.
    """
    of_scale, of_both, of_shift = alignment.covariance
    for x in percentiles(relative[::_REACH_STRIDE, ::_REACH_STRIDE], (5, 95)).tolist():
        inverse = alignment.scale * x + alignment.shift
        error = math.sqrt(max(of_scale * x * x + 2.0 * of_both * x + of_shift, 0.0))
        allowed = max(_MAX_RELATIVE_ERROR * inverse, _HARMLESS_ERROR)
        if not error <= allowed:
            raise AlignmentError(
                f'the depths of the reference say too little about those of the image: at an '
                f'inverse depth of {inverse:.3g} 1/m the error would be {error:.2g} 1/m; at most '
                f'{allowed:.2g} is allowed'
            )


def _check_agreement(
    inlier_ratio: float, count: int, fit_shift: bool, x: Float64Array, y: Float64Array
) -> None:
    if inlier_ratio >= _MIN_INLIER_RATIO:
        return
    wanted = 'one scale and shift' if fit_shift else 'one scale'
    falls = np.ptp(x) > 0 and np.ptp(y) > 0 and np.corrcoef(x, y)[0, 1] < _FALLS
    raise AlignmentError(
        f'only {inlier_ratio:.0%} of {count} points agree on {wanted}; '
        f'at least {_MIN_INLIER_RATIO:.0%} are needed' + (f'; {EXCHANGED}' if falls else '')
    )


def _usable_points(
    relative: Float32Array,
    depth_m: Float32Array,
    weights: Float32Array | None,
    min_points: int,
    fit_shift: bool,
) -> tuple[Float64Array, Float64Array, Float64Array, int]:
    """Return relative, inverse depth and weight of at most _FIT_POINTS pairs, and their count."""
    shapes = [relative.shape, depth_m.shape, *([] if weights is None else [weights.shape])]
    if len(set(shapes)) != 1:
        names = ('relative depth', 'reference depth', 'weights')
        given = ', '.join(f'{name} {shape}' for name, shape in zip(names, shapes, strict=False))
        raise AlignmentError(f'the shapes must be equal: {given}')
    usable = (depth_m > 0) & (depth_m < np.inf) & np.isfinite(relative)
    if weights is not None:
        if not (weights >= 0).all():
            raise AlignmentError(f'a weight is {weights.min()}; allowed: 0 or more')
        usable &= (weights > 0) & np.isfinite(weights)
    if not fit_shift:
        if not (relative > 0).any():
            raise AlignmentError('the relative inverse depth is nowhere positive')
        usable &= relative > 0
    indices = np.flatnonzero(usable)
    count = len(indices)
    if count < min_points:
        raise AlignmentError(
            f'{count} points have relative and reference depth; {min_points} are needed'
        )
    if count > _FIT_POINTS:
        # One random point in each of equal parts: even over the image, and no fixed step that
        # could fall in with its columns.
        places = (np.arange(_FIT_POINTS) + _jitter(_FIT_POINTS)) * (count / _FIT_POINTS)
        indices = indices[places.astype(np.intp)]
    x = relative.reshape(-1)[indices].astype(np.float64)
    y = 1.0 / depth_m.reshape(-1)[indices].astype(np.float64)
    w = np.ones_like(x) if weights is None else weights.reshape(-1)[indices].astype(np.float64)
    return x, y, w / w.max(), count


@lru_cache(maxsize=4)
def _jitter(count: int) -> Float64Array:
    return np.random.default_rng(_SEED).random(count)


def _check_spread(x: Float64Array, y: Float64Array, fit_shift: bool) -> float:
    """Return the span of inverse depth that residuals are judged by, in 1/m."""
    x_low, x_high = percentiles(x, (5, 95)).tolist()
    y_low, y_middle, y_high = percentiles(y, (5, 50, 95)).tolist()
    if not fit_shift:
        return float(y_middle)
    if x_high - x_low <= _MIN_RELATIVE_SPREAD * max(abs(x_low), abs(x_high)):
        raise AlignmentError(
            f'the relative inverse depth hardly varies ({x_low:.6g} to {x_high:.6g}): scale and '
            'shift cannot be told apart'
        )
    if y_high - y_low <= _MIN_SPREAD * y_middle:
        raise AlignmentError(
            f'the reference depth hardly varies ({1 / y_high:.4g} to {1 / y_low:.4g} m): scale '
            f'and shift cannot be told apart; {_MIN_SPREAD:.0%} is needed'
        )
    return float(y_high - y_low)


def _least_median(
    x: Float64Array, y: Float64Array, w: Float64Array, fit_shift: bool
) -> tuple[float, float, float]:
    """Return the scale and shift of least median residual, and the sigma of its residuals."""
    rng = np.random.default_rng(_SEED)
    # Drawing in proportion to the weights makes the plain median a weighted one.
    reached = np.cumsum(w)
    places = (np.arange(_START_POINTS) + rng.random(_START_POINTS)) / _START_POINTS
    drawn = np.searchsorted(reached, places * reached[-1]).clip(0, len(x) - 1)
    xs, ys = x[drawn], y[drawn]
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
    residuals = np.abs(ys - scales[:, None] * xs - shifts[:, None])
    half = _START_POINTS // 2
    medians = np.partition(residuals, half, axis=1)[:, half]
    best = int(np.argmin(medians))
    return float(scales[best]), float(shifts[best]), _m_scale(residuals[best])


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


def _reweighted(
    x: Float64Array,
    y: Float64Array,
    w: Float64Array,
    start: tuple[float, float],
    sigma: float,
    fit_shift: bool,
) -> tuple[float, float]:
    """Refine a line by least squares reweighted with Tukey's bisquare at a fixed sigma."""
    scale, shift = start
    for _ in range(_ITERATIONS):
        distance = (y - scale * x - shift) / (_TUKEY * sigma)
        tukey = w * np.square(np.maximum(1.0 - np.square(distance), 0.0))
        total = tukey.sum()
        if total <= 0:
            break
        x_mean, y_mean = (tukey @ x / total, tukey @ y / total) if fit_shift else (0.0, 0.0)
        x_centred = tukey * (x - x_mean)
        variance = x_centred @ (x - x_mean)
        if variance <= 0:
            break
        before = scale
        scale = float(x_centred @ (y - y_mean) / variance)
        shift = float(y_mean - scale * x_mean)
        if abs(scale - before) <= 1e-9 * abs(scale):
            break
    return scale, shift


def _covariance(
    x: Float64Array, w: Float64Array, mean_square: float, fit_shift: bool
) -> tuple[float, float, float]:
    """Return the variance of the scale, the covariance of scale and shift, that of the shift."""
    share = mean_square / min(len(x), _INDEPENDENT_POINTS)
    if not fit_shift:
        return share / float(np.average(x**2, weights=w)), 0.0, 0.0
    middle = float(np.average(x, weights=w))
    of_scale = share / float(np.average((x - middle) ** 2, weights=w))
    return of_scale, -middle * of_scale, share + middle**2 * of_scale


def _check_explained(y: Float64Array, w: Float64Array, mean_square: float) -> None:
    variance = float(np.average((y - np.average(y, weights=w)) ** 2, weights=w))
    explained = 1.0 - mean_square / variance if variance > 0 else 0.0
    if explained < _MIN_EXPLAINED:
        raise AlignmentError(
            f'the relative depth explains {max(explained, 0.0):.0%} of the variance of the '
            f'reference; at least {_MIN_EXPLAINED:.0%} is needed'
        )
