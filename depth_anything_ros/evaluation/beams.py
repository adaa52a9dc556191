"""Laser scans made of predicted depth, beside those made of the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.evaluation.obstacle_grid import (
    CELL_M,
    TOLERANCE,
    ObstaclePoints,
    ObstacleScene,
)
from depth_anything_ros.types import Float32Array

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class BeamErrors:
    """
    Where beams stop, float (n,) in metres, +Inf where they do not within reach.

    A beam stops right within a tenth of its true range, or a cell of 5 cm if that is more.
    `free` tells of which the truth sees through the point where it is predicted to stop.
    """

    true_m: Float32Array
    predicted_m: Float32Array
    free: BoolArray

    @property
    def counted(self) -> BoolArray:
        """Return which beams have to stop."""
        return np.isfinite(self.true_m)

    @property
    def missed(self) -> BoolArray:
        """Return which beams do not stop where they have to, nor before."""
        return self.predicted_m > self.true_m + self._tolerance_m

    @property
    def judged(self) -> BoolArray:
        """Return which beams stop at something true, or where the truth sees through."""
        return np.isfinite(self.predicted_m) & (self.counted | self.free)

    @property
    def false(self) -> BoolArray:
        """Return which beams stop before they have to."""
        return self.free & (self.predicted_m < self.true_m - self._tolerance_m)

    @property
    def _tolerance_m(self) -> Float32Array:
        known_m = np.where(self.counted, self.true_m, np.float32(0))
        return np.maximum(np.float32(CELL_M), np.float32(TOLERANCE) * known_m)


def beam_errors(scene: ObstacleScene) -> BeamErrors:
    """
    Compare the scans of two depth images: the nearest obstacle in each direction.

    Beams have the directions of :func:`geometry.depth_scan.scan_of_depth`.
    """
    true_m = _ranges_m(scene.true, scene)
    predicted_m = _ranges_m(scene.predicted, scene)
    beams = scene.beams.ravel()[scene.predicted.pixels]
    stops = scene.predicted.distances_m == predicted_m[beams]
    free = np.zeros(true_m.shape, np.bool_)
    free[beams[stops & scene.in_free_space]] = True
    reach_m = scene.rule.obstacle_reach_m
    true_m[true_m > reach_m] = np.inf
    predicted_m[predicted_m > reach_m] = np.inf
    return BeamErrors(true_m, predicted_m, free)


def _ranges_m(points: ObstaclePoints, scene: ObstacleScene) -> Float32Array:
    nearest_m: Float32Array = np.full(scene.beams.shape[1], np.inf, np.float32)
    np.minimum.at(nearest_m, scene.beams.ravel()[points.pixels], points.distances_m)
    return nearest_m
