"""Which depth of a frame is certain enough for clouds and scans, by the parameters in force."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale.camera_height import CameraHeightConfig
from depth_anything_ros.types import CameraMounting, DepthChoice
from depth_anything_ros.uncertainty import certain_pixels


def certain_depth(result: DepthResult, config: DepthNodeConfig) -> NDArray[np.bool_] | None:
    """
    Return which pixels of the depth of clouds are certain enough, bool (H, W).

    :return: None without such depth or its sigma.
    :raises CameraError: if what may be the ground is left out, and the camera is not known.
    """
    metric = result.depth_by(DepthChoice(config.cloud_from))
    if metric is None or result.sigma is None:
        return None
    mounted = config.scale.of(CameraHeightConfig)
    mounting = CameraMounting(
        mounted.camera_height_m,
        math.radians(mounted.camera_pitch_deg),
        math.radians(mounted.camera_roll_deg),
    )
    camera = result.camera
    return certain_pixels(metric.depth_m, result.sigma, config.uncertainty, camera, mounting)
