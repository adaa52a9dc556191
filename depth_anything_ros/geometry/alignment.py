"""
Scale and shift that bring what a network gives to metres.

Of relative inverse depth the model is 1 / depth_m = scale · relative + shift. The errors of stereo
and structured-light sensors, like those of such networks, are about constant in inverse depth, so
that is where the least squares are taken.

Of affine depth it is depth_m = scale · depth + shift, and least squares are taken of errors as a
share of depth: of each error in metres times the true inverse depth. A network of depth is off by
a share of it, so that so weighed all points err alike; in metres the farthest few would decide,
and in inverse depth the nearest, which the shift bends most. It is how affine depth is aligned by
those who learn it.

Source: Ranftl et al., MiDaS (2020), for the alignment in inverse depth; Wang et al., "MoGe:
Unlocking Accurate Monocular Geometry Estimation" (2025), for errors weighed by true inverse depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.line import aligned, in_line
from depth_anything_ros.geometry.percentiles import percentiles
from depth_anything_ros.geometry.robust_line import LinePairs
from depth_anything_ros.types import (
    Alignment,
    Float32Array,
    Float64Array,
    MetricDepth,
    OutputKind,
    RelativeInverseDepth,
)

MIN_POINTS = 50

# Points that the fit looks at; more gain nothing beside the model error of a network.
_FIT_POINTS = 4096
_SEED = 20240613

# Of 5-95 % spread over median. Below, scale cannot be told from shift.
_MIN_SPREAD = 0.02
_MIN_RELATIVE_SPREAD = 1e-4

# Residuals beyond 3 sigma count as outliers, and so do those beyond this share of the reference's
# spread, however noisy the rest is.
_INLIER_SIGMA = 3.0
_INLIER_SPREAD = 0.15
_MIN_INLIER_RATIO = 0.5
_MIN_EXPLAINED = 0.25

# A fit is trusted at depths where its standard error is at most this share, or this many 1/m.
_MAX_RELATIVE_ERROR = 0.05
_HARMLESS_ERROR = 0.02
_REACH_STRIDE = 8

# Below this correlation numbers that should rise with inverse depth fall.
_FALLS = -0.3
EXCHANGED = (
    'what the model calls near is far; of a network in a folder, is output.kind the inverse one?'
)

# Deviations this small, as a share of the reference's spread, are noise even in exact data.
_MIN_SIGMA = 1e-3


def fit_alignment(
    relative: Float32Array,
    depth_m: Float32Array,
    *,
    weights: Float32Array | None = None,
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH,
    min_points: int = MIN_POINTS,
    source: str = '',
    stamp_ns: int = 0,
) -> Alignment:
    """
    Fit scale and shift robustly as the kind has them; the same input gives the same fit.

    :param relative: inverse depth without unit, any shape; larger is nearer.
    :param depth_m: measured depth of the same shape in metres; pairs with a non-finite number
        or a depth that is not positive are left out.
    :param weights: of the same shape, 0 or more; 0 leaves a pair out.
    :param kind: of the relative inverse depth. Where 0 of it is sky, pairs there are left out.
    :param min_points: fewest usable pairs.
    :param source: name of the scale source, copied into the result.
    :param stamp_ns: stamp of the reference, copied into the result.
    :return: scale, shift, pairs given, (weighted) inlier ratio, the inliers' residual and
        the covariance, which counts at most 100 points as independent.
    :raises AlignmentError: if shapes differ, a weight is negative, there are too few points, the
        relative or the inverse depth hardly varies, too few points agree, the relative depth
        does not explain the reference, or the scale is not positive.
    """
    found = _usable_points(relative, depth_m, weights, max(min_points, 2), kind)
    pairs, spread = found.pairs, found.check_spread()
    line = pairs.fit(_MIN_SIGMA * spread, fit_shift=kind.has_shift)
    residuals = pairs.residuals(line)
    inliers = np.abs(residuals) <= min(_INLIER_SIGMA * line.sigma, _INLIER_SPREAD * spread)
    # A fit that is not finite has no inliers.
    inlier_ratio = float(pairs.weights[inliers].sum() / pairs.weights.sum())
    found.check_agreement(inlier_ratio)
    if line.scale <= 0:
        raise AlignmentError(
            f'the fitted scale {line.scale:.4g} is not positive: the reference contradicts '
            f'"larger is nearer"; {EXCHANGED}'
        )
    agreeing = pairs.where(inliers)
    mean_square = float(np.average(residuals[inliers] ** 2, weights=agreeing.weights))
    if kind.has_shift:
        _Found(agreeing, found.count, kind).check_spread()
        _check_explained(agreeing.explained(mean_square))
    return Alignment(
        scale=line.scale,
        shift=line.shift,
        source=source,
        points=found.count,
        inlier_ratio=inlier_ratio,
        residual=math.sqrt(mean_square),
        stamp_ns=stamp_ns,
        covariance=agreeing.covariance(mean_square, fit_shift=kind.has_shift),
        kind=kind,
    )


def aligned_inverse_depth(relative: RelativeInverseDepth, alignment: Alignment) -> Float32Array:
    """Return inverse depth in 1/m, float32 (H, W), by scale, shift and factors."""
    inverse = aligned(relative.values, alignment)
    if alignment.factors is not None:
        inverse *= alignment.factors.over(inverse)
    return inverse


def to_metric_depth(
    relative: RelativeInverseDepth, alignment: Alignment, max_depth_m: float
) -> MetricDepth:
    """
    Apply an alignment.

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
    :param relative: the whole image's inverse depth without unit, (H, W).
    :raises AlignmentError: if the standard error of inverse depth at the 5 % or the 95 % quantile
        of the image is above a twentieth of the inverse depth there, and above 0.02 1/m.
    """
    of_scale, of_both, of_shift = alignment.covariance
    shown = relative[::_REACH_STRIDE, ::_REACH_STRIDE]
    if alignment.kind.is_line_of_depth:
        shown = shown[shown > 0]  # no line leads to the sky
    if not shown.size:
        return
    ends = percentiles(shown, (5, 95)).astype(np.float64)
    on_line = in_line(ends, alignment.kind)
    for x, inverse in zip(on_line.tolist(), aligned(ends, alignment).tolist(), strict=True):
        error = math.sqrt(max(of_scale * x * x + 2.0 * of_both * x + of_shift, 0.0))
        if alignment.kind.is_line_of_depth:
            error *= inverse**2
        allowed = max(_MAX_RELATIVE_ERROR * inverse, _HARMLESS_ERROR)
        if not error <= allowed:
            raise AlignmentError(
                f'the depths of the reference say too little about those of the image: at an '
                f'inverse depth of {inverse:.3g} 1/m the error would be {error:.2g} 1/m; at most '
                f'{allowed:.2g} is allowed'
            )


@dataclass(frozen=True)
class _Found:
    """Pairs on their line, no more than are fitted, and how many there are in all."""

    pairs: LinePairs
    count: int
    kind: OutputKind

    def check_spread(self) -> float:
        """Return the span of the reference that residuals are judged by."""
        x_low, x_high = percentiles(self.pairs.x, (5, 95)).tolist()
        low, middle, high = percentiles(self.pairs.y, (5, 50, 95)).tolist()
        if not self.kind.has_shift:
            return float(middle)
        if x_high - x_low <= _MIN_RELATIVE_SPREAD * max(abs(x_low), abs(x_high)):
            raise AlignmentError(
                f'the relative {self._what} hardly varies ({x_low:.6g} to {x_high:.6g}): scale '
                'and shift cannot be told apart'
            )
        of_depth = self.kind.is_line_of_depth
        if high - low <= _MIN_SPREAD * middle:
            nearest_m, farthest_m = (low, high) if of_depth else (1 / high, 1 / low)
            raise AlignmentError(
                f'the reference depth hardly varies ({nearest_m:.4g} to {farthest_m:.4g} m): '
                f'scale and shift cannot be told apart; {_MIN_SPREAD:.0%} is needed'
            )
        # Shares of depth add up to its logarithm.
        return math.log(high / low) if of_depth else float(high - low)

    def check_agreement(self, inlier_ratio: float) -> None:
        if inlier_ratio >= _MIN_INLIER_RATIO:
            return
        x, y = self.pairs.x, self.pairs.y
        wanted = 'one scale and shift' if self.kind.has_shift else 'one scale'
        falls = np.ptp(x) > 0 and np.ptp(y) > 0 and np.corrcoef(x, y)[0, 1] < _FALLS
        raise AlignmentError(
            f'only {inlier_ratio:.0%} of {self.count} points agree on {wanted}; '
            f'at least {_MIN_INLIER_RATIO:.0%} are needed' + (f'; {EXCHANGED}' if falls else '')
        )

    @property
    def _what(self) -> str:
        return 'depth' if self.kind.is_line_of_depth else 'inverse depth'


def _usable_points(
    relative: Float32Array,
    depth_m: Float32Array,
    weights: Float32Array | None,
    min_points: int,
    kind: OutputKind,
) -> _Found:
    """Return at most _FIT_POINTS pairs that can be fitted, and the count of all such."""
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
    if kind.marks_sky:
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
    x = in_line(relative.reshape(-1)[indices].astype(np.float64), kind)
    inverse = 1.0 / depth_m.reshape(-1)[indices].astype(np.float64)
    w = np.ones_like(x) if weights is None else weights.reshape(-1)[indices].astype(np.float64)
    gains = inverse if kind.is_line_of_depth else np.ones_like(inverse)
    return _Found(LinePairs(x, in_line(inverse, kind), w / w.max(), gains), count, kind)


@lru_cache(maxsize=4)
def _jitter(count: int) -> Float64Array:
    return np.random.default_rng(_SEED).random(count)


def _check_explained(explained: float) -> None:
    if explained < _MIN_EXPLAINED:
        raise AlignmentError(
            f'the relative depth explains {max(explained, 0.0):.0%} of the variance of the '
            f'reference; at least {_MIN_EXPLAINED:.0%} is needed'
        )
