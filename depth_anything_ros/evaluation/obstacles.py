"""
What a robot that goes by predicted depth makes of the obstacles in its way.

From true and from predicted depth, what stands between the ground clearance and the height of the
robot becomes cells of 5 cm on the ground. An image of depth sees no farther than the first surface
along each ray, so that true cells are those the camera sees, and a predicted cell is wrong only
where the truth sees through it: what is hidden or outside of the view is neither missed nor false.

A true cell is found where there is a predicted one up to a tenth of the distance (a cell at
least) nearer or farther in its direction, at most a cell aside. Cells that touch, or have one cell
between them, are one obstacle, as large as the longer side of the cells it takes. It is missed
where less than half of its cells are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.evaluation.obstacle_grid import (
    CELL_M,
    LEAST_AREA_M2,
    TOLERANCE,
    BoolGrid,
    ObstacleGrid,
    ObstacleScene,
    grid_of,
)
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.types import Float64Array

BANDS = 3
SIZES_M = (0.1, 0.4)
"""The largest thin obstacle, and the largest medium one."""

# Of the cells of an obstacle, those that must be found, and of a cell's points, those that must
# be predicted beyond it for it to be seen through.
_FOUND_SHARE, _THROUGH_SHARE = 0.5, 0.5
_BRIDGE = np.ones((2, 2), np.uint8)

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class TrueCells:
    """
    The true obstacle cells of an image, (n,) each.

    `bands` and `sizes` are numbers from 0: of the third of distance, and of thin, medium and large
    obstacles. `found` tells whether a robot sees it, `seen_through` whether most of its points are
    predicted beyond it, `near` whether it is within the braking distance. `errors_m` is the mean
    of predicted minus true distance of its points, NaN without a prediction.
    """

    bands: IntArray
    sizes: IntArray
    found: BoolArray
    seen_through: BoolArray
    near: BoolArray
    errors_m: Float64Array


@dataclass(frozen=True)
class TrueObstacles:
    """The true obstacles of an image, (k,) each; the band is that of the nearest cell."""

    bands: IntArray
    sizes: IntArray
    missed: BoolArray


@dataclass(frozen=True)
class PredictedCells:
    """The predicted obstacle cells that are right or `false`, (m,) each; see `TrueCells`."""

    bands: IntArray
    sizes: IntArray
    false: BoolArray


@dataclass(frozen=True)
class ObstacleMap:
    """
    Where the cells are, bool (rows, columns) each: see `ObstacleGrid`.

    A cell of `true` is in `found` or missed, one of `predicted` may be `false`.
    """

    true: BoolGrid
    found: BoolGrid
    predicted: BoolGrid
    false: BoolGrid


@dataclass(frozen=True)
class ObstacleErrors:
    """What became of the obstacles of an image; `places` is for pictures."""

    cells: TrueCells
    obstacles: TrueObstacles
    predicted: PredictedCells
    places: ObstacleMap | None = None


def obstacle_errors(scene: ObstacleScene) -> ObstacleErrors:
    """Compare the obstacles of predicted depth with the true ones."""
    grid = grid_of(scene.rule)
    areas_m2 = grid.sums(scene.true.cells, scene.true.areas_m2)
    true = areas_m2 >= LEAST_AREA_M2
    predicted = grid.shown(scene.predicted.cells, scene.predicted.areas_m2)
    free = grid.shown(scene.predicted.cells, scene.predicted.areas_m2 * scene.in_free_space)
    # Of those that are too far to count, one may still stand for one that does.
    found, right = grid.near(true, predicted), grid.near(predicted, true)
    false = predicted & ~right & free & grid.counted
    true, predicted = true & grid.counted, predicted & grid.counted & (right | false)
    numbers, extents_m = _obstacles(true)
    cells = TrueCells(
        _band(grid.distances_m[true], scene.rule),
        _size(extents_m[numbers[true]]),
        found[true],
        *_seen_through(scene, grid, areas_m2, true, found),
    )
    obstacles = _true_obstacles(grid, numbers, extents_m, true, found)
    places = ObstacleMap(true, found & true, predicted, false)
    return ObstacleErrors(cells, obstacles, _predicted_cells(grid, predicted, false), places)


def _obstacles(cells: BoolGrid) -> tuple[IntArray, Float64Array]:
    """Return the number of the obstacle at each cell, 0 for none, and how large each is in m."""
    bridged = cv2.dilate(cells.view(np.uint8), _BRIDGE)
    _, numbers, boxes, _ = cv2.connectedComponentsWithStats(bridged, ltype=cv2.CV_32S)
    sides = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) - 1
    return np.where(cells, numbers, 0).astype(np.intp), CELL_M * sides


def _band(distances_m: Float64Array, rule: ObstacleRule) -> IntArray:
    return np.searchsorted(band_edges_m(rule)[:-1], distances_m)


def band_edges_m(rule: ObstacleRule) -> tuple[float, ...]:
    """
    Return the far ends of the bands of distance; each is twice as far as the one before.

    >>> band_edges_m(ObstacleRule())
    (1.0, 2.0, 4.0)
    """
    return tuple(rule.obstacle_reach_m / 2**place for place in reversed(range(BANDS)))


def _size(extents_m: Float64Array) -> IntArray:
    # A whole number of cells is not one in binary.
    return np.searchsorted(np.array(SIZES_M) + CELL_M / 2, extents_m)


def _seen_through(
    scene: ObstacleScene,
    grid: ObstacleGrid,
    areas_m2: Float64Array,
    true: BoolGrid,
    found: BoolGrid,
) -> tuple[BoolArray, BoolArray, Float64Array]:
    """Return which true cells are seen through, which are near, and how far off they are."""
    points = scene.true
    # Along a ray the distance over the ground grows with depth.
    ratio = scene.depth_m.ravel()[points.pixels] / scene.true_depth_m.ravel()[points.pixels]
    off_m = points.distances_m * (ratio - 1)
    lost = np.flatnonzero((true & ~found).ravel()[points.cells])
    through = off_m[lost] > np.maximum(CELL_M, TOLERANCE * points.distances_m[lost])
    share = grid.sums(points.cells[lost], points.areas_m2[lost] * through)[true] / areas_m2[true]
    known = np.flatnonzero(np.isfinite(off_m))
    if len(known) < len(off_m):
        areas_m2 = grid.sums(points.cells[known], points.areas_m2[known])
        points_m3 = grid.sums(points.cells[known], points.areas_m2[known] * off_m[known])
    else:
        points_m3 = grid.sums(points.cells, points.areas_m2 * off_m)
    with np.errstate(invalid='ignore'):
        errors_m = points_m3[true] / areas_m2[true]
    near = grid.distances_m[true] <= scene.rule.braking_distance_m
    return share >= _THROUGH_SHARE, near, errors_m


def _true_obstacles(
    grid: ObstacleGrid,
    numbers: IntArray,
    extents_m: Float64Array,
    true: BoolGrid,
    found: BoolGrid,
) -> TrueObstacles:
    count = len(extents_m)
    own = numbers[true]
    nearest_m = np.full(count, np.inf)
    np.minimum.at(nearest_m, own, grid.distances_m[true])
    cells = np.bincount(own, minlength=count)
    share = np.bincount(own, found[true], count) / np.maximum(cells, 1)
    # Number 0 is what is no obstacle.
    return TrueObstacles(
        _band(nearest_m[1:], grid.rule), _size(extents_m[1:]), share[1:] < _FOUND_SHARE
    )


def _predicted_cells(grid: ObstacleGrid, predicted: BoolGrid, false: BoolGrid) -> PredictedCells:
    numbers, extents_m = _obstacles(predicted)
    return PredictedCells(
        _band(grid.distances_m[predicted], grid.rule),
        _size(extents_m[numbers[predicted]]),
        false[predicted],
    )
