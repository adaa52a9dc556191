"""Which depth is certain enough to act on, and whether what it shows may be the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.mounting import level_rays
from depth_anything_ros.types import Camera, CameraMounting, Float32Array
from depth_anything_ros.uncertainty.config import UncertaintyConfig


def certain_pixels(
    depth_m: Float32Array,
    sigma: Float32Array,
    config: UncertaintyConfig,
    camera: Camera | None,
    mounting: CameraMounting,
) -> NDArray[np.bool_]:
    """
    Return which pixels are certain enough, bool (H, W), False where depth is unknown.

    :param depth_m: float32 (H, W) in metres, NaN where unknown.
    :param sigma: one standard deviation of it, float32 (H, W) in metres, NaN where unknown.
    :param config: `max_sigma` is the most of it as a share of depth. What is higher above the
        ground than `ground_clearance_m`, but not by `ground_sigmas` standard deviations of its
        height, may be the ground that stays below that.
    :param camera: of the image; without `ground_sigmas` it does not matter.
    :param mounting: of that camera; likewise.
    :raises CameraError: if the camera is needed and missing, uncalibrated or of another size.
    """
    with np.errstate(invalid='ignore'):
        certain: NDArray[np.bool_] = np.isfinite(depth_m) & np.isfinite(sigma)
        if config.max_sigma:
            certain &= sigma <= np.float32(config.max_sigma) * depth_m
        if not config.ground_sigmas:
            return certain
        up = level_rays(require_calibrated(camera, *depth_m.shape), mounting).up
        # Along its ray a point is off, and so its height by as much as the ray climbs.
        above_m = up * depth_m
        above_m += np.float32(mounting.height_m - config.ground_clearance_m)
        unsure_m = np.abs(up)
        unsure_m *= sigma
        unsure_m *= np.float32(config.ground_sigmas)
        certain &= (above_m <= 0) | (above_m >= unsure_m)
    return certain
