"""Scaling of a pinhole camera and the viewing ray of each of its pixels."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import CameraError
from depth_anything_ros.types import Camera, Float32Array

Float64Array = NDArray[np.float64]

# Coefficient counts that OpenCV takes for each distortion model of sensor_msgs/CameraInfo.
DISTORTION_COEFFICIENTS = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}

# A ray that does not project back onto its own pixel this closely has no known direction.
_REPROJECTION_TOLERANCE_PX = 0.05


def scale_camera(camera: Camera, width: int, height: int) -> Camera:
    """
    Return the camera of the same view resized to another image size.

    Focal lengths and principal point are multiplied by the ratio of the sizes, as
    image_proc's resize does with K[0, 2, 4, 5]. That is exact where coordinates start at the
    image's corner; with integer pixel centres it leaves out (ratio - 1) / 2 pixels of the
    principal point. It is kept so that our camera_info equals that of image_pipeline.
    Distortion acts on normalised coordinates and does not change.

    :param width: the new width in pixels.
    :param height: the new height in pixels.
    :return: the scaled camera.
    :raises CameraError: if a size, new or old, is not positive.
    Source: K, P scaling in image_pipeline, image_proc ResizeNode.
    """
    if width < 1 or height < 1 or camera.width < 1 or camera.height < 1:
        raise CameraError(
            f'cannot scale a camera of {camera.width}x{camera.height} to {width}x{height}; '
            'sizes are at least 1x1'
        )
    x_ratio, y_ratio = width / camera.width, height / camera.height
    return replace(
        camera,
        width=width,
        height=height,
        fx_px=camera.fx_px * x_ratio,
        fy_px=camera.fy_px * y_ratio,
        cx_px=camera.cx_px * x_ratio,
        cy_px=camera.cy_px * y_ratio,
    )


def require_calibrated(camera: Camera | None, height: int, width: int) -> Camera:
    """
    Return the camera if it is calibrated and belongs to an image of that size.

    :param camera: the camera, or None where no camera_info has come yet.
    :param height: rows of the image.
    :param width: columns of the image.
    :raises CameraError: if there is no camera, it is uncalibrated (K[0] = 0) or of another size.
    """
    if camera is None:
        raise CameraError('no camera_info received; a calibrated camera is needed')
    numbers = (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px, *camera.distortion)
    if not np.isfinite(numbers).all() or camera.fx_px <= 0 or camera.fy_px <= 0:
        raise CameraError(
            f'the camera is not calibrated: focal lengths {camera.fx_px:g}, {camera.fy_px:g} px; '
            'finite numbers above 0 are needed'
        )
    if (camera.height, camera.width) != (height, width):
        raise CameraError(
            f'camera_info is for {camera.width}x{camera.height}, the image is {width}x{height}; '
            'the sizes must be equal'
        )
    return camera


@lru_cache(maxsize=4)
def ray_table(camera: Camera) -> Float32Array:
    """
    Return the viewing ray of every pixel centre as (x / z, y / z) in the optical frame.

    Computed once per camera and kept; the array is read-only. With lens distortion a ray is
    NaN where the distortion cannot be inverted, which happens outside the model's valid range.

    :return: float32 (H, W, 2), no unit.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    require_calibrated(camera, camera.height, camera.width)
    columns = (np.arange(camera.width, dtype=np.float64) - camera.cx_px) / camera.fx_px
    rows = (np.arange(camera.height, dtype=np.float64) - camera.cy_px) / camera.fy_px
    rays: Float64Array = np.empty((camera.height, camera.width, 2), np.float64)
    rays[..., 0] = columns
    rays[..., 1] = rows[:, None]
    if any(camera.distortion):
        rays = _undistort(camera, rays)
    table = rays.astype(np.float32)
    table.flags.writeable = False
    return table


def _undistort(camera: Camera, distorted: Float64Array) -> Float64Array:
    known = DISTORTION_COEFFICIENTS
    count = len(camera.distortion)
    if count not in known.get(camera.distortion_model, ()):
        allowed = '; '.join(
            f'{name} with {" or ".join(map(str, counts))}' for name, counts in known.items()
        )
        raise CameraError(
            f"unknown distortion '{camera.distortion_model}' with {count} coefficients; "
            f'known: {allowed}'
        )
    points = distorted.reshape(-1, 1, 2)
    coefficients = np.array(camera.distortion, np.float64)
    identity = np.eye(3)
    if camera.distortion_model == 'equidistant':
        rays = cv2.fisheye.undistortPoints(points, identity, coefficients)
        again = cv2.fisheye.distortPoints(rays, identity, coefficients)
    else:
        stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)
        rays = cv2.undistortPointsIter(points, identity, coefficients, identity, identity, stop)
        again, _ = cv2.projectPoints(
            cv2.convertPointsToHomogeneous(rays), np.zeros(3), np.zeros(3), identity, coefficients
        )
    focal_px = np.array((camera.fx_px, camera.fy_px))
    with np.errstate(invalid='ignore', over='ignore'):
        error_px = np.abs((again - points) * focal_px).max(axis=(1, 2))
    rays = np.array(rays, np.float64).reshape(distorted.shape)
    lost = ~(error_px <= _REPROJECTION_TOLERANCE_PX)
    rays[lost.reshape(distorted.shape[:2])] = np.nan
    return rays
