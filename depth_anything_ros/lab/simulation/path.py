"""The way of the camera through the room."""

from __future__ import annotations

import math

from depth_anything_ros.lab.simulation.raycast import Pose

_CENTER_M = (3.05, 2.5)
_SEMI_AXES_M = (1.95, 1.15)
_START_RAD = -2.75
_SPEED_M_S = 0.35
_CAMERA_HEIGHT_M = 0.25
_STEP_S = 0.01


def drive(frames: int, rate_hz: float) -> list[Pose]:
    """
    Return the poses of a camera on a small robot that circles the table.

    It drives at 0.35 m/s along an ellipse and looks ahead and a little inwards; the floor makes
    it nod and sway by fractions of a degree.

    :param frames: how many poses.
    :param rate_hz: poses a second.
    """
    poses = []
    angle, time_s = _START_RAD, 0.0
    across_m, along_m = _SEMI_AXES_M
    for index in range(frames):
        while time_s < index / rate_hz - _STEP_S / 2:
            angle += (
                _SPEED_M_S
                * _STEP_S
                / math.hypot(across_m * math.sin(angle), along_m * math.cos(angle))
            )
            time_s += _STEP_S
        heading = math.atan2(along_m * math.cos(angle), -across_m * math.sin(angle))
        poses.append(
            Pose(
                x_m=_CENTER_M[0] + across_m * math.cos(angle),
                y_m=_CENTER_M[1] + along_m * math.sin(angle),
                z_m=_CAMERA_HEIGHT_M + 0.002 * math.sin(7.0 * time_s),
                yaw_rad=heading + 0.35 + 0.10 * math.sin(0.9 * time_s),
                pitch_rad=0.03 + 0.008 * math.sin(5.1 * time_s),
                roll_rad=0.006 * math.sin(3.7 * time_s),
            )
        )
    return poses
