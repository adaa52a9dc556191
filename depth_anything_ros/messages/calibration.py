"""sensor_msgs/CameraInfo ↔ Camera."""

from __future__ import annotations

import math
from typing import Any

from depth_anything_ros.errors import CameraError
from depth_anything_ros.types import Camera

_PLUMB_BOB_COEFFICIENTS = 5


def camera_from_message(message: Any, rectified: bool) -> Camera:
    """
    Return the camera of the images that a CameraInfo goes with.

    Binning and region of interest are applied to size, focal lengths and principal point.

    :param message: a CameraInfo of ROS 2 (fields k, p, d) or ROS 1 (K, P, D).
    :param rectified: the images are rectified: take the projection matrix P, or K where P is
        empty, and no distortion. Otherwise take K and the lens distortion D.
    :return: the camera; distortion of zeros alone counts as none.
    :raises CameraError: if the camera is uncalibrated (K[0] = 0) or a number that is needed is
        not finite, or if width or height is zero.
    Source: sensor_msgs/CameraInfo; image_geometry::PinholeCameraModel for binning.
    """
    is_ros2 = hasattr(message, 'k')
    matrix_k = message.k if is_ros2 else message.K
    matrix_p = message.p if is_ros2 else message.P
    if float(matrix_k[0]) == 0.0:
        raise CameraError('camera_info is uncalibrated (K[0] = 0): no cloud can be made')
    if rectified and float(matrix_p[0]) != 0.0:
        fx, fy, cx, cy = (float(matrix_p[index]) for index in (0, 5, 2, 6))
    else:
        fx, fy, cx, cy = (float(matrix_k[index]) for index in (0, 4, 2, 5))
    distortion = () if rectified else _distortion(message.d if is_ros2 else message.D)
    if not all(map(math.isfinite, (fx, fy, cx, cy, *distortion))):
        raise CameraError(f'camera_info has numbers that are not finite: {fx, fy, cx, cy}')
    x_offset, y_offset, width, height = _region(message)
    x_bin, y_bin = max(1, int(message.binning_x)), max(1, int(message.binning_y))
    return Camera(
        width=width // x_bin,
        height=height // y_bin,
        fx_px=fx / x_bin,
        fy_px=fy / y_bin,
        cx_px=(cx - x_offset) / x_bin,
        cy_px=(cy - y_offset) / y_bin,
        distortion=distortion,
        distortion_model=str(message.distortion_model) if distortion else 'plumb_bob',
    )


def _distortion(coefficients: Any) -> tuple[float, ...]:
    values = tuple(float(value) for value in coefficients)
    return values if any(values) else ()


def _region(message: Any) -> tuple[int, int, int, int]:
    """Return x offset, y offset, width and height in pixels of the full sensor."""
    width, height = int(message.width), int(message.height)
    if width < 1 or height < 1:
        raise CameraError(f'camera_info is for {width}x{height} pixels; 1x1 is the least')
    roi = message.roi
    if roi.width == 0 or roi.height == 0:
        return 0, 0, width, height
    return int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)


def camera_info_fields(camera: Camera) -> dict[str, Any]:
    """
    Return the fields of a ROS 2 CameraInfo but for the header.

    P is K: the images stay as they are. A camera without distortion gets the five zeros
    of plumb_bob, which image pipelines expect.
    """
    fx, fy, cx, cy = camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px
    return {
        'height': camera.height,
        'width': camera.width,
        'distortion_model': camera.distortion_model,
        'd': camera.distortion or (0.0,) * _PLUMB_BOB_COEFFICIENTS,
        'k': (fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0),
        'r': (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        'p': (fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0),
    }
