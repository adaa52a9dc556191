"""The ground as a camera of known height and tilt sees it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError

Float64Array = NDArray[np.float64]

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
    right = math.sin(roll_rad) * math.cos(pitch_rad)
    down = math.cos(roll_rad) * math.cos(pitch_rad)
    ahead = math.sin(pitch_rad)
    inverse: Float64Array = (rays[..., 0] * right + rays[..., 1] * down + ahead) / height_m
    return inverse


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
