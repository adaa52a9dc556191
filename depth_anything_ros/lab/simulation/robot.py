"""A small mobile base with a camera and a 2-D laser scanner: where they sit and point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.simulation.camera import check_size, pinhole
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.types import Camera

ODOM_FRAME, BASE_FRAME, LASER_FRAME = 'odom', 'base_link', 'laser'

_HIGHEST_M, _STEEPEST_RAD = 2.0, 1.2
# A base that keeps a route's distance from walls keeps what it carries this far out off them.
_FARTHEST_OUT_M = 0.2
_BODY_TOP_M, _LASER_CASE_M = 0.4, 0.05
# The colour camera of an Astra S sees about 60 degrees across.
_FOCAL_PER_WIDTH = 0.866


def robot_camera(width: int = 640, height: int = 480) -> Camera:
    """
    Return a pinhole camera of 60 degrees with its axis through the middle of the image.

    :raises DatasetError: if a side is smaller than 16 pixels.
    """
    check_size(width, height)
    return pinhole(width, height, _FOCAL_PER_WIDTH * width)


class Transform(NamedTuple):
    """Where a frame lies in its parent: translation in metres, rotation as x, y, z, w."""

    translation: tuple[float, float, float]
    rotation: tuple[float, float, float, float]


class BasePose(NamedTuple):
    """Where the base stands on the floor, metres and radians; yaw turns left from +x."""

    x_m: float
    y_m: float
    yaw_rad: float

    def transform(self) -> Transform:
        """Return the base's place in the room."""
        half = self.yaw_rad / 2
        return Transform((self.x_m, self.y_m, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)))


@dataclass(frozen=True)
class Robot:
    """
    Where a robot carries its camera and its laser.

    The base's frame is on the floor, x ahead; the laser lies level, 2 cm above the lens as on
    the WHEELTEC R550.

    :param camera_height_m: of the lens above the floor, above 0 to 2 m.
    :param camera_pitch_rad: how far the camera looks down, −1.2 to 1.2.
    :param camera_forward_m: of the lens before the base's frame, −0.2 to 0.2.
    :param laser_forward_m: of the laser before the base's frame, −0.2 to 0.2.
    :param laser_yaw_rad: how far the laser's x axis is turned left from ahead.
    :raises ConfigError: if a height, pitch or distance is out of range.
    """

    camera_height_m: float = 0.149
    camera_pitch_rad: float = 0.0
    camera_forward_m: float = 0.12
    laser_forward_m: float = 0.08
    laser_yaw_rad: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.camera_height_m <= _HIGHEST_M:
            raise ConfigError(
                f'camera height {self.camera_height_m:g} m; allowed: above 0 to {_HIGHEST_M:g}'
            )
        if not abs(self.camera_pitch_rad) <= _STEEPEST_RAD:
            steepest = math.degrees(_STEEPEST_RAD)
            raise ConfigError(
                f'camera pitch {math.degrees(self.camera_pitch_rad):g} degrees; '
                f'allowed: {-steepest:.2f} to {steepest:.2f}'
            )
        for name, forward_m in (
            ('camera', self.camera_forward_m),
            ('laser', self.laser_forward_m),
        ):
            if not abs(forward_m) <= _FARTHEST_OUT_M:
                raise ConfigError(
                    f'{name} {forward_m:g} m before the base; '
                    f'allowed: {-_FARTHEST_OUT_M:g} to {_FARTHEST_OUT_M:g}'
                )

    @property
    def laser_height_m(self) -> float:
        """Return the height of the laser's plane above the floor."""
        return self.camera_height_m + 0.02

    @property
    def top_m(self) -> float:
        """Return how high the robot is: as the laser on its mast, but no less than its body."""
        return max(_BODY_TOP_M, self.laser_height_m + _LASER_CASE_M)

    def camera_pose(self, base: BasePose) -> Pose:
        """Return where the camera is in the room."""
        return Pose(
            base.x_m + self.camera_forward_m * math.cos(base.yaw_rad),
            base.y_m + self.camera_forward_m * math.sin(base.yaw_rad),
            self.camera_height_m,
            base.yaw_rad,
            self.camera_pitch_rad,
        )

    def laser_pose(self, base: BasePose) -> Pose:
        """Return where the laser is in the room."""
        return Pose(
            base.x_m + self.laser_forward_m * math.cos(base.yaw_rad),
            base.y_m + self.laser_forward_m * math.sin(base.yaw_rad),
            self.laser_height_m,
            base.yaw_rad + self.laser_yaw_rad,
        )

    def camera_transform(self) -> Transform:
        """Return the camera's optical frame (x right, y down, z ahead) in the base's."""
        pose = self.camera_pose(BasePose(0.0, 0.0, 0.0))
        return Transform((pose.x_m, pose.y_m, pose.z_m), quaternion(pose.optical_axes.T))

    def level_camera_transform(self) -> Transform:
        """Return the frame at the lens, level and with x ahead, in the base's."""
        return Transform((self.camera_forward_m, 0.0, self.camera_height_m), (0.0, 0.0, 0.0, 1.0))

    def optical_transform(self) -> Transform:
        """Return the camera's optical frame in the level one at the lens."""
        return Transform((0.0, 0.0, 0.0), self.camera_transform().rotation)

    def laser_transform(self) -> Transform:
        """Return the laser's frame in the base's."""
        half = self.laser_yaw_rad / 2
        return Transform(
            (self.laser_forward_m, 0.0, self.laser_height_m),
            (0.0, 0.0, math.sin(half), math.cos(half)),
        )


def quaternion(rotation: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """
    Return a rotation matrix (3, 3) as the unit quaternion x, y, z, w with w ≥ 0.

    Source: the eigenvector form of I. Bar-Itzhack, "New method for extracting the quaternion
    from a rotation matrix", 2000.
    """
    r = rotation
    matrix = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    x, y, z, w = np.linalg.eigh(matrix)[1][:, -1]
    sign = -1.0 if w < 0 else 1.0
    return (float(sign * x), float(sign * y), float(sign * z), float(sign * w))
