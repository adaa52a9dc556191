"""The ground found in true depth, where nobody knows how the camera hangs, or says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.ground import down_axis
from depth_anything_ros.geometry.mounting import mounting_above
from depth_anything_ros.types import CameraMounting, Float32Array, Float64Array

# The image is looked at in about this many columns.
_ACROSS = 80
# A plane goes through a window of so many columns and rows, half of which are known, where inverse
# depth is flat within this share.
_WINDOW, _FLAT = 5, 0.01
# Planes that are tried, on one point in so many.
_TRIED, _ONE_IN = 150, 4
# Ground of a camera of which nothing is known. A wall is turned from it by 90 degrees, so that a
# camera that looks up to 30 degrees up sees none that could be ground.
_PITCH_RAD, _ROLL_RAD = (math.radians(-30.0), math.radians(60.0)), math.radians(35.0)
# Ground near the one that is told, and other ground about the same way down.
_NEAR_RAD, _NEAR_M, _NEAR = math.radians(3.0), 0.03, 0.1
_ABOUT_RAD = math.radians(40.0)
# A point is of a plane that its depth meets this closely, and below it from there on, as shares.
_ON, _BELOW, _BELOW_M = 0.02, 0.06, 0.02
# Of the known points, those that must be ground, and those that may lie below it, also where it is
# known to be there: stairs go down.
_LEAST_GROUND, _MOST_BELOW, _MOST_BELOW_TOLD = 0.04, 0.02, 0.2
# Of the flat windows on the ground, those that must lie in it rather than cut through it.
_ALIKE_RAD, _LEAST_ALIKE = math.radians(20.0), 0.5
_ROUNDS = 4

# Which of some planes (…, 3) may be the one.
_Allowed = Callable[[Float64Array], NDArray[np.bool_]]


class GroundSearch:
    """
    Find level ground in a depth image.

    A plane is its normal, away from the camera, over its distance, (3,), so that plane · ray is
    the inverse depth along a ray. Those through small flat windows are tried; of those with hardly
    anything below, the one that most of the image lies on is the ground.

    :param depth_m: float32 (H, W) in metres, not finite or 0 where unknown.
    :param rays: float32 (H, W, 2), (x / z, y / z) of each pixel; NaN where there is none.
    """

    def __init__(self, depth_m: Float32Array, rays: Float32Array) -> None:
        step = max(1, depth_m.shape[1] // _ACROSS)
        thin = (slice(step // 2, None, step), slice(step // 2, None, step))
        z_m = depth_m[thin].astype(np.float64)
        directions = np.dstack([rays[thin], np.ones_like(z_m)]).astype(np.float64)
        known = (z_m > 0) & np.isfinite(z_m) & np.isfinite(directions).all(axis=2)
        planes = _windows(directions, np.divide(1.0, z_m, where=known, out=np.zeros_like(z_m)))
        self._points_m = directions[known] * z_m[known][:, None]
        self._depth_m = z_m[known]
        self._planes = planes[known]

    def found(self) -> CameraMounting | None:
        """
        Return how the camera hangs above the lowest large level plane that it sees.

        Where no floor is in view, that may be the top of a table.

        :return: None where there is no such plane of 4 % of the image, 30 degrees up to 60 degrees
            down and leaning by at most 35.
        """
        return self._search(_usual, _MOST_BELOW)

    def near(self, told: CameraMounting) -> CameraMounting | None:
        """
        Return how the camera hangs above the plane near the ground that is told.

        :return: None where there is none within 3 degrees and 10 % of the height, at least 3 cm.
        """
        return self._search(lambda planes: _near(planes, told), _MOST_BELOW_TOLD)

    def about(self, told: CameraMounting) -> CameraMounting | None:
        """
        Return how the camera hangs above ground in about the direction that is told, as `found`.

        :return: None where there is none within 40 degrees.
        """
        down = _down(told)
        return self._search(lambda planes: _turned(planes, down, _ABOUT_RAD), _MOST_BELOW)

    def share_below(self, told: CameraMounting) -> float:
        """Return which share of the known points lies below all planes near a ground."""
        if not len(self._depth_m):
            return 0.0
        slack_m = _slack_m(told) + math.sin(_NEAR_RAD) * np.linalg.norm(self._points_m, axis=1)
        return float((self._points_m @ _down(told) - told.height_m > slack_m).mean())

    @cached_property
    def _normals(self) -> Float64Array:
        return np.asarray(self._planes / np.linalg.norm(self._planes, axis=1, keepdims=True))

    def _search(self, allowed: _Allowed, most_below: float) -> CameraMounting | None:
        tried = self._planes[np.isfinite(self._planes[:, 0])]
        tried = tried[allowed(tried)]
        tried = tried[:: max(1, -(-len(tried) // _TRIED))]
        if not len(tried):
            return None
        off = self._off(tried, slice(None, None, _ONE_IN))
        support = _weights(off).sum(axis=1)
        support[self._below(off, slice(None, None, _ONE_IN)) > most_below] = 0
        if not support.any():
            return None
        plane = tried[int(np.argmax(support))]
        for _ in range(_ROUNDS):
            plane = self._refitted(plane)
        if not (allowed(plane) and self._holds(plane, most_below)):
            return None
        distance_m = 1.0 / float(np.linalg.norm(plane))
        try:
            return mounting_above(plane * distance_m, distance_m)
        except AlignmentError:
            return None

    def _off(self, planes: Float64Array, places: slice = slice(None)) -> Float64Array:
        """Return how far below planes points lie, as a share of their depth; negative is above."""
        off: Float64Array = planes @ self._points_m[places].T - 1.0
        return off

    def _below(self, off: Float64Array, places: slice = slice(None)) -> NDArray[np.float64]:
        """Return which share of points lies clearly below planes."""
        deep = (off > _BELOW) & (off * self._depth_m[places] > _BELOW_M * (1.0 + off))
        return np.asarray(deep.mean(axis=-1))

    def _refitted(self, plane: Float64Array) -> Float64Array:
        """Return the plane of least squares, relative in depth, through the points on a plane."""
        weights = np.sqrt(_weights(self._off(plane)))
        found, *_ = np.linalg.lstsq(self._points_m * weights[:, None], weights, rcond=None)
        return np.asarray(found, np.float64) if found.any() else plane

    def _holds(self, plane: Float64Array, most_below: float) -> bool:
        """Return whether enough is on a plane, lies in it, and hardly anything is below."""
        off = self._off(plane)
        on = np.abs(off) < _ON
        alike = self._normals[on] @ (plane / np.linalg.norm(plane))
        return bool(
            on.mean() >= _LEAST_GROUND
            and self._below(off) <= most_below
            and (alike >= math.cos(_ALIKE_RAD)).sum() >= _LEAST_ALIKE * np.isfinite(alike).sum()
        )


def _windows(directions: Float64Array, inverse: Float64Array) -> Float64Array:
    """
    Return the plane of least squares in inverse depth through the surroundings of each point.

    :param directions: (h, w, 3), the rays.
    :param inverse: (h, w) in 1/m, 0 where unknown.
    :return: (h, w, 3), NaN where too little is known or it is not flat.
    """
    x = np.where(inverse[..., None] > 0, directions, 0.0)

    def sums(values: Float64Array) -> Float64Array:
        # OpenCV takes at most four channels at once.
        flat = values.reshape(*inverse.shape, -1)
        around = [
            cv2.boxFilter(flat[..., place], -1, (_WINDOW, _WINDOW), normalize=False,
                          borderType=cv2.BORDER_CONSTANT)
            for place in range(flat.shape[2])
        ]  # fmt: skip
        return np.dstack(around).astype(np.float64).reshape(values.shape)

    matrix, vector = sums(x[..., :, None] * x[..., None, :]), sums(x * inverse[..., None])
    counts = matrix[..., 2, 2]
    enough = counts >= 0.5 * _WINDOW**2
    planes = np.full(directions.shape, np.nan)
    solvable = matrix[enough] + 1e-12 * np.eye(3)
    planes[enough] = np.linalg.solve(solvable, vector[enough][..., None])[..., 0]
    left = sums(np.square(inverse)) - (planes * vector).sum(axis=2)
    with np.errstate(divide='ignore', invalid='ignore'):
        flat = np.sqrt(np.maximum(left, 0.0) * counts) <= _FLAT * vector[..., 2]
    planes[~flat] = np.nan
    return planes


def _weights(off: Float64Array) -> Float64Array:
    """Return how much points count for a plane, by Tukey's biweight."""
    weights: Float64Array = np.square(np.maximum(1.0 - np.square(off / _ON), 0.0))
    return weights


