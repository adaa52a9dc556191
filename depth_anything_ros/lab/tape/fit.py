"""Scale and shift of a camera by a few readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.tape.agreement import ByOthers, agreeing, by_others
from depth_anything_ros.lab.tape.line import (
    Line,
    Reading,
    allow_shift,
    line_through,
    standard_deviation,
)
from depth_anything_ros.types import Alignment

FEWEST, MOST = 2, 5
# A point that the others put farther off than this share of its depth does not agree with them.
TOLERANCE = 0.15


@dataclass(frozen=True)
class PointFit:
    """
    What the fit makes of one point.

    `found_m` is its depth by scale and shift, None where that is none. `left_out_m` is its depth
    by the other points alone, and `doubt` how far off that may be, one standard deviation as a
    share of inverse depth; None where the others are too few or too alike to tell that the reading
    is wrong by half. One that is `refused` had no part in the fit.
    """

    reading: Reading
    found_m: float | None
    left_out_m: float | None = None
    doubt: float | None = None
    refused: bool = False

    @property
    def error(self) -> float | None:
        """Return by what share of the measured depth the one found is too far."""
        return None if self.found_m is None else self.found_m / self.reading.depth_m - 1.0


@dataclass(frozen=True)
class TapeFit:
    """
    Scale and shift of a camera, and what they make of each point.

    `scale_error` is the standard error of the scale as a share of it, given that the network has
    no shift where none was fitted. `leave_one_out` is how far off a point is by the others alone,
    as a share of its depth, on the mean of those where the others can tell; None where there are
    none. `spread` is by how much residuals exceed what readings and network are taken to be off,
    at least 1; the errors have it in them.
    """

    alignment: Alignment
    points: tuple[PointFit, ...]
    spread: float
    scale_error: float
    leave_one_out: float | None

    @property
    def has_shift(self) -> bool:
        """Return whether the points allowed a shift."""
        return self.alignment.shift != 0.0

    @property
    def kept(self) -> list[Reading]:
        """Return the points that had a part in it."""
        return [point.reading for point in self.points if not point.refused]


def fit_tape(
    readings: Sequence[Reading],
    reading_error_m: float,
    tolerance: float = TOLERANCE,
    *,
    fit_shift: bool = True,
) -> TapeFit:
    """
    Fit one scale to a few points, and a shift where they allow it.

    They do where there are three or more at distances that differ by half. One point that
    contradicts all others, which agree, is refused; more are an error. A point contradicts others
    where it is farther than `tolerance` off what they say, and than they can be wrong.

    :param readings: two to five.
    :param reading_error_m: how far off a reading may be.
    :param tolerance: how far off a point may be by the others, as a share of its depth.
    :param fit_shift: False for a network whose inverse depth lacks the scale alone.
    :raises AlignmentError: if there are too few or too many points, they contradict each other,
        or the scale is not positive.
    """
    if not FEWEST <= len(readings) <= MOST:
        raise AlignmentError(f'{len(readings)} points; {FEWEST} to {MOST} are needed')
    kept = agreeing(readings, reading_error_m, tolerance, fit_shift)
    shift = fit_shift and allow_shift(kept)
    line = line_through(kept, reading_error_m, shift=shift)
    told = {id(one.reading): one for one in by_others(kept, reading_error_m, shift)}
    points = tuple(
        _judged(one, line, told.get(id(one)), refused=all(one is not other for other in kept))
        for one in readings
    )
    off = [
        abs(point.left_out_m / point.reading.depth_m - 1.0)
        for point in points
        if point.left_out_m is not None
    ]
    spread = _spread(kept, line, reading_error_m)
    alignment = _alignment(kept, line, spread, len(readings))
    return TapeFit(
        alignment,
        points,
        spread,
        math.sqrt(alignment.covariance[0]) / alignment.scale,
        float(np.mean(off)) if off else None,
    )


def _judged(one: Reading, line: Line, others: ByOthers | None, *, refused: bool) -> PointFit:
    found_m = line.depth(one.relative)
    fit = PointFit(one, found_m if math.isfinite(found_m) else None, refused=refused)
    if others is None or not others.can_tell:
        return fit
    return replace(fit, left_out_m=others.depth_m, doubt=others.doubt)


def _alignment(kept: Sequence[Reading], line: Line, spread: float, given: int) -> Alignment:
    if not (line.scale > 0 and np.isfinite(line.scale)):
        raise AlignmentError(
            f'the fitted scale {line.scale:.4g} is not positive: what was measured farther away '
            'is nearer in the depth of the network'
        )
    inverse = np.array([1.0 / one.depth_m for one in kept])
    found = np.array([line.inverse(one.relative) for one in kept])
    (scale, both), (_, shift) = line.variances * spread**2
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


def _spread(kept: Sequence[Reading], line: Line, reading_error_m: float) -> float:
    free = len(kept) - 1 - (line.shift != 0.0)
    if free < 1:
        return 1.0
    off = [
        (line.inverse(one.relative) - 1.0 / one.depth_m)
        / standard_deviation(one.depth_m, reading_error_m)
        for one in kept
    ]
    return max(1.0, math.sqrt(sum(np.square(off)) / free))
