"""Depth by the scale of the robot's way, on simulated drives, with odometry right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from depth_anything_ros.lab.simulation.journey import RobotFrame
from depth_anything_ros.lab.simulation.odometry import OdometryError, WheelOdometry
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.lab.trials.refinement_trial import camera_at
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale.motion import MotionScale, MotionScaleConfig
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth, UInt8Array

LENGTHS = {'motion': 0.0, 'motion, odometry 3 % off': 0.03}
"""By what depth is called: the standard deviation of the lengths that odometry tells, a share."""


class Way(NamedTuple):
    """The frames of a drive since the one that was looked at before, this one last."""

    robot: Robot
    frames: Sequence[RobotFrame]


class Companion:
    """
    Drive along as a depth node does, with a scale from the camera and odometry.

    :param pipeline: its scale source becomes a fresh one; its poses come from here.
    :param predict: what the network says of uint8 (H, W, 3).
    :param share: how much too far odometry tells every way and turn to be.
    """

    def __init__(
        self,
        pipeline: DepthPipeline,
        predict: Callable[[UInt8Array], RelativeInverseDepth | MetricDepth],
        share: float,
    ) -> None:
        self._pipeline = pipeline
        self._pipeline.scale_source = MotionScale.from_config(MotionScaleConfig())
        self._predict = predict
        self._wheels = WheelOdometry(OdometryError(share))

    def follow(self, way: Way) -> DepthResult:
        """
        Return what there is of the last frame of the way, at least one.

        :raises BackendError: if the network cannot run on one.
        """
        for driven in way.frames:
            for stamp_ns, base in self._wheels.follow(driven.track):
                self._pipeline.poses.add(stamp_ns, camera_at(way.robot, base))
            frame = driven.rgbd.frame
            result = self._pipeline.process(frame, self._predict(frame.rgb))
        return result
