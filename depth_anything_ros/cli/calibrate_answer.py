"""What the verb `calibrate` says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import write_line, write_table, write_warning
from depth_anything_ros.table import Table, number

if TYPE_CHECKING:
    from depth_anything_ros.lab.tape.advice import NextPoint
    from depth_anything_ros.lab.tape.fit import PointFit, TapeFit
    from depth_anything_ros.lab.trials.tape_trial import TapeResult


def show_fit(fit: TapeFit, error_with_shift: float | None, next_point: NextPoint | None) -> None:
    """
    Show what a fit makes of each point, how far off it is expected to be, and what would help.

    :param error_with_shift: the expected error of the scale if the network has a shift, None where
        it cannot have one.
    :param next_point: the best one to measure next, None where there is none.
    """
    rows = [
        [
            point.reading.place,
            f'{point.reading.depth_m:.3f}',
            number(point.found_m, '.3f', ''),
            number(point.error, '+.1%', ''),
            _by_others(point),
            'refused' if point.refused else '',
        ]
        for point in fit.points
    ]
    headings = ['point', 'depth m', 'found m', 'off by', 'by the others m', '']
    write_table(Table(headings, rows))
    alignment = fit.alignment
    left_out = number(fit.leave_one_out, '.1%', 'an unknown share')
    write_line(
        f'scale {alignment.scale:.6g} 1/m, expected to be off by {fit.scale_error:.1%}; shift '
        f'{alignment.shift:.6g} 1/m; by the others alone a point is off by {left_out}'
    )
    if error_with_shift is None:
        write_line('no shift: the inverse depth of this model lacks the scale alone')
    elif not fit.has_shift:
        unknown = math.isinf(error_with_shift)
        share = 'nobody knows how much' if unknown else f'{error_with_shift:.1%}'
        write_line(
            'no shift: it takes three or more points at distances that differ by half. If the '
            f'network has one, the scale is expected to be off by {share}'
        )
    for point in fit.points:
        _warn(point, fit.has_shift)
    if next_point:
        write_line(_advice(next_point))


def _warn(point: PointFit, has_shift: bool) -> None:
    reading = point.reading
    if point.refused:
        write_warning(
            f'{reading.place} says {reading.depth_m:.2f} m where the others say '
            f'{number(point.found_m, ".2f", "infinitely many")} m: refused; measure it again'
        )
    elif has_shift and point.left_out_m is None:
        write_warning(
            f'nothing confirms {reading.place}: a wrong reading would not be noticed; measure '
            f'another one about {reading.depth_m:.2g} m away'
        )


def _by_others(point: PointFit) -> str:
    if point.left_out_m is None or point.doubt is None:
        return '' if point.refused else 'cannot tell'
    return f'{point.left_out_m:.3f} ± {point.doubt * point.left_out_m:.3f}'


def _advice(place: NextPoint) -> str:
    """Return where to measure next, and what it is worth."""
    before = number(place.error_before, '.1%', 'unknown')
    where = (
        f'{place.picture} at {place.column},{place.row}, which is about {place.depth_m:.2g} m away'
        if place.picture
        else f'something {place.depth_m:.2g} m away, in another picture'
    )
    return (
        f'best next point: {where}; the expected error of the scale goes from {before} to '
        f'{place.error_after:.1%}'
    )


def good_place(place: NextPoint | None) -> str:
    """Return where to measure next, as the end of an error; nothing where nobody knows."""
    if place is None or not place.picture:
        return ''
    return f'; a good place is {place.picture} at {place.column},{place.row}'


def show_trials(results: Sequence[TapeResult]) -> None:
    """Show how far off scales of trials are."""
    headings = [
        'trial', 'fitted', 'expected', 'scale p50', 'p90', 'depth p50', 'p90', 'left out', 'found'
    ]  # fmt: skip
    rows = [
        [
            result.title,
            f'{result.fitted} of {result.rooms}',
            *(number(value, '.1%', '') for value in result.figures()),
            f'{result.found} of {result.fitted}' if result.outlier else '',
        ]
        for result in results
    ]
    write_table(Table(headings, rows))
