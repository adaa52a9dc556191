"""What an earlier image and its depth look like from where the camera is now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.geometry.projection import looked_up, ray_pixels
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.motion.seen_motion import SeenMotion, seen_motion
from depth_anything_ros.types import Camera, Float32Array, UInt8Array

# The image is compared in blocks of this side, in which the noise of its pixels averages out.
BLOCK_PX = 4
# x / z of rays that no image shows, and the least z of those that are moved.
_BEYOND, _LEAST_AHEAD = 1e6, 1e-3


@dataclass(frozen=True)
class Seen:
    """
    What a frame showed: `inverse` depth in 1/m, float32 (H, W), NaN where unknown, and its image.

    `grey` is float32 (h, w) in 0..255, the mean of blocks of 4×4 pixels.
    """

    inverse: Float32Array
    grey: Float32Array
    stamp_ns: int
    frame_id: str

    def like(self, other: Seen) -> bool:
        """Return whether another frame is of the same size and camera."""
        return self.inverse.shape == other.inverse.shape and self.frame_id == other.frame_id


def blocks(rgb: UInt8Array) -> Float32Array:
    """Return the grey of an image by blocks, float32 (h, w) in 0..255."""
    # By halves, which OpenCV is quick at.
    halved = cv2.cvtColor(_averaged(rgb, BLOCK_PX // 2, rgb.shape), cv2.COLOR_RGB2GRAY)
    return _averaged(np.asarray(halved, np.uint8), BLOCK_PX, rgb.shape).astype(np.float32)


def _averaged(image: UInt8Array, block_px: int, whole: tuple[int, ...]) -> UInt8Array:
    """Return the means of blocks of that side in an image of so many rows and columns."""
    size = max(1, whole[1] // block_px), max(1, whole[0] // block_px)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def motion_seen(
    past: Seen, now: Seen, camera: Camera | None, now_from_before: RigidTransform
) -> SeenMotion | None:
    """
    Return how the images say that the camera moved, None where they tell too little.

    :param past: the earlier frame.
    :param now: the later one.
    :param camera: of both.
    :param now_from_before: the earlier optical frame in the later one, as told.
    :raises CameraError: if the camera is not calibrated or of another size.
    """
    camera = require_calibrated(camera, *now.inverse.shape)
    before, after = (seen.grey.astype(np.uint8) for seen in (past, now))
    return seen_motion(
        before, after, past.inverse, _block_rays(camera, before.shape), now_from_before
    )


# Odometry may say anything; what comes of it is NaN, or contradicts the image.
@np.errstate(over='ignore', invalid='ignore', divide='ignore')
def seen_from_now(
    past: Seen, inverse: Float32Array, camera: Camera | None, now_from_before: RigidTransform
) -> Seen:
    """
    Return what was seen before as the camera sees it now, NaN where it was not in view.

    The depth of now says which surface a pixel shows, so nothing has to be sorted by depth: the
    point is looked up where the earlier image must have it. If something stood before it then,
    what is found there lies nearer than the point, by which the caller can tell.

    Where to look is found for blocks of the image, and between their middles in between.

    :param past: the earlier frame.
    :param inverse: of the frame now, float32 (H, W) in 1/m; what is unknown counts as far away.
    :param camera: of both.
    :param now_from_before: the earlier optical frame in that of now.
    :raises CameraError: if the camera is not calibrated or of another size.
    """
    by_blocks, whole = past.grey.shape, inverse.shape
    camera = require_calibrated(camera, *whole)
    x, y = _block_rays(camera, by_blocks)
    here = cv2.patchNaNs(_resized(inverse, by_blocks), 0.0)
    # A point at depth 1 / i on the ray r was at (R · r + t · i) / i.
    back = now_from_before.inverse()
    across, down, ahead = (
        cv2.scaleAdd(here, float(move), cv2.addWeighted(x, turn[0], y, turn[1], turn[2]))
        for turn, move in zip(back.rotation, back.translation_m, strict=True)
    )
    ahead = np.maximum(ahead, np.float32(_LEAST_AHEAD))
    places = ray_pixels(camera, across / ahead, down / ahead)
    at_x, at_y = (_resized(place, whole) for place in places)
    found = looked_up(past.inverse, at_x, at_y)
    # A point found at inverse depth w on the earlier ray q lies at 1 / w · (R⁻¹ · q) + t⁻¹ now.
    toward = float(now_from_before.translation_m[2])
    found /= cv2.scaleAdd(found, toward, _resized((1 - toward * here) / ahead, whole))
    columns, rows = (
        (place + 0.5) * np.float32(blocks / pixels) - 0.5
        for place, blocks, pixels in zip(places, by_blocks[::-1], whole[::-1], strict=True)
    )
    return replace(past, inverse=found, grey=looked_up(past.grey, columns, rows))


def _resized(values: Float32Array, shape: tuple[int, ...]) -> Float32Array:
    """Return values between the pixels of an image of another (height, width)."""
    return np.asarray(cv2.resize(values, (shape[1], shape[0])), np.float32)


@lru_cache(maxsize=4)
def _block_rays(camera: Camera, shape: tuple[int, ...]) -> tuple[Float32Array, Float32Array]:
    """Return x / z and y / z of the rays through the middles of blocks, float32; none is NaN."""
    rays = np.nan_to_num(ray_table(camera), nan=_BEYOND)
    x, y = (_resized(np.ascontiguousarray(rays[..., axis]), shape) for axis in (0, 1))
    return x, y
