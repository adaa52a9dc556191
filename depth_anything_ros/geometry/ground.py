"""The ground as a camera of known height and tilt sees it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.line import in_line
from depth_anything_ros.types import Camera, Float32Array, Float64Array, OutputKind

# The image is seen in this many columns of square cells.
_CELLS_ACROSS = 80
# Ground has one slope of relative over true inverse depth: the commonest within this factor.
_SLOPE_WINDOW = 1.3
_SLOPE_TOLERANCE = 1.5
# Of all cells of the image, those that must be ground.
_MIN_GROUND = 0.04

# What a resting accelerometer reads, and how far from it a robot may accelerate.
_GRAVITY_M_S2 = 9.81
_LARGEST_ACCELERATION = 0.1


def ground_inverse_depth(
    rays: NDArray[np.floating[Any]], height_m: float, pitch_rad: float, roll_rad: float = 0.0
) -> Float64Array:
    """
    Return the inverse depth of level ground along viewing rays.

    A point z · ray lies on the ground where z · (down · ray) = height.

    :param rays: (…, 2), x / z and y / z in the optical frame.
    :param height_m: of the optical centre above the ground.
    :param pitch_rad: how far the camera looks down.
    :param roll_rad: how far it leans to the right.
    :return: float64 (…) in 1/m along the optical axis; 0 and below at and above the horizon.
    """
    return plane_inverse_depth(rays, down_axis(pitch_rad, roll_rad), height_m)


def down_axis(pitch_rad: float, roll_rad: float) -> tuple[float, float, float]:
    """
    Return where down is in the optical frame, of length 1.

    :param pitch_rad: how far the camera looks down.
    :param roll_rad: how far it leans to the right.
    """
    level = math.cos(pitch_rad)
    return math.sin(roll_rad) * level, math.cos(roll_rad) * level, math.sin(pitch_rad)


def plane_inverse_depth(
    rays: NDArray[np.floating[Any]], normal: tuple[float, float, float], distance_m: float
) -> Float64Array:
    """
    Return the inverse depth of a plane along viewing rays.

    :param rays: (…, 2), x / z and y / z in the optical frame.
    :param normal: of the plane, away from the camera, of length 1 in the optical frame.
    :param distance_m: of the plane from the optical centre.
    :return: float64 (…) in 1/m along the optical axis; 0 and below where the ray never meets it.
    """
    x, y, z = normal
    inverse: Float64Array = (rays[..., 0] * x + rays[..., 1] * y + z) / distance_m
    return inverse


def ground_cells(values: Float32Array, camera: Camera) -> tuple[Float32Array, Float64Array]:
    """
    Return an image and its viewing rays averaged over square cells, coarse enough to be quick.

    :param values: float32 (H, W) of the camera's size.
    :return: float32 (h, w) and float64 (h, w, 2); a row has 80 cells.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    rays = _cell_rays(camera)
    means: Float32Array = np.empty(rays.shape[:2], np.float32)
    cv2.resize(values, (rays.shape[1], rays.shape[0]), dst=means, interpolation=cv2.INTER_AREA)
    return means, rays


def find_ground(
    values: Float32Array,
    expected: Float64Array,
    below: NDArray[np.bool_],
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH,
) -> NDArray[np.bool_]:
    """
    Return which cells are ground, bool (h, w).

    The inverse depth of any plane is linear over the image, so relative inverse depth grows from
    row to row of ground in one fixed proportion to that of the plane expected, while walls and
    boxes do not grow at all. The commonest proportion wins, whatever it is: neither the height
    of the camera nor the scale of the values matters. Affine depth falls in such a proportion to
    the depth expected.

    :param values: relative inverse depth of each cell, (h, w).
    :param expected: inverse depth of the ground in each cell, 1/m, but for a factor.
    :param below: which cells lie below the horizon, bool (h, w).
    :param kind: of the relative inverse depth.
    :raises AlignmentError: if they are too few.
    """
    pairs = below[1:] & below[:-1]
    with np.errstate(divide='ignore', invalid='ignore'):
        steps = np.diff(in_line(values, kind), axis=0)
        slopes = np.log(steps / np.diff(in_line(expected, kind), axis=0))
    # Where relative depth does not grow, the logarithm is not finite.
    pairs &= np.isfinite(slopes)
    found = np.sort(slopes[pairs])
    needed = math.ceil(_MIN_GROUND * values.size)
    ground = np.zeros(values.shape, np.bool_)
    if len(found) >= needed:
        reached = np.searchsorted(found, found + math.log(_SLOPE_WINDOW), side='right')
        first = int(np.argmax(reached - np.arange(len(found))))
        common = float(np.median(found[first : reached[first]]))
        pairs &= np.abs(slopes - common) <= math.log(_SLOPE_TOLERANCE)
        ground[1:] |= pairs
        ground[:-1] |= pairs
    count = int(ground.sum())
    if count < needed:
        raise AlignmentError(
            f'{count / values.size:.1%} of the image looks like ground; at least '
            f'{_MIN_GROUND:.0%} is needed'
        )
    return ground


def tilt_of_gravity(acceleration_m_s2: tuple[float, float, float]) -> tuple[float, float]:
    """
    Return how far a body nods down (pitch) and leans to the right (roll), in radians.

    :param acceleration_m_s2: what an accelerometer at rest reads in the body's axes (x ahead, y
        left, z up): gravity, pointing up.
    :raises AlignmentError: if its length is more than a tenth away from 9.81 m/s², so that the
        body is not at rest, or the sensor reads in another unit or without gravity.
    """
    x, y, z = acceleration_m_s2
    length = math.sqrt(x * x + y * y + z * z)
    if not abs(length / _GRAVITY_M_S2 - 1.0) <= _LARGEST_ACCELERATION:
        raise AlignmentError(
            f'the accelerometer reads {length:.3g} m/s²; gravity alone, {_GRAVITY_M_S2:g} m/s² '
            f'within {_LARGEST_ACCELERATION:.0%}, is needed'
        )
    return math.atan2(-x, math.hypot(y, z)), math.atan2(y, z)


@lru_cache(maxsize=4)
def _cell_rays(camera: Camera) -> Float64Array:
    """Return the mean ray of each cell, (h, w, 2)."""
    rays = ray_table(camera)
    across = min(_CELLS_ACROSS, camera.width)
    size = (across, max(1, round(across * camera.height / camera.width)))
    cells: Float64Array = cv2.resize(rays, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return cells
