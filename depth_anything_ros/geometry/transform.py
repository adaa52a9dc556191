"""Where one frame lies in another, and points carried between the two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.parameters import pose_numbers
from depth_anything_ros.types import Float64Array

# A unit quaternion that went through text or 32-bit numbers is one this closely.
_UNIT_TOLERANCE = 1e-2
# Cosine of the pitch below which roll and yaw cannot be told apart.
_STRAIGHT_UP = 1e-6


@dataclass(frozen=True)
class RigidTransform:
    """
    Carry points of a child frame into its parent: p_parent = rotation · p_child + translation_m.

    `rotation` is float64 (3, 3), orthonormal, `translation_m` float64 (3,) the child's origin.
    """

    rotation: Float64Array
    translation_m: Float64Array

    @classmethod
    def from_pose(
        cls, x_m: float, y_m: float, z_m: float, roll: float, pitch: float, yaw: float
    ) -> RigidTransform:
        """
        Return the transform of a pose, angles in radians.

        Source: fixed axes, yaw last: Rz(yaw) · Ry(pitch) · Rx(roll), as tf2's setRPY and URDF.
        """
        (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a), math.sin(a)) for a in (roll, pitch, yaw))
        rotation = np.array(
            [
                [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                [-sp, cp * sr, cp * cr],
            ]
        )
        return cls(rotation, np.array([x_m, y_m, z_m]))

    @classmethod
    def from_quaternion(
        cls,
        translation_m: tuple[float, float, float],
        quaternion: tuple[float, float, float, float],
    ) -> RigidTransform:
        """
        Return the transform of a geometry_msgs/Transform.

        :param quaternion: x, y, z, w.
        :raises ConfigError: if a number is not finite or the quaternion not of length 1.
        """
        numbers = np.array([*translation_m, *quaternion], np.float64)
        length = float(np.linalg.norm(numbers[3:]))
        move, turn = (', '.join(f'{one:g}' for one in part) for part in (numbers[:3], numbers[3:]))
        if not np.isfinite(numbers).all():
            raise ConfigError(
                f'translation ({move}), quaternion ({turn}): finite numbers are needed'
            )
        if length == 0.0:
            raise ConfigError('the quaternion is not set: all of it is 0 (no turn is 0 0 0 1)')
        if abs(length - 1.0) > _UNIT_TOLERANCE:
            raise ConfigError(
                f'the quaternion ({turn}) is of length {length:g}; a length of 1 is needed'
            )
        x, y, z, w = numbers[3:] / length
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        return cls(rotation, numbers[:3])

    def inverse(self) -> RigidTransform:
        """Return the transform from the parent to the child."""
        turned = self.rotation.T
        return RigidTransform(turned, -turned @ self.translation_m)

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """Return the transform that carries out `other` first, then this one."""
        return RigidTransform(
            self.rotation @ other.rotation,
            self.rotation @ other.translation_m + self.translation_m,
        )

    @property
    def turn_rad(self) -> Float64Array:
        """Return the rotation as its axis times its angle in radians, (3,)."""
        turn, _ = cv2.Rodrigues(self.rotation)
        return np.asarray(turn[:, 0], np.float64)

    def towards(self, other: RigidTransform, share: float) -> RigidTransform:
        """Return the place at a share of a steady way to another one; above 1 it goes on."""
        step = self.inverse() @ other
        rotation, _ = cv2.Rodrigues(share * step.turn_rad)
        return self @ RigidTransform(np.asarray(rotation, np.float64), share * step.translation_m)

    def apply(self, points_m: Float64Array) -> Float64Array:
        """Return points (N, 3) of the child frame in the parent."""
        carried: Float64Array = points_m @ self.rotation.T + self.translation_m
        return carried


# From a camera's body axes (x ahead, y left, z up) to its optical frame (x right, y down,
# z ahead), both at the optical centre. Source: REP 103.
OPTICAL_FROM_BODY = RigidTransform(
    np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]), np.zeros(3)
)


def pose_text(transform: RigidTransform) -> str:
    """
    Return the pose parameter of a camera that lies so in another one's optical frame.

    :param transform: from the one's optical frame to the other's.
    :return: `x y z roll pitch yaw` along body axes, metres and radians.
    """
    body = OPTICAL_FROM_BODY.inverse() @ transform @ OPTICAL_FROM_BODY
    turn = body.rotation
    pitch = math.asin(max(-1.0, min(1.0, -float(turn[2, 0]))))
    if math.cos(pitch) < _STRAIGHT_UP:
        # Roll and yaw turn about one axis: all of it is called yaw.
        roll, yaw = 0.0, math.atan2(-turn[0, 1], turn[1, 1])
    else:
        roll = math.atan2(turn[2, 1], turn[2, 2])
        yaw = math.atan2(turn[1, 0], turn[0, 0])
    return ' '.join(f'{number:.9g}' for number in (*body.translation_m, roll, pitch, yaw))


def optical_pose(text: str) -> RigidTransform:
    """
    Return where something lies in a camera's optical frame, from a pose parameter.

    :param text: its pose in the camera's body axes, `x y z roll pitch yaw`.
    :raises ConfigError: if there are not six finite numbers.
    """
    return OPTICAL_FROM_BODY @ RigidTransform.from_pose(*pose_numbers(text))
