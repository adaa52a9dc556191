"""The parameters that say how the motion of the camera is known."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.parameters import Affects, check_pose, parameter

AUTO, ODOM, TF, OFF = 'auto', 'odom', 'tf', 'off'


@dataclass(frozen=True)
class MotionConfig:
    """Where the motion of the camera is taken from."""

    motion_source: str = parameter(
        AUTO,
        'Where the motion of the camera comes from, for temporal_smoothing_s and the scale source '
        'motion: odom (topic `odom`), tf (odometry_frame on `/tf`), auto (`odom` where it comes, '
        'else `/tf`, and no complaint where neither tells) or off.',
        choices=(AUTO, ODOM, TF, OFF),
        affects=Affects.REFINEMENT,
    )
    odometry_frame: str = parameter(
        'odom',
        'Frame in TF that the robot moves in without jumps, for motion_source tf and auto.',
        affects=Affects.REFERENCE,
    )
    odometry_pose: str = parameter(
        '',
        'Pose of the frame that odometry moves (base_link or base_footprint) from the lens of '
        "the image, `x y z roll pitch yaw` in metres and radians along the camera's body axes (x "
        'ahead along the optical axis, y left, z up); empty takes it from TF.',
        affects=Affects.REFERENCE,
    )

    @property
    def wanted(self) -> bool:
        """Return whether motion is to be known at all."""
        return self.motion_source != OFF

    @property
    def required(self) -> bool:
        """Return whether it is a fault if motion is never known."""
        return self.motion_source in (ODOM, TF)

    def __post_init__(self) -> None:
        """
        Check what a range cannot say.

        :raises ConfigError: if the pose is not six numbers.
        """
        check_pose(self, 'odometry_pose')
