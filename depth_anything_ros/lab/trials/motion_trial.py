"""The scale from the way of the robot, tried on simulated drives with exact truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.simulation.journey import SPEED_M_S, RobotFrame, journey
from depth_anything_ros.lab.simulation.odometry import OdometryError, WheelOdometry
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.trials.model_trial import ModelTrial, ScoredDrive
from depth_anything_ros.lab.trials.refinement_trial import EXACT, camera_at
from depth_anything_ros.lab.trials.scale_trial import RATE_HZ, Feed
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.scale.motion import MotionScale, MotionScaleConfig
from depth_anything_ros.types import Camera, ConfidenceSource

# Where there is nothing to find, so many frames tell.
_STILL_FRAMES = 20
_TURN_RAD_S = 0.5


@dataclass(frozen=True)
class Told:
    """What is wrong with what a robot is told of its motion, and of the pitch of its camera."""

    odometry: OdometryError = EXACT
    pitch_deg: float = 0.0


TOLD = {
    'motion': Told(),
    'motion, odometry 5 % off and 50 ms late': Told(OdometryError(share=0.05, late_s=0.05)),
    'motion, pitch told 1° too large': Told(pitch_deg=1.0),
}
STANDING, TURNING = 'motion, standing', 'motion, turning on the spot'


def try_motion(
    predictor: Predictor,
    seed: int,
    height_m: float,
    frames: int = 100,
    camera: Camera | None = None,
    by_confidence: ConfidenceSource | None = None,
) -> Iterator[ModelTrial]:
    """
    Iterate over the trials of the source `motion` on one drive, and at a standstill.

    :param predictor: of relative inverse depth.
    :param seed: of the drive.
    :param height_m: of the camera above the floor.
    :param frames: of the drive, at 10 Hz and 0.3 m/s; standing and turning are 20 at most.
    :param camera: None is 640×480.
    :param by_confidence: what points count by, None where all count alike.
    """
    camera, robot = camera or robot_camera(), Robot(camera_height_m=height_m)
    still = min(frames, _STILL_FRAMES)
    for names, count, speed_m_s, turn_rad_s in (
        (TOLD, frames, SPEED_M_S, 0.0),
        ({STANDING: Told()}, still, 0.0, 0.0),
        ({TURNING: Told()}, still, 0.0, _TURN_RAD_S),
    ):
        drive = journey(seed, count, RATE_HZ, camera, robot, speed_m_s, turn_rad_s=turn_rad_s)
        scored = ScoredDrive.of(list(drive), predictor, by_confidence)
        for name, told in names.items():
            trial = ModelTrial(name, height_m, seed)
            scored.score(trial, *_source(robot, told))
            yield trial


def _source(robot: Robot, told: Told) -> tuple[MotionScale, Feed]:
    source = MotionScale.from_config(MotionScaleConfig())
    poses, wheels = PoseHistory(), WheelOdometry(told.odometry)
    pitch_rad = robot.camera_pitch_rad + math.radians(told.pitch_deg)
    believed = replace(robot, camera_pitch_rad=pitch_rad)

    def feed(frame: RobotFrame) -> None:
        for stamp_ns, base in wheels.follow(frame.track):
            poses.add(stamp_ns, camera_at(believed, base))
        source.see(frame.rgbd.frame, poses)

    return source, feed
