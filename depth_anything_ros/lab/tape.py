"""
One scale for a camera from a few distances that were read off a tape measure.

The fit is weighted least squares of 1 / depth_m = scale · relative + shift: a reading that may be
off by e says 1 / z up to e / z², and what a network says of it is off by a share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.types import Alignment, Float32Array, Float64Array

FEWEST, MOST = 2, 5
# A point that the others put farther off than this share of its depth does not agree with them.
TOLERANCE = 0.15
# The one that is refused leaves others that agree so many times better than without another.
_CLEARLY, _FEWEST_TO_AGREE = 2.0, 3
# What a network says of a point is off by about this share of its inverse depth.
_NETWORK_SHARE = 0.02
# What is taken of the network around a point, in each direction.
_PATCH_PX = 2
# A shift needs points of which the farthest is so many times as far as the nearest, and one more
# point than it has numbers to find.
_LEAST_REACH, _FEWEST_FOR_SHIFT = 1.5, 3


@dataclass(frozen=True)
class Reading:
    """
    What one point is and says.

    `relative` is the network's inverse depth there, without unit; `depth_m` was measured, along
    the optical axis. `column` and `row` are pixels of `picture`. `at_edge`: the network's depth
    changes steeply around it.
    """

    picture: str
    column: float
    row: float
    relative: float
    depth_m: float
    at_edge: bool = False

    @property
    def place(self) -> str:
        """Return which point it is, in words."""
        return f'{self.picture} at {self.column:g},{self.row:g}'


@dataclass(frozen=True)
class PointFit:
    """
    What the fit makes of one point.

    `found_m` is its depth by scale and shift; `left_out_m` by those of the other points alone,
    None where they are too few. One that is `refused` had no part in the fit.
    """

    reading: Reading
    found_m: float
    left_out_m: float | None
    refused: bool = False

    @property
    def error(self) -> float:
        """Return by what share of the measured depth the one found is too far."""
        return self.found_m / self.reading.depth_m - 1.0


@dataclass(frozen=True)
class TapeFit:
    """
    Scale and shift of a camera, and what they make of each point.

    `leave_one_out` is how far off a point is by the others alone, as a share of its depth, on the
    mean; None where they are too few.
    """

    alignment: Alignment
    points: tuple[PointFit, ...]
    leave_one_out: float | None

    @property
    def has_shift(self) -> bool:
        """Return whether the points allowed a shift."""
        return self.alignment.shift != 0.0


def around(values: Float32Array, column: int, row: int) -> Float32Array:
    """Return what is around a pixel of an image, two pixels in each direction where there are."""
    return values[
        max(0, row - _PATCH_PX) : row + _PATCH_PX + 1,
        max(0, column - _PATCH_PX) : column + _PATCH_PX + 1,
    ]


def fit_tape(
    readings: Sequence[Reading], reading_error_m: float, tolerance: float = TOLERANCE
) -> TapeFit:
    """
    Fit one scale to a few points, and a shift where they allow it.

    They do where there are three or more at distances that differ by half, and a point that is
    left out is found better with it than without. One point that contradicts all others, which
    agree, is refused; more are an error.

    :param readings: two to five.
    :param reading_error_m: how far off a reading may be.
    :param tolerance: how far off a point may be by the others, as a share of its depth.
    :raises AlignmentError: if there are too few or too many points, they contradict each other,
        or the scale is not positive.
    """
    if not FEWEST <= len(readings) <= MOST:
        raise AlignmentError(f'{len(readings)} points; {FEWEST} to {MOST} are needed')
    kept = _agreeing(readings, reading_error_m, tolerance)
    fitted = _best(kept, reading_error_m)
    left_out = _left_out(kept, reading_error_m, fitted.shift != 0.0)
    by_reading = dict(zip(map(id, kept), left_out, strict=True))
    points = tuple(
        PointFit(one, fitted.depth(one), by_reading.get(id(one)), id(one) not in by_reading)
        for one in readings
    )
    known = [found / one.depth_m - 1.0 for one, found in zip(kept, left_out, strict=True) if found]
    return TapeFit(
        _alignment(kept, fitted, len(readings)),
        points,
        float(np.mean(np.abs(known))) if known else None,
    )


@dataclass(frozen=True)
class _Line:
    scale: float
    shift: float
    variances: Float64Array

    def depth(self, reading: Reading) -> float:
        """Return the depth of a point, infinite where it would be none."""
        inverse = self.scale * reading.relative + self.shift
        return 1.0 / inverse if inverse > 0 else np.inf


def _line(readings: Sequence[Reading], reading_error_m: float, *, shift: bool) -> _Line:
    """Return the weighted least squares of some points; unknown variances are infinite."""
    depth_m = np.array([one.depth_m for one in readings])
    sigma = np.hypot(reading_error_m / depth_m**2, _NETWORK_SHARE / depth_m)
    relative = np.array([one.relative for one in readings])
    rows = np.stack([relative, np.ones(len(readings)) if shift else np.zeros(len(readings))])
    design = (rows / sigma).T
    found = np.linalg.pinv(design)
    scale, offset = found @ (1.0 / depth_m / sigma)
    return _Line(float(scale), float(offset), np.asarray(found @ found.T, np.float64))


def _best(readings: Sequence[Reading], reading_error_m: float) -> _Line:
    """Return the line with a shift where the points allow it, else that through zero."""
    plain = _line(readings, reading_error_m, shift=False)
    depths = [one.depth_m for one in readings]
    if len(readings) < _FEWEST_FOR_SHIFT or max(depths) < _LEAST_REACH * min(depths):
        return plain
    errors = {
        shift: [
            abs(found / one.depth_m - 1.0)
            for one, found in zip(
                readings, _left_out(readings, reading_error_m, shift), strict=True
            )
            if found is not None
        ]
        for shift in (False, True)
    }
    if np.mean(errors[True]) < np.mean(errors[False]):
        return _line(readings, reading_error_m, shift=True)
    return plain


def _left_out(
    readings: Sequence[Reading], reading_error_m: float, shift: bool
) -> list[float | None]:
    """Return the depth of each point by the others alone."""
    if len(readings) - 1 < 1 + shift:
        return [None] * len(readings)
    return [
        _line(_without(readings, one), reading_error_m, shift=shift).depth(one) for one in readings
    ]


def _agreeing(
    readings: Sequence[Reading], reading_error_m: float, tolerance: float
) -> list[Reading]:
    """Return the points that agree: all, or all but one."""
    if _disagreement(readings, reading_error_m) <= tolerance:
        return list(readings)
    without = [_without(readings, one) for one in readings]
    found = sorted(
        (worst, number)
        for number, others in enumerate(without)
        if len(others) >= _FEWEST_TO_AGREE
        and (worst := _disagreement(others, reading_error_m)) <= tolerance
    )
    if not found:
        told = ', '.join(
            f'{one.place}: {one.depth_m:.2f} m measured, {depth_m:.2f} m by the others'
            for one, depth_m in _by_others(readings, reading_error_m)
        )
        raise AlignmentError(
            f'the points contradict each other by more than {tolerance:.0%} ({told}); '
            f'{_cure(readings)}'
        )
    if len(found) > 1 and found[1][0] < _CLEARLY * found[0][0]:
        places = ', '.join(readings[number].place for _, number in found)
        raise AlignmentError(
            f'one point contradicts the others by more than {tolerance:.0%}, and it may be any of '
            f'these: {places}; measure one more'
        )
    return without[found[0][1]]


def _cure(readings: Sequence[Reading]) -> str:
    """Return what helps where points contradict each other, and which to doubt first."""
    at_edge = [one.place for one in readings if one.at_edge]
    doubt = (
        f'doubt {at_edge[0]} first, which is at an edge of the depth; '
        if len(at_edge) == 1
        else ''
    )
    more = {
        2: 'measure a third at another distance, as only three can give a shift, and a fourth to '
        'tell which one is wrong',
        3: 'measure a fourth, to tell which one is wrong',
    }
    choose = (
        'check pixels and readings, choose points on flat surfaces, and none alone at its distance'
    )
    return doubt + more.get(len(readings), choose)


def _disagreement(readings: Sequence[Reading], reading_error_m: float) -> float:
    """Return how far off the worst of some points is by the others, as a share of its depth."""
    by_others = _by_others(readings, reading_error_m)
    return max((abs(depth_m / one.depth_m - 1.0) for one, depth_m in by_others), default=0.0)


def _by_others(readings: Sequence[Reading], reading_error_m: float) -> list[tuple[Reading, float]]:
    """Return points with their depth by the others alone; none where these are too few."""
    shift = _best(readings, reading_error_m).shift != 0.0
    left_out = _left_out(readings, reading_error_m, shift)
    return [
        (one, depth_m)
        for one, depth_m in zip(readings, left_out, strict=True)
        if depth_m is not None
    ]


def _without(readings: Sequence[Reading], one: Reading) -> list[Reading]:
    return [other for other in readings if other is not one]


def _alignment(kept: Sequence[Reading], line: _Line, given: int) -> Alignment:
    if not (line.scale > 0 and np.isfinite(line.scale)):
        raise AlignmentError(
            f'the fitted scale {line.scale:.4g} is not positive: what was measured farther away '
            'is nearer in the depth of the network'
        )
    inverse = np.array([1.0 / one.depth_m for one in kept])
    found = np.array([line.scale * one.relative + line.shift for one in kept])
    (scale, both), (_, shift) = line.variances
    return Alignment(
        scale=line.scale,
        shift=line.shift,
        source='tape',
        points=given,
        inlier_ratio=len(kept) / given,
        residual=float(np.sqrt(np.mean(np.square(found - inverse)))),
        stamp_ns=0,
        covariance=(float(scale), float(both), float(shift)),
    )
