"""A room with patterns on its walls, as a camera in it sees it: images, depth and poses."""

import numpy as np

from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform

WIDTH, HEIGHT, FOCAL_PX = 160, 120, 138.0
# Walls, ceiling and floor, in metres around the middle of the floor.
_LOW, _HIGH = np.array([-3.0, -2.0, 0.0]), np.array([3.0, 2.0, 2.0])
_RNG = np.random.default_rng(8)
_WAVES = _RNG.normal(size=(12, 3)) * 12.0
_PHASES = _RNG.uniform(0, 6.28, 12)
RAYS = tuple(
    axis.astype(np.float32)
    for axis in np.meshgrid(
        (np.arange(WIDTH) - (WIDTH - 1) / 2) / FOCAL_PX,
        (np.arange(HEIGHT) - (HEIGHT - 1) / 2) / FOCAL_PX,
    )
)


def camera_at(x_m, y_m, yaw, height_m=0.4):
    """Return the optical frame in the room of a camera that looks level."""
    return RigidTransform.from_pose(x_m, y_m, height_m, 0, 0, yaw) @ OPTICAL_FROM_BODY.inverse()


def view(camera):
    """Return the grey image, uint8 (H, W), and inverse depth, float32 in 1/m."""
    rays = np.stack([*RAYS, np.ones_like(RAYS[0])], axis=-1) @ camera.rotation.T
    with np.errstate(divide='ignore'):
        ways = [(bound - camera.translation_m) / rays for bound in (_LOW, _HIGH)]
    depth_m = np.maximum(*ways).min(axis=-1)
    points = camera.translation_m + rays * depth_m[..., None]
    waves = np.sin(points @ _WAVES.T + _PHASES).sum(axis=-1)
    return (128 + 18 * waves).clip(0, 255).astype(np.uint8), (1 / depth_m).astype(np.float32)
