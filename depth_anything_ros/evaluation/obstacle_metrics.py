"""
The metrics of obstacles: what of them is missed, what is false, how far off they are.

See `obstacles` for what an obstacle is and when it is found. Every metric is of one image, all of
its obstacles or those of a part: a band of distance (a quarter, half and the whole of the reach)
or a size (thin up to 10 cm, medium up to 40 cm, large). It has no value, NaN, where the image has
none of the part. Over images each counts the same; those without a value are left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.evaluation.beams import BeamErrors
from depth_anything_ros.evaluation.obstacles import BANDS, IntArray, ObstacleErrors


class Sorted(Protocol):
    """Things that have a band of distance and a size each."""

    @property
    def bands(self) -> IntArray:
        """Return the number of the band of each."""
        ...

    @property
    def sizes(self) -> IntArray:
        """Return the number of the size of each."""
        ...


@dataclass(frozen=True)
class Part:
    """
    Some of the obstacles: of a `band` or a `size` by their numbers, of all where neither is told.

    `name` is '' for all, `text` says in words which they are.
    """

    name: str
    text: str
    band: int | None = None
    size: int | None = None

    def of(self, items: Sorted) -> NDArray[np.bool_]:
        """Return which of some things are in the part."""
        chosen = np.ones(len(items.bands), np.bool_)
        if self.band is not None:
            chosen &= items.bands == self.band
        if self.size is not None:
            chosen &= items.sizes == self.size
        return chosen


FAMILY = 'obstacles'

ALL = Part('', 'all')
_ENDS = ('0', 'reach / 4', 'reach / 2', 'reach')
PARTS = (
    ALL,
    *(
        Part(f'band{place + 1}', f'{_ENDS[place]} … {_ENDS[place + 1]}', band=place)
        for place in range(BANDS)
    ),
    *(
        Part(name, text, size=place)
        for place, (name, text) in enumerate(
            (
                ('thin', 'up to 10 cm'),
                ('medium', '10 to 40 cm'),
                ('large', 'above 40 cm'),
            )
        )
    ),
)
"""All obstacles, those of each band of distance, those of each size."""


def metric_name(what: str, part: str = '') -> str:
    """
    Return the name of a metric of obstacles.

    >>> metric_name('missed'), metric_name('false', 'band1')
    ('obstacles.missed', 'obstacles.band1.false')
    """
    return '.'.join(filter(None, (FAMILY, part, what)))


def of_obstacles(names: Iterable[str]) -> bool:
    """Return whether metrics of some names look for obstacles."""
    return any(name.partition('.')[0] == FAMILY for name in names)


def danger(values: Mapping[str, float]) -> float:
    """
    Return how bad an image is among others: obstacles missed, and near cells seen through.

    :param values: the metrics of an image; those without a value do not count.
    :return: the sum of both shares.
    """
    shares = (values.get(metric_name(what), 0.0) for what in ('missed', 'false_free'))
    return sum(share for share in shares if isfinite(share))


def missed(part: Part) -> Callable[[ObstacleErrors], float]:
    """
    Return the metric that is the share of obstacles missed, no unit; 0 is best.

    An obstacle is missed where less than half of its cells are found.

    >>> from depth_anything_ros.evaluation.obstacles import TrueObstacles
    >>> pole, wall = (0, 0, True), (1, 2, False)
    >>> errors = ObstacleErrors(None, TrueObstacles(*map(np.array, zip(pole, wall))), None)
    >>> missed(ALL)(errors), missed(PARTS[-1])(errors)
    (0.5, 0.0)
    """
    return lambda errors: _share(errors.obstacles.missed, part.of(errors.obstacles))


def false(part: Part) -> Callable[[ObstacleErrors], float]:
    """
    Return the metric that is the share of predicted cells that are false, no unit; 0 is best.

    A predicted cell is false where no true one is near and the truth sees through it. Cells that
    are hidden from the camera, or whose truth is unknown, count neither above nor below.

    >>> from depth_anything_ros.evaluation.obstacles import PredictedCells
    >>> cells = PredictedCells(np.array([0, 0, 1]), np.array([2, 2, 0]), np.array([0, 0, 1]) > 0)
    >>> round(false(ALL)(ObstacleErrors(None, None, cells)), 4)
    0.3333
    """
    return lambda errors: _share(errors.predicted.false, part.of(errors.predicted))


def distance_error(part: Part) -> Callable[[ObstacleErrors], float]:
    """
    Return the metric that is the error of distance of true cells, Σ |p − t| / N in m; 0 is best.

    p and t are the distances along the ground from the lens, each a mean over the points of the
    cell, found or not; cells without any prediction are left out.

    >>> from depth_anything_ros.evaluation.obstacles import TrueCells
    >>> of_two = [np.zeros(2, int)] * 2 + [np.zeros(2, bool)] * 3 + [np.array([0.25, -0.75])]
    >>> distance_error(ALL)(ObstacleErrors(TrueCells(*of_two), None, None))
    0.5
    """

    def error(errors: ObstacleErrors) -> float:
        found_m = np.abs(errors.cells.errors_m[part.of(errors.cells)])
        known_m = found_m[np.isfinite(found_m)]
        return float(known_m.mean()) if known_m.size else float('nan')

    return error


def missed_cells(errors: ObstacleErrors) -> float:
    """
    Return the share of true obstacle cells that are not found, no unit; 0 is best.

    >>> from depth_anything_ros.evaluation.obstacles import TrueCells
    >>> found = np.array([True, True, True, False])
    >>> missed_cells(ObstacleErrors(TrueCells(None, None, found, ~found, found, None), None, None))
    0.25
    """
    return _share(~errors.cells.found, np.ones(len(errors.cells.found), np.bool_))


def false_free(errors: ObstacleErrors) -> float:
    """
    Return the share of true cells within the braking distance that are seen through; 0 is best.

    Such a cell is not found, and half of what it shows is predicted beyond it by more than the
    tolerance: a robot would clear it and drive into it. One without a prediction is missed only.

    >>> from depth_anything_ros.evaluation.obstacles import TrueCells
    >>> through, near = np.array([True, False, True]), np.array([True, True, False])
    >>> cells = TrueCells(None, None, ~through, through, near, None)
    >>> false_free(ObstacleErrors(cells, None, None))
    0.5
    """
    return _share(errors.cells.seen_through, errors.cells.near)


def missed_beams(errors: BeamErrors) -> float:
    """
    Return the share of beams that do not stop where the true ones do, no unit; 0 is best.

    >>> free = np.array([False, False, True])
    >>> missed_beams(BeamErrors(np.array([2.0, 2.0, 4.0]), np.array([2.1, np.inf, 3.0]), free))
    0.3333333333333333
    """
    return _share(errors.missed, errors.counted)


def false_beams(errors: BeamErrors) -> float:
    """
    Return the share of beams that stop before the true ones do, no unit; 0 is best.

    >>> free = np.array([False, False, True])
    >>> false_beams(BeamErrors(np.array([2.0, 2.0, 4.0]), np.array([2.1, np.inf, 3.0]), free))
    0.5
    """
    return _share(errors.false, errors.judged)


def _share(happened: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    count = np.count_nonzero(among)
    return np.count_nonzero(happened & among) / count if count else float('nan')
