"""What stands on the ground before a camera, as cells of a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.geometry.mounting import level_rays
from depth_anything_ros.types import Camera, CameraMounting, Float32Array, Float64Array

BoolGrid = NDArray[np.bool_]

CELL_M = 0.05
_PER_M = np.float32(1 / CELL_M)
TOLERANCE = 0.1
"""How far from its true distance an obstacle may be found, as a share of that."""

# What shows an obstacle in a cell is at least so large.
LEAST_AREA_M2 = 1e-4
_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class ObstaclePoints:
    """
    The points of a depth image that are obstacles, as far as the grid reaches, (n,) each.

    `pixels` are their places in the flat image, `cells` in the flat grid, `distances_m` those
    from the lens along the ground, `areas_m2` what a pixel covers there, seen face on.
    """

    pixels: NDArray[np.intp]
    cells: NDArray[np.intp]
    distances_m: Float32Array
    areas_m2: Float32Array


@dataclass(frozen=True)
class ObstacleScene:
    """
    Two depth images of one camera, and what of them is an obstacle.

    `depth_m` is the prediction, float32 (H, W) in metres, NaN where there is none, `true_depth_m`
    the truth, NaN where unknown, +Inf where nothing is. `true` are the points of truth within the
    range, `predicted` those of the prediction; `beams` int32 (H, W) are those of `LevelRays`.
    """

    depth_m: Float32Array
    true_depth_m: Float32Array
    beams: NDArray[np.int32]
    rule: ObstacleRule
    true: ObstaclePoints
    predicted: ObstaclePoints

    @property
    def in_free_space(self) -> NDArray[np.bool_]:
        """Return which predicted points the truth sees through, (n,)."""
        pixels = self.predicted.pixels
        # Unknown truth is not beyond: NaN compares as false.
        beyond: NDArray[np.bool_] = (
            self.true_depth_m.ravel()[pixels] > self.depth_m.ravel()[pixels]
        )
        return beyond


def obstacle_scene(
    depth_m: Float32Array,
    true_depth_m: Float32Array,
    in_range: BoolGrid,
    camera: Camera,
    mounting: CameraMounting,
    rule: ObstacleRule,
) -> ObstacleScene:
    """
    Find the obstacles in true and in predicted depth.

    :param depth_m: float32 (H, W) in metres; NaN where there is no prediction.
    :param true_depth_m: float32 (H, W) in metres, NaN where unknown, +Inf where nothing is.
    :param in_range: bool (H, W), where the truth may show an obstacle.
    :param camera: calibrated, of the image.
    :param mounting: of the camera above level ground.
    :param rule: what an obstacle is.
    """
    rays, grid = level_rays(camera, mounting), grid_of(rule)
    low, high = (
        np.float32(height_m - mounting.height_m)
        for height_m in (rule.obstacle_min_height_m, rule.obstacle_max_height_m)
    )
    farthest_m = np.float32(CELL_M * (len(grid.distances_m) - 1))
    points = []
    for found_m, known in ((true_depth_m, in_range), (depth_m, None)):
        height_m, distance_m = rays.up * found_m, rays.level * found_m
        seen = (height_m >= low) & (height_m <= high) & (distance_m <= farthest_m)
        if known is not None:
            seen &= known
        pixels = np.flatnonzero(seen)
        own_m = found_m.ravel()[pixels]
        cells = grid.cells(rays.ahead.ravel()[pixels] * own_m, rays.left.ravel()[pixels] * own_m)
        areas_m2 = np.square(own_m) / np.float32(camera.fx_px * camera.fy_px)
        points.append(ObstaclePoints(pixels, cells, distance_m.ravel()[pixels], areas_m2))
    return ObstacleScene(depth_m, true_depth_m, rays.beams, rule, *points)


@dataclass(frozen=True)
class ObstacleGrid:
    """
    The ground ahead in cells of 5 cm: rows from the lens on, columns from left to right.

    It reaches a tolerance farther than obstacles count, so that one may be found beyond.
    `distances_m` (rows, columns) are those of the middles of cells from the lens.
    """

    rule: ObstacleRule
    distances_m: Float64Array

    @property
    def counted(self) -> BoolGrid:
        """Return which cells are within reach."""
        return self.distances_m <= self.rule.obstacle_reach_m

    def cells(
        self, ahead_m: NDArray[np.floating[Any]], left_m: NDArray[np.floating[Any]]
    ) -> NDArray[np.intp]:
        """Return the places in the flat grid of points on the ground, those beyond at its edge."""
        rows, columns = self.distances_m.shape
        row = (ahead_m * _PER_M).astype(np.intp)
        # Ahead and to the left of the grid's right edge, where numbers are cut off towards it.
        column = (columns // 2 - left_m * _PER_M).astype(np.intp)
        np.minimum(row, rows - 1, out=row)
        return row * columns + np.clip(column, 0, columns - 1, out=column)

    def sums(self, cells: NDArray[np.intp], values: NDArray[np.floating[Any]]) -> Float64Array:
        """Return the sum of values in each cell, (rows, columns)."""
        flat = np.asarray(np.bincount(cells, values, self.distances_m.size), np.float64)
        return flat.reshape(self.distances_m.shape)

    def shown(self, cells: NDArray[np.intp], areas_m2: Float32Array) -> BoolGrid:
        """Return the cells whose points cover enough to be an obstacle, (rows, columns)."""
        enough: BoolGrid = self.sums(cells, areas_m2) >= LEAST_AREA_M2
        return enough

    def near(self, cells: BoolGrid, others: BoolGrid) -> BoolGrid:
        """
        Return which of some cells have one of the others near.

        Near is up to a tenth of the distance, but at least a cell, nearer or farther in the same
        direction, and a cell aside.
        """
        rows, columns = np.nonzero(cells)
        ahead_m, left_m = middles(self.distances_m.shape)
        ahead_m, left_m = ahead_m[rows], left_m[columns]
        distance_m = self.distances_m[rows, columns]
        reach = np.maximum(TOLERANCE - CELL_M / distance_m, 0.0)
        steps = np.linspace(-1, 1, 1 + 2 * math.ceil(TOLERANCE * len(self.distances_m)))
        factors = 1.0 + reach[:, None] * steps  # (n, steps)
        around = cv2.dilate(others.view(np.uint8), _AROUND).ravel()
        met = around[self.cells(factors * ahead_m[:, None], factors * left_m[:, None])]
        found = np.zeros(cells.shape, np.bool_)
        found[rows, columns] = met.any(axis=1)
        return found


@lru_cache(maxsize=2)
def grid_of(rule: ObstacleRule) -> ObstacleGrid:
    """Return the grid of a rule."""
    rows = math.ceil(rule.obstacle_reach_m * (1.0 + TOLERANCE) / CELL_M) + 1
    ahead_m, left_m = middles((rows, 2 * rows))
    return ObstacleGrid(rule, np.hypot(ahead_m[:, None], left_m))


def middles(shape: tuple[int, ...]) -> tuple[Float64Array, Float64Array]:
    """Return how far ahead the middles of rows are, and how far left those of columns."""
    rows, columns = shape
    return (
        CELL_M * (np.arange(rows) + 0.5),
        CELL_M * (columns // 2 - 0.5 - np.arange(columns)),
    )
