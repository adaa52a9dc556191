"""Level ground with boxes on it, as a camera sees it: exact depth in closed form."""

from dataclasses import dataclass

import numpy as np

from depth_anything_ros.geometry.mounting import level_rays
from depth_anything_ros.types import Camera, CameraMounting

CAMERA = Camera(320, 240, 277.0, 277.0, 159.5, 119.5)
MOUNTING = CameraMounting(0.3)
# Beyond the reach of obstacles, so that the truth is known everywhere.
WALL_M = 6.0


@dataclass(frozen=True)
class Box:
    """Where a box stands, in metres from the lens along the ground: ahead, left, and its sides."""

    ahead_m: float
    left_m: float = 0.0
    width_m: float = 0.3
    height_m: float = 0.5
    length_m: float = 0.2
    bottom_m: float = 0.0


def depth_of(*boxes, mounting=MOUNTING, camera=CAMERA, wall_m=WALL_M):
    """Return the depth of ground, a wall across and boxes, float32 (H, W)."""
    rays = level_rays(camera, mounting)
    directions = np.stack([rays.ahead, rays.left, rays.up]).astype(float)
    directions[directions == 0] = 1e-12
    ahead, _, up = directions
    with np.errstate(divide='ignore'):
        depth_m = np.where(up < 0, -mounting.height_m / up, np.inf)
        depth_m = np.minimum(depth_m, np.where(ahead > 0, wall_m / ahead, np.inf))
    for box in boxes:
        low = np.array([box.ahead_m, box.left_m - box.width_m / 2,
                        box.bottom_m - mounting.height_m])  # fmt: skip
        high = low + np.array([box.length_m, box.width_m, box.height_m])
        ends = np.sort([low[:, None, None] / directions, high[:, None, None] / directions], axis=0)
        enter, leave = ends[0].max(axis=0), ends[1].min(axis=0)
        depth_m = np.where((enter <= leave) & (enter > 0), np.minimum(depth_m, enter), depth_m)
    return depth_m.astype(np.float32)
