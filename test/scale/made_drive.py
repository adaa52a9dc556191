"""Drives of the simulator, kept for several tests, and what the tests need beside them."""

from functools import lru_cache

from depth_anything_ros.lab.simulation.journey import RobotFrame, journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.trials.scale_trial import AffineNetwork as Network
from depth_anything_ros.lab.trials.scale_trial import laser_in_camera as laser_place
from depth_anything_ros.lab.trials.scale_trial import spoil_scan as spoilt
from depth_anything_ros.types import Camera

__all__ = ['CAMERA', 'HEIGHTS_M', 'Network', 'drive', 'laser_place', 'spoilt']

CAMERA = robot_camera(320, 240)
HEIGHTS_M = (0.115, 0.149)


@lru_cache(maxsize=16)
def drive(
    seed: int, height_m: float, frames: int = 10, camera: Camera = CAMERA
) -> tuple[RobotFrame, ...]:
    return tuple(journey(seed, frames, 10.0, camera, Robot(camera_height_m=height_m)))