def _usual(planes: Float64Array) -> NDArray[np.bool_]:
    """Return which planes are ground as a camera usually sees it."""
    x, y, z = np.moveaxis(planes / np.linalg.norm(planes, axis=-1, keepdims=True), -1, 0)
    pitch_rad, (up_rad, down_rad) = np.arcsin(np.clip(z, -1.0, 1.0)), _PITCH_RAD
    level = np.abs(np.arctan2(x, y)) <= _ROLL_RAD
    return np.asarray(level & (pitch_rad >= up_rad) & (pitch_rad <= down_rad))


def _turned(planes: Float64Array, down: Float64Array, most_rad: float) -> NDArray[np.bool_]:
    """Return which planes are turned from level by at most an angle."""
    return np.asarray(planes @ down >= math.cos(most_rad) * np.linalg.norm(planes, axis=-1))


def is_near(shown: CameraMounting, told: CameraMounting) -> bool:
    """Return whether ground is within 3 degrees and 10 %, or 3 cm, of where it is told to be."""
    return bool(_near(_down(shown) / shown.height_m, told))


def _near(planes: Float64Array, told: CameraMounting) -> NDArray[np.bool_]:
    heights_m = 1.0 / np.linalg.norm(planes, axis=-1)
    level = _turned(planes, _down(told), _NEAR_RAD)
    return np.asarray(level & (np.abs(heights_m - told.height_m) <= _slack_m(told)))


def _down(mounting: CameraMounting) -> Float64Array:
    return np.array(down_axis(mounting.pitch_rad, mounting.roll_rad))


def _slack_m(told: CameraMounting) -> float:
    return max(_NEAR_M, _NEAR * told.height_m)
