"""A plain wall that a robot comes nearer to: how far depth over time lags behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_anything_ros.lab.simulation.odometry import StampedPose, WheelOdometry
from depth_anything_ros.lab.simulation.robot import BasePose, Robot, robot_camera
from depth_anything_ros.lab.trials.refinement_trial import Option, camera_at
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement import create_refinements
from depth_anything_ros.types import Camera, Frame, MetricDepth

_WALL_M, _FRAMES = 4.0, 40
# As the odometry of a simulated drive; every fifth pose is that of a frame.
_TRACK_HZ, _STEPS = 50.0, 5


@dataclass(frozen=True)
class Lag:
    """How long ago the wall was where an option puts it, in seconds and in frames."""

    option: str
    lag_s: float
    frames: float


def wall_lag(option: Option, speed_m_s: float, camera: Camera | None = None) -> Lag:
    """
    Return how far the depth of an option lags behind a wall after four seconds of driving to it.

    The wall is 4 m away at first and has no texture, and the depth that the steps are given is
    exact: what is left is what they do themselves.

    :param speed_m_s: of the robot, above 0; the wall must be out of reach.
    :param camera: None is 160×120.
    """
    camera = camera or robot_camera(160, 120)
    poses, robot = PoseHistory(), Robot()
    wheels = WheelOdometry(option.odometry) if option.odometry is not None else None
    steps = create_refinements(option.config.refinement, poses).metric
    rgb = np.full((camera.height, camera.width, 3), 128, np.uint8)
    found_m = true_m = 0.0
    for number in range(_FRAMES):
        track = [_at(number * _STEPS - before, speed_m_s) for before in reversed(range(_STEPS))]
        for stamp_ns, base in wheels.follow(track) if wheels is not None else ():
            poses.add(stamp_ns, camera_at(robot, base))
        true_m = _WALL_M - speed_m_s * number * _STEPS / _TRACK_HZ
        metric = MetricDepth(np.full(rgb.shape[:2], true_m, np.float32))
        for step in steps:
            metric = step(metric, Frame(rgb, track[-1].stamp_ns, 'camera', camera))
        found_m = float(np.mean(metric.depth_m))
    lag_s = (found_m - true_m) / speed_m_s
    return Lag(option.name, lag_s, lag_s * _TRACK_HZ / _STEPS)


def _at(step: int, speed_m_s: float) -> StampedPose:
    """Return where the base is some steps after the first frame, which is at one second."""
    seconds = step / _TRACK_HZ
    return StampedPose(round((1.0 + seconds) * 1e9), BasePose(speed_m_s * seconds, 0.0, 0.0))
