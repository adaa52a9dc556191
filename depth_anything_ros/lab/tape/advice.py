"""How certain readings make the scale, and where one more helps most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.tape.fit import MOST
from depth_anything_ros.lab.tape.line import (
    EDGE_SPREAD,
    PATCH_PX,
    Reading,
    line_through,
    standard_deviation,
)
from depth_anything_ros.types import Float32Array, Float64Array

# How far a tape measure reaches if nobody says, and from where on two centimetres are little.
REACH_M, NEAREST_M = 3.0, 0.5
# Distances that differ by less than this factor say the same.
_APART = 1.1
# Places of a picture are looked at in so many columns.
_COLUMNS = 64
# Another picture is worth taking if it takes the error down to this share of what a place in
# those that are there does.
_WORTH_A_PICTURE = 0.8


@dataclass(frozen=True)
class NextPoint:
    """
    Where to measure next, and what that makes of the standard error of the scale, as a share.

    `picture` is empty where another one is needed, of something `depth_m` away. `error_before` is
    None where the readings do not tell the scale.
    """

    picture: str
    column: int
    row: int
    depth_m: float
    error_before: float | None
    error_after: float


class Planner:
    """
    Say how certain some readings make the scale, and which one more helps most.

    :param readings: one or more.
    :param reading_error_m: how far off one may be.
    :param spread: by how much more than that they are off, as a fit tells it.
    :param fit_shift: False for a network whose inverse depth lacks the scale alone.
    """

    def __init__(
        self,
        readings: Sequence[Reading],
        reading_error_m: float,
        spread: float = 1.0,
        *,
        fit_shift: bool = True,
    ) -> None:
        self._depths = np.array([one.depth_m for one in readings])
        self._reading_error_m = reading_error_m
        self._unknowns = 1 + fit_shift
        lever = fit_shift and self._depths.max() >= _APART * self._depths.min()
        self._line = line_through(readings, reading_error_m, shift=bool(lever))
        rows = np.array([[one.relative, 1.0] for one in readings])[:, : self._unknowns]
        rows /= spread * standard_deviation(self._depths, reading_error_m)[:, None]
        self._spread = spread
        self._information = rows.T @ rows

    @property
    def scale_error(self) -> float:
        """Return the standard error of the scale as a share of it; a shift is taken as unknown."""
        return self._error(self._information)

    def best_next(
        self, pictures: Mapping[str, Float32Array], reach_m: float = REACH_M
    ) -> NextPoint | None:
        """
        Return the place in the widest gap between the distances of the readings.

        Such a point also shows what the network bends and tells which reading is wrong, as one
        chosen for the scale alone would not.

        :param pictures: the network's inverse depth of each, (H, W); NaN where nobody can measure.
        :param reach_m: the farthest distance that can be measured.
        :return: None where there are as many readings as may be, or no place is left.
        """
        if len(self._depths) >= MOST or not self._line.scale > 0:
            return None
        found = [
            place
            for picture, relative in pictures.items()
            if (place := self._widest(picture, relative, reach_m))
        ]
        far = self._point('', 0, 0, (1.0 / reach_m - self._line.shift) / self._line.scale)
        best = max(found, key=self._gap, default=None)
        if best is None:
            return far if self._gap(far) >= _APART else None
        if self._gap(far) >= self._gap(best):
            return far if far.error_after < _WORTH_A_PICTURE * best.error_after else best
        return best

    def _gap(self, place: NextPoint) -> float:
        return float(self._gaps(np.array([place.depth_m]))[0])

    def _widest(self, picture: str, relative: Float32Array, reach_m: float) -> NextPoint | None:
        rows, columns = _flat_places(relative)
        inverse = self._line.inverse(relative[rows, columns].astype(np.float64))
        usable = np.flatnonzero((inverse >= 1.0 / reach_m) & (inverse <= 1.0 / NEAREST_M))
        gaps = self._gaps(1.0 / inverse[usable])
        if not np.any(gaps >= _APART):
            return None
        place = int(usable[np.argmax(gaps)])
        row, column = int(rows[place]), int(columns[place])
        return self._point(picture, column, row, float(relative[row, column]))

    def _gaps(self, depth_m: Float64Array) -> Float64Array:
        """Return by what factor depths differ from the reading that is nearest to each."""
        ratio = depth_m[:, None] / self._depths
        found: Float64Array = np.maximum(ratio, 1.0 / ratio).min(axis=1)
        return found

    def _point(self, picture: str, column: int, row: int, relative: float) -> NextPoint:
        depth_m = self._line.depth(relative)
        (sigma,) = standard_deviation(np.array([depth_m]), self._reading_error_m)
        at = np.array([relative, 1.0])[: self._unknowns] / (self._spread * sigma)
        after = self._error(self._information + np.outer(at, at))
        before = self.scale_error if math.isfinite(self.scale_error) else None
        return NextPoint(picture, column, row, depth_m, before, after)

    def _error(self, information: Float64Array) -> float:
        if np.linalg.cond(information) > 1e12:
            return math.inf
        return float(np.sqrt(np.linalg.inv(information)[0, 0]) / abs(self._line.scale))


def _flat_places(relative: Float32Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of places on a grid that are at no edge, in no sky and known."""
    height, width = relative.shape
    step = max(1, width // _COLUMNS)
    rows, columns = np.mgrid[step : height - step : step, step : width - step : step]
    window = np.ones((2 * PATCH_PX + 1,) * 2, np.uint8)
    # What is near something unknown is no flat place.
    known = np.nan_to_num(relative, nan=-1.0)
    nearest, farthest = cv2.dilate(known, window), cv2.erode(known, window)
    flat = ((farthest > 0) & (nearest - farthest <= EDGE_SPREAD * known))[rows, columns]
    return rows[flat], columns[flat]
