"""Scaling of a pinhole camera and the viewing ray of each of its pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.distortion import undistort
from depth_anything_ros.types import Camera, Float32Array, Float64Array

# Less, as a share of the image's side, is no lens: the view would be 178.9 degrees wide.
_MIN_FOCAL_SHARE = 0.01
# The principal point lies at most so many sides of the image away: farther than any crop.
_MAX_OFF_CENTRE = 10


def scale_camera(camera: Camera, width: int, height: int) -> Camera:
    """
    Return the camera of the same view resized to another image size.

    Pixel centres are whole numbers, as everywhere here, so that the outer edges of both images
    fall on each other: the principal point, with half a pixel to the edge, and the focal lengths
    are multiplied by the ratio of the sizes. The resize of image_proc leaves that half pixel out.
    Distortion acts on normalised coordinates and does not change.

    :param width: the new width in pixels.
    :param height: the new height in pixels.
    :return: the scaled camera.
    :raises CameraError: if a size, new or old, is not positive.
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
        cx_px=(camera.cx_px + 0.5) * x_ratio - 0.5,
        cy_px=(camera.cy_px + 0.5) * y_ratio - 0.5,
    )


def require_calibrated(camera: Camera | None, height: int, width: int) -> Camera:
    """
    Return the camera if it is calibrated and belongs to an image of that size.

    :param camera: the camera, or None where no camera_info has come yet.
    :param height: rows of the image.
    :param width: columns of the image.
    :raises CameraError: if there is no camera, it is uncalibrated (K[0] = 0), no lens has such
        numbers, or it is of another size.
    """
    if camera is None:
        raise CameraError('no camera_info received; a calibrated camera is needed')
    if (camera.height, camera.width) != (height, width):
        raise CameraError(
            f'camera_info is for {camera.width}x{camera.height}, the image is {width}x{height}; '
            'the sizes must be equal'
        )
    _check_numbers(camera)
    return camera


def _check_numbers(camera: Camera) -> None:
    """Raise CameraError unless the numbers are those of a lens in front of such an image."""
    numbers = (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px, *camera.distortion)
    if not all(map(math.isfinite, numbers)) or camera.fx_px <= 0 or camera.fy_px <= 0:
        raise CameraError(
            f'the camera is not calibrated: focal lengths {camera.fx_px:g}, {camera.fy_px:g} px, '
            f'principal point {camera.cx_px:g}, {camera.cy_px:g}, distortion '
            f'{camera.distortion}; finite numbers and focal lengths above 0 are needed'
        )
    sides = (
        (camera.fx_px, camera.cx_px, camera.width),
        (camera.fy_px, camera.cy_px, camera.height),
    )
    for name, (focal_px, centre_px, side) in zip(('width', 'height'), sides, strict=True):
        if focal_px < _MIN_FOCAL_SHARE * side or abs(centre_px) > _MAX_OFF_CENTRE * side:
            raise CameraError(
                f'camera_info has focal length {focal_px:g} px and principal point {centre_px:g} '
                f'for a {name} of {side} px; the first is at least {_MIN_FOCAL_SHARE:g} times '
                f'that, and the second at most {_MAX_OFF_CENTRE} times'
            )


@lru_cache(maxsize=4)
def ray_table(camera: Camera) -> Float32Array:
    """
    Return the viewing ray of every pixel centre as (x / z, y / z) in the optical frame.

    Computed once per camera and kept; the array is read-only. With lens distortion a ray is
    NaN where the distortion cannot be inverted, which happens outside the model's valid range.

    :return: float32 (H, W, 2), no unit; each half of it, `[..., 0]`, lies together in memory.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    rays = rays_at(camera, np.arange(camera.width), np.arange(camera.height))
    table = np.moveaxis(rays, -1, 0).astype(np.float32, order='C')
    table.flags.writeable = False
    return np.moveaxis(table, 0, -1)


def rays_at(camera: Camera, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Float64Array:
    """
    Return the viewing rays of some columns and rows, as :func:`ray_table` has them.

    :param columns: (w,) of the image.
    :param rows: (h,).
    :return: float64 (h, w, 2), no unit.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    return rays_through(camera, np.stack(np.meshgrid(columns, rows), axis=-1))


def rays_through(camera: Camera, places: NDArray[Any]) -> Float64Array:
    """
    Return the viewing rays through places of the image, as :func:`ray_table` has them.

    :param places: column and row in pixels, (…, 2).
    :return: float64 (…, 2), no unit.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    _check_numbers(camera)
    centre, focal = (camera.cx_px, camera.cy_px), (camera.fx_px, camera.fy_px)
    rays: Float64Array = (places - np.array(centre)) / np.array(focal)
    return undistort(camera, rays) if any(camera.distortion) and rays.size else rays
