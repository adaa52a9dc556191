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

    Predicted ones that are right may lie a tenth beyond it.

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
        return tolerance_m(np.where(self.counted, self.true_m, np.float32(0)))


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
    within = true_m <= scene.rule.obstacle_reach_m
    # One at the end of the reach is right beyond it, or stands for one that is beyond it.
    stopped = np.where(np.isfinite(true_m), true_m, np.float32(np.nan))
    right = np.abs(predicted_m - stopped) <= tolerance_m(stopped)
    free &= within | ~right
    predicted_m[(predicted_m > scene.rule.obstacle_reach_m) & ~(right & within)] = np.inf
    true_m[~within] = np.inf
    return BeamErrors(true_m, predicted_m, free)


def tolerance_m(true_m: Float32Array) -> Float32Array:
    """Return how far from a true range in metres a beam may stop and be right."""
    return np.maximum(np.float32(CELL_M), np.float32(TOLERANCE) * true_m)


def _ranges_m(points: ObstaclePoints, scene: ObstacleScene) -> Float32Array:
    nearest_m: Float32Array = np.full(scene.beams.shape[1], np.inf, np.float32)
    np.minimum.at(nearest_m, scene.beams.ravel()[points.pixels], points.distances_m)
    return nearest_m
