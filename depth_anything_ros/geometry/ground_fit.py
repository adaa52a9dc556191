"""The ground found in true depth, where nobody knows how the camera hangs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.mounting import mounting_above
from depth_anything_ros.types import CameraMounting, Float32Array, Float64Array

# The image is looked at in about this many columns.
_ACROSS = 80
# Normals of ground, away from the camera: at most 53 degrees of pitch and 15 of roll.
_LEAST_DOWN, _MOST_ASIDE = 0.6, 0.26
# Planes through a place of the image that are tried.
_TRIED = 100
# A point is of a plane that its depth meets this closely, and below it from there on, as shares.
_ON, _BELOW = 0.02, 0.06
# Of the known points, those that must be ground, and those that may lie below it.
_LEAST_GROUND, _MOST_BELOW = 0.04, 0.02
_ROUNDS = 3


def ground_of_depth(depth_m: Float32Array, rays: Float32Array) -> CameraMounting | None:
    """
    Return how the camera hangs above the lowest large level plane that it sees.

    Planes through places whose surface looks up are tried; of those with hardly anything below,
    the one that most of the image lies on is the ground. Where no floor is in view, that may be
    the top of a table.

    :param depth_m: float32 (H, W) in metres, not finite or 0 where unknown.
    :param rays: float32 (H, W, 2), (x / z, y / z) of each pixel; NaN where there is none.
    :return: None where there is no such plane of 4 % of the image.
    """
    step = max(1, depth_m.shape[1] // _ACROSS)
    thin = (slice(step // 2, None, step), slice(step // 2, None, step))
    z_m = depth_m[thin].astype(np.float64)
    z_m[~((z_m > 0) & np.isfinite(z_m))] = np.nan
    directions = np.dstack([rays[thin], np.ones_like(z_m)])
    tried = _upward_planes(directions * z_m[..., None])
    known = np.isfinite(directions[..., 0] * z_m)
    if not len(tried) or not known.any():
        return None
    directions, z_m = directions[known], z_m[known]
    plane = _best(tried, directions, z_m)
    for _ in range(_ROUNDS):
        if plane is None:
            return None
        plane = _refitted(plane, directions, z_m)
    if plane is None or not _holds(plane, directions, z_m):
        return None
    distance_m = 1.0 / float(np.linalg.norm(plane))
    try:
        return mounting_above(plane * distance_m, distance_m)
    except AlignmentError:
        return None


def _upward_planes(points_m: Float64Array) -> Float64Array:
    """
    Return planes through places of an image that may be ground.

    :param points_m: (h, w, 3) in the optical frame.
    :return: (n, 3), normal over distance, so that plane · ray is the inverse depth along it.
    """
    across = points_m[1:-1, 2:] - points_m[1:-1, :-2]
    down = points_m[2:, 1:-1] - points_m[:-2, 1:-1]
    normals = np.cross(across, down)
    with np.errstate(invalid='ignore', divide='ignore'):
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        distances_m = (normals * points_m[1:-1, 1:-1]).sum(axis=2)
        up = (normals[..., 1] >= _LEAST_DOWN) & (np.abs(normals[..., 0]) <= _MOST_ASIDE)
        up &= distances_m > 0
    found: Float64Array = normals[up] / distances_m[up][:, None]
    return found[:: max(1, -(-len(found) // _TRIED))]


def _off(planes: Float64Array, directions: Float64Array, z_m: Float64Array) -> Float64Array:
    """Return how far below planes points lie, as a share of their depth; negative is above."""
    off: Float64Array = planes @ directions.T * z_m - 1.0
    return off


def _best(
    planes: Float64Array, directions: Float64Array, z_m: Float64Array
) -> Float64Array | None:
    """Return the plane with the most points on it and hardly any below, None without one."""
    off = _off(planes, directions, z_m)
    count = (np.abs(off) <= _ON).sum(axis=1)
    count[(off > _BELOW).mean(axis=1) > _MOST_BELOW] = 0
    place = int(np.argmax(count))
    return planes[place] if count[place] else None


def _refitted(
    plane: Float64Array, directions: Float64Array, z_m: Float64Array
) -> Float64Array | None:
    """Return the plane of least squares, relative in depth, through the points on a plane."""
    on: NDArray[np.bool_] = np.abs(_off(plane, directions, z_m)) <= _ON
    if on.sum() < 3:
        return None
    found, *_ = np.linalg.lstsq(directions[on] * z_m[on][:, None], np.ones(on.sum()), rcond=None)
    return np.asarray(found, np.float64)


def _holds(plane: Float64Array, directions: Float64Array, z_m: Float64Array) -> bool:
    """Return whether enough points are on a plane, and few below it."""
    off = _off(plane, directions, z_m)
    return bool(
        (np.abs(off) <= _ON).mean() >= _LEAST_GROUND and (off > _BELOW).mean() <= _MOST_BELOW
    )
