"""A picture of a cloud of points, from above and aside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.types import Float32Array, Float64Array, UInt8Array

_HEIGHT, _WIDTH = 300, 400
_YAW, _PITCH = math.radians(28.0), math.radians(24.0)
_BACKGROUND = (24, 29, 36)
# A point covers so many pixels each way.
_POINT = 3


@dataclass(frozen=True)
class Viewpoint:
    """What a picture looks at, in the optical frame in metres, and from how far."""

    pivot_m: Float64Array
    distance_m: float


def viewpoint(rays: Float32Array, depth_m: Float32Array) -> Viewpoint | None:
    """
    Return where to look from to see all but the outermost points of an image.

    :param rays: x / z and y / z of each pixel in the optical frame, (H, W, 2).
    :param depth_m: (H, W) in metres, NaN where unknown.
    :return: None where no point is known.
    """
    points_m = _points(rays, depth_m)
    points_m = points_m[np.isfinite(points_m).all(axis=1)]
    if not len(points_m):
        return None
    pivot_m = np.quantile(points_m, (0.05, 0.95), axis=0).mean(axis=0)
    reach_m = np.quantile(np.linalg.norm(points_m - pivot_m, axis=1), 0.9)
    return Viewpoint(pivot_m, 1.6 * max(float(reach_m), 0.1))


def cloud_picture(
    rays: Float32Array, depth_m: Float32Array, colours: UInt8Array, view: Viewpoint
) -> UInt8Array:
    """
    Draw the points of an image as seen from the right and above.

    :param rays: x / z and y / z of each pixel in the optical frame, (H, W, 2).
    :param depth_m: (H, W) in metres, NaN where unknown.
    :param colours: uint8 (H, W, 3) of the points, red first.
    :return: uint8 (300, 400, 3), red first.
    """
    turned = (_points(rays, depth_m) - view.pivot_m) @ _rotation().T
    turned[:, 2] += view.distance_m
    with np.errstate(invalid='ignore'):
        seen = np.flatnonzero(turned[:, 2] > 0.1 * view.distance_m)
    # Far to near, so that the near ones are painted over the others.
    seen = seen[np.argsort(-turned[seen, 2])]
    x, y, z = turned[seen].T
    across = (_WIDTH / 2 + _WIDTH * x / z).astype(int)
    down = (_HEIGHT / 2 + _WIDTH * y / z).astype(int)
    offsets = np.indices((_POINT, _POINT)).reshape(2, -1)
    rows, columns = down[:, None] + offsets[0], across[:, None] + offsets[1]
    inside = (rows >= 0) & (rows < _HEIGHT) & (columns >= 0) & (columns < _WIDTH)
    painted = np.repeat(colours.reshape(-1, 3)[seen], inside.sum(axis=1), axis=0)
    picture: UInt8Array = np.full((_HEIGHT, _WIDTH, 3), _BACKGROUND, np.uint8)
    picture[rows[inside], columns[inside]] = painted
    return picture


def _points(rays: Float32Array, depth_m: Float32Array) -> Float64Array:
    """Return the points of an image in the optical frame, (n, 3) in metres."""
    points_m = np.dstack([rays * depth_m[..., None], depth_m])
    return points_m.reshape(-1, 3).astype(np.float64)


def _rotation() -> Float64Array:
    """Return the rotation into a camera to the right and above that looks back at the pivot."""
    yaw_cos, yaw_sin, pitch_cos, pitch_sin = (
        function(angle) for angle in (_YAW, _PITCH) for function in (math.cos, math.sin)
    )
    yaw = np.array([[yaw_cos, 0.0, yaw_sin], [0.0, 1.0, 0.0], [-yaw_sin, 0.0, yaw_cos]])
    pitch = np.array([[1.0, 0.0, 0.0], [0.0, pitch_cos, -pitch_sin], [0.0, pitch_sin, pitch_cos]])
    rotation: Float64Array = pitch @ yaw
    return rotation
