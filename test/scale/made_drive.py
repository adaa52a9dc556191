"""Drives of the simulator with predictions that are the truth under an affine map, and noise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.simulation.journey import RobotFrame, journey
from depth_anything_ros.simulation.robot import Robot
from depth_anything_ros.simulation.sample import sample_camera
from depth_anything_ros.types import Alignment, Camera, LaserScan, RelativeInverseDepth

CAMERA = sample_camera(320, 240)
HEIGHTS_M = (0.115, 0.149)
NOISE = 0.03
# The panes of windows have no depth; a network takes them for something far.
_PANE_M = 20.0


@lru_cache(maxsize=16)
def drive(
    seed: int, height_m: float, frames: int = 10, camera: Camera = CAMERA, pitch_rad: float = 0.0
) -> tuple[RobotFrame, ...]:
    robot = Robot(camera_height_m=height_m, camera_pitch_rad=pitch_rad)
    return tuple(journey(seed, frames, 10.0, camera, robot))


def laser_place(robot: Robot) -> RigidTransform:
    """Return the laser in the optical frame of a camera that looks level."""
    place = (robot.laser_forward_m - robot.camera_forward_m, 0.0, 0.02)
    return OPTICAL_FROM_BODY @ RigidTransform.from_pose(*place, 0.0, 0.0, robot.laser_yaw_rad)


@dataclass(frozen=True)
class Network:
    """Predict the true inverse depth under an affine map of its own, with relative noise."""

    gain: float
    offset: float
    rng: np.random.Generator
    noise: float = NOISE

    @classmethod
    def random(cls, seed: int) -> 'Network':
        rng = np.random.default_rng(seed)
        return cls(rng.uniform(2.0, 10.0), rng.uniform(-0.5, 2.0), rng)

    def predict(self, depth_m: np.ndarray) -> RelativeInverseDepth:
        inverse = 1.0 / np.nan_to_num(depth_m, nan=_PANE_M)
        noisy = inverse * (1.0 + self.noise * self.rng.standard_normal(inverse.shape))
        return RelativeInverseDepth((self.gain * noisy + self.offset).astype(np.float32))

    def scale_error(self, alignment: Alignment) -> float:
        return abs(alignment.scale * self.gain - 1.0)

    def depth_error(self, alignment: Alignment, depth_m: np.ndarray) -> float:
        """Return the median relative error of depth that the alignment alone causes."""
        known = np.isfinite(depth_m)
        inverse = alignment.scale * (self.gain / depth_m[known] + self.offset) + alignment.shift
        return float(np.median(np.abs(1.0 / (inverse * depth_m[known]) - 1.0)))


def spoilt(scan: LaserScan, rng: np.random.Generator, share: float = 0.3) -> LaserScan:
    """Return the scan with a share of its ranges occluded (nearer) or wrong (anything)."""
    ranges_m = scan.ranges_m.copy()
    bad = rng.random(len(ranges_m)) < share
    factors = rng.uniform(0.2, 3.0, int(bad.sum()))
    ranges_m[bad] *= factors.astype(np.float32)
    return replace(scan, ranges_m=ranges_m)


def affine_maps(seed: int, heights=HEIGHTS_M) -> Iterator[tuple[float, Network]]:
    for number, height_m in enumerate(heights):
        yield height_m, Network.random(10 * seed + number)
