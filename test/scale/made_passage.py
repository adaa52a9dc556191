"""A room with grain on all its sides, as a camera that moves through it sees it."""

from functools import lru_cache

import cv2
import numpy as np

from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.types import Camera, Frame, RelativeInverseDepth

CAMERA = Camera(320, 240, 277.0, 277.0, 159.5, 119.5)
HEIGHT_M, WALL_M, SIDE_M = 0.2, 3.5, 0.8
GAIN, OFFSET = 4.0, 1.0
START_NS, STEP_NS = 10**18, 10**8
_GRAINS_PER_M = 60.0


@lru_cache(maxsize=1)
def _grain():
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024)).astype(np.float32)
    # Small things on large ones, so that it can be seen from near and far.
    image = sum(
        size * cv2.resize(noise[: 1024 // size, : 1024 // size], (1024, 1024)) for size in (1, 4)
    )
    return cv2.normalize(image, None, 40, 215, cv2.NORM_MINMAX).astype(np.float32)


def camera_at(x_m, yaw_rad=0.0, pitch_rad=0.0):
    """Return the optical frame in a fixed one, x ahead and z up, on a floor at z = 0."""
    body = RigidTransform.from_pose(x_m, 0.0, HEIGHT_M, 0.0, pitch_rad, yaw_rad)
    return body @ OPTICAL_FROM_BODY.inverse()


def seen(pose):
    """Return what :func:`_seen` does, kept."""
    return _seen(pose.rotation.tobytes(), pose.translation_m.tobytes())


@lru_cache(maxsize=64)
def _seen(rotation, place_m):
    """Return image, uint8 (H, W, 3), and depth of a floor, a wall ahead and two at the sides."""
    rays = np.dstack([ray_table(CAMERA), np.ones((CAMERA.height, CAMERA.width))])
    rotation, at = np.frombuffer(rotation).reshape(3, 3), np.frombuffer(place_m)
    toward = rays @ rotation.T
    with np.errstate(divide='ignore'):
        sides = [
            np.where(toward[..., axis] * sign > 0, (place - at[axis]) / toward[..., axis], np.inf)
            for axis, sign, place in (
                (2, -1, 0.0), (0, 1, WALL_M), (1, 1, SIDE_M), (1, -1, -SIDE_M)
            )
        ]  # fmt: skip
    depth_m = np.min(sides, axis=0)
    nearest = np.argmin(sides, axis=0)
    hit = at + depth_m[..., None] * toward
    across = np.where(nearest == 1, hit[..., 1], hit[..., 0])
    along = np.where(nearest == 0, hit[..., 1], hit[..., 2])
    places = [
        np.mod(_GRAINS_PER_M * place + shift * nearest, 1023.0).astype(np.float32)
        for place, shift in ((across, 311.0), (along, 173.0))
    ]
    grey = cv2.remap(_grain(), *places, cv2.INTER_LINEAR)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.7)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), depth_m.astype(np.float32)


def stamp_of(number):
    """Return the stamp of a frame, at 10 Hz."""
    return START_NS + number * STEP_NS


def drive(source, way, tell=lambda pose: pose, camera=CAMERA):
    """
    Drive along poses and iterate over frame, true depth and the error or alignment of each.

    :param tell: what odometry tells of a pose.
    """
    poses = PoseHistory()
    for number, pose in enumerate(way):
        poses.add(stamp_of(number), tell(pose))
        rgb, depth_m = seen(pose)
        frame = Frame(rgb, stamp_of(number), 'camera', camera)
        source.see(frame, poses)
        yield frame, depth_m, RelativeInverseDepth(GAIN / depth_m + OFFSET)
