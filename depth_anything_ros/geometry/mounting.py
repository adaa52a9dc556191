"""How a camera hangs above the ground, and what it sees in axes of the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.depth_scan import angle_step
from depth_anything_ros.geometry.ground import down_axis
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Camera, CameraMounting, Float32Array, Float64Array

# A camera that looks more than this up or down has nothing ahead.
_STEEPEST_RAD = math.radians(85.0)


@dataclass(frozen=True)
class LevelRays:
    """
    The viewing rays of an image in axes of the ground, for one metre of depth along z.

    float32 (H, W) each, NaN where a pixel has no ray or looks back: `ahead` and `left` along the
    ground, `up` away from it, `level` the length along the ground. `beams` is int32 (H, W), the
    beam of :func:`scan_of_depth` that each pixel belongs to, the outermost beyond them.
    """

    ahead: Float32Array
    left: Float32Array
    up: Float32Array
    level: Float32Array
    beams: NDArray[np.int32]


@lru_cache(maxsize=4)
def level_rays(camera: Camera, mounting: CameraMounting) -> LevelRays:
    """
    Return the rays of a camera in axes of the ground below it; kept, so not to be written to.

    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    rays = ray_table(camera)
    ahead, left, up = (
        (rays[..., 0] * x + rays[..., 1] * y + z).astype(np.float32)
        for x, y, z in level_axes(mounting).tolist()
    )
    ahead[~(ahead > 0)] = np.nan
    with np.errstate(invalid='ignore'):
        turns = np.nan_to_num(np.arctan2(left, ahead)) / angle_step(camera)
    beams = np.rint(turns + (camera.width - 1) / 2).clip(0, camera.width - 1)
    return LevelRays(ahead, left, up, np.hypot(ahead, left), beams.astype(np.int32))


def level_axes(mounting: CameraMounting) -> Float64Array:
    """Return ahead, left and up as rows (3, 3) of the optical frame; ahead is level."""
    down = np.array(down_axis(mounting.pitch_rad, mounting.roll_rad))
    ahead = np.array([0.0, 0.0, 1.0]) - down[2] * down
    ahead /= np.linalg.norm(ahead)
    return np.stack([ahead, np.cross(ahead, down), -down])


def mounting_text(mounting: CameraMounting) -> str:
    """Return in words how a camera hangs."""
    pitch_deg, roll_deg = map(math.degrees, (mounting.pitch_rad, mounting.roll_rad))
    return (
        f'lens {mounting.height_m:.3g} m above the ground, looking {pitch_deg:.3g}° down and '
        f'leaning {roll_deg:.3g}° to the right'
    )


def mounting_of(place: RigidTransform) -> CameraMounting:
    """
    Return how a camera hangs whose place on the robot is known.

    :param place: the optical frame in a frame on the ground with z up.
    :raises AlignmentError: if the lens is not above the ground, or looks straight up or down.
    """
    return mounting_above(-place.rotation[2], float(place.translation_m[2]))


def mounting_above(down: Float64Array, height_m: float) -> CameraMounting:
    """
    Return how a camera hangs that sees the ground in a direction.

    :param down: of length 1, in the optical frame.
    :param height_m: of the lens above the ground.
    :raises AlignmentError: if the lens is not above the ground, or looks straight up or down.
    """
    pitch_rad = math.asin(max(-1.0, min(1.0, float(down[2]))))
    if not (height_m > 0.0 and abs(pitch_rad) <= _STEEPEST_RAD):
        raise AlignmentError(
            f'a camera {height_m:.3g} m above the ground that looks '
            f'{math.degrees(pitch_rad):.3g} degrees down sees no obstacles; allowed: above 0 m, '
            f'at most {math.degrees(_STEEPEST_RAD):g} degrees up or down'
        )
    return CameraMounting(height_m, pitch_rad, math.atan2(float(down[0]), float(down[1])))
