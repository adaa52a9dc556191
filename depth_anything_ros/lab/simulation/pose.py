"""Where a camera or a laser is in a room, and the way it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from depth_anything_ros.types import CameraMounting, Float64Array


@dataclass(frozen=True)
class Pose:
    """
    Place the camera: position in metres, z up, and the way it looks.

    `yaw_rad` turns left from +x, `pitch_rad` nods down, `roll_rad` leans to the right.
    """

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    pitch_rad: float = 0.0
    roll_rad: float = 0.0

    @cached_property
    def position(self) -> Float64Array:
        """Return the position (3,)."""
        return np.array([self.x_m, self.y_m, self.z_m])

    @property
    def mounting(self) -> CameraMounting:
        """Return how a camera hangs above a floor at height 0."""
        return CameraMounting(self.z_m, self.pitch_rad, self.roll_rad)

    @cached_property
    def optical_axes(self) -> Float64Array:
        """Return right, down and forward as rows (3, 3)."""
        cos_yaw, sin_yaw = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        cos_pitch, sin_pitch = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
        level_right = np.array([sin_yaw, -cos_yaw, 0.0])
        level_down = np.cross(forward, level_right)
        cos_roll, sin_roll = math.cos(self.roll_rad), math.sin(self.roll_rad)
        right = cos_roll * level_right + sin_roll * level_down
        return np.stack([right, np.cross(forward, right), forward])
