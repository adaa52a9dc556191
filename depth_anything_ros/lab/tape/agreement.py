"""Which readings agree, and what is to be done where they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.tape.line import (
    Reading,
    allow_shift,
    line_through,
    standard_deviation,
)

# A point contradicts others if they are so many standard deviations of what they say off it.
_SURE = 2.0
# A reading wrong by half says an inverse depth that is off by this share.
_GROSS_SHARE = 1 / 3
# The one that is refused leaves others that agree so many times better than without another.
_CLEARLY = 2.0


@dataclass(frozen=True)
class ByOthers:
    """What all other points say of one; `doubt` as in :class:`PointFit`."""

    reading: Reading
    depth_m: float
    doubt: float

    @property
    def off(self) -> float:
        """Return how far off the measured depth that is, as a share of it."""
        return abs(self.depth_m / self.reading.depth_m - 1.0)

    @property
    def can_tell(self) -> bool:
        """Return whether they would tell if the reading were wrong by half."""
        return _SURE * self.doubt < _GROSS_SHARE

    def contradict(self, tolerance: float) -> bool:
        """Return whether they are farther off than tolerated, and than they can be wrong."""
        off = abs(self.reading.depth_m / self.depth_m - 1.0)
        return self.off > tolerance and off > _SURE * self.doubt


def by_others(readings: Sequence[Reading], reading_error_m: float, shift: bool) -> list[ByOthers]:
    """Return what the others say of each point; nothing where these are too few."""
    if len(readings) - 1 < 1 + shift:
        return []
    return [_of_one(one, _without(readings, one), reading_error_m, shift) for one in readings]


def _of_one(
    one: Reading, others: Sequence[Reading], reading_error_m: float, shift: bool
) -> ByOthers:
    line = line_through(others, reading_error_m, shift=shift)
    own = standard_deviation(one.depth_m, reading_error_m)
    doubt = math.sqrt(line.variance(one.relative) + own**2) * one.depth_m
    return ByOthers(one, line.depth(one.relative), doubt)


def agreeing(
    readings: Sequence[Reading], reading_error_m: float, tolerance: float, fit_shift: bool
) -> list[Reading]:
    """
    Return the points that agree: all, or all but one.

    :param fit_shift: whether the network may have a shift.
    """
    told = by_others(readings, reading_error_m, fit_shift and allow_shift(readings))
    if not any(one.contradict(tolerance) for one in told):
        return list(readings)
    without = [_without(readings, one) for one in readings]
    found = sorted(
        (worst, number)
        for number, (one, others) in enumerate(zip(readings, without, strict=True))
        # One more than there are numbers to find.
        if len(others) >= 2 + fit_shift
        and (worst := _disagreement(others, reading_error_m, fit_shift)) <= tolerance
        and _of_one(one, others, reading_error_m, fit_shift).contradict(tolerance)
    )
    if not found:
        measured = ', '.join(
            f'{one.reading.place}: {one.reading.depth_m:.2f} m measured, {one.depth_m:.2f} m by '
            'the others'
            for one in told
        )
        raise AlignmentError(
            f'the points contradict each other by more than {tolerance:.0%} ({measured}); '
            f'{_cure(readings, fit_shift)}'
        )
    if len(found) > 1 and found[1][0] < _CLEARLY * found[0][0]:
        places = ', '.join(readings[number].place for _, number in found)
        raise AlignmentError(
            f'one point contradicts the others by more than {tolerance:.0%}, and it may be any of '
            f'these: {places}; measure one more'
        )
    return without[found[0][1]]


def _cure(readings: Sequence[Reading], fit_shift: bool) -> str:
    """Return what helps where points contradict each other, and which to doubt first."""
    at_edge = [one.place for one in readings if one.at_edge]
    doubt = (
        f'doubt {at_edge[0]} first, which is at an edge of the depth; '
        if len(at_edge) == 1
        else ''
    )
    more = {
        2: 'measure a third at another distance, as only three can give a shift, and a fourth to '
        'tell which one is wrong'
        if fit_shift
        else 'measure a third, to tell which one is wrong',
        3: 'measure a fourth, to tell which one is wrong',
    }
    choose = (
        'check pixels and readings, choose points on flat surfaces, and none alone at its distance'
    )
    return doubt + more.get(len(readings), choose)


def _disagreement(readings: Sequence[Reading], reading_error_m: float, fit_shift: bool) -> float:
    """Return how far off the worst of some points is by the others, as a share of its depth."""
    told = by_others(readings, reading_error_m, fit_shift and allow_shift(readings))
    return max((one.off for one in told), default=0.0)


def _without(readings: Sequence[Reading], one: Reading) -> list[Reading]:
    return [other for other in readings if other is not one]
