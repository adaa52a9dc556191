"""sensor_msgs/CameraInfo ↔ Camera."""

from __future__ import annotations

import math
import re
from typing import Any

from depth_anything_ros.errors import CameraError
from depth_anything_ros.messages.limits import MAX_PIXELS
from depth_anything_ros.types import Camera

_PLUMB_BOB_COEFFICIENTS = 5
# A pixel 45° off the axis is moved by as much.
_LARGEST_SKEW_PX = 0.5
# P and K that differ by less are one.
_SAME_PX = 0.5
# As image_proc and drivers do: image_rect, rgb/color/rect/image, rectified.
_NAMED_RECTIFIED = re.compile(r'(?:^|[/_])rect', re.IGNORECASE)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def is_uncalibrated(message: Any) -> bool:
    """Return whether a CameraInfo says that the camera is not calibrated: K[0] is 0."""
    return _numbers(message)[0][0] == 0.0


def camera_from_message(message: Any, rectified: bool) -> Camera:
    """
    Return the camera of the images that a CameraInfo goes with.

    Binning and region of interest are applied to size, focal lengths and principal point.

    :param message: a CameraInfo of ROS 2 (fields k, p, d) or ROS 1 (K, P, D).
    :param rectified: the images are rectified: take the projection matrix P, or K where P is
        empty (zeros or NaN), and no distortion. Otherwise take K and the lens distortion D.
    :return: the camera; distortion of zeros alone counts as none.
    :raises CameraError: if the camera is uncalibrated (K[0] = 0) or a number that is needed is
        not finite or skewed, or if no image can have that size, binning or region of interest.
    Source: sensor_msgs/CameraInfo; image_geometry::PinholeCameraModel for binning.
    """
    matrix_k, matrix_p, coefficients = _numbers(message)
    if matrix_k[0] == 0.0:
        raise CameraError('camera_info is uncalibrated (K[0] = 0): no cloud can be made')
    if rectified and _is_projection(matrix_p):
        name, skew, fx, fy, cx, cy = 'P', *(matrix_p[index] for index in (1, 0, 5, 2, 6))
    else:
        name, skew, fx, fy, cx, cy = 'K', *(matrix_k[index] for index in (1, 0, 4, 2, 5))
    if abs(skew) > _LARGEST_SKEW_PX:
        raise CameraError(
            f'camera_info has a skew, {name}[1], of {skew:g} px, which is not modelled; at most '
            f'{_LARGEST_SKEW_PX:g} px are taken for none'
        )
    distortion = coefficients if any(coefficients) and not rectified else ()
    if not all(map(math.isfinite, (fx, fy, cx, cy, *distortion))):
        raise CameraError(
            f'camera_info has numbers that are not finite: focal lengths {fx:g}, {fy:g} px, '
            f'principal point {cx:g}, {cy:g}, distortion {distortion}'
        )
    x_offset, y_offset, width, height = _region(message)
    x_bin, y_bin = max(1, int(message.binning_x)), max(1, int(message.binning_y))
    if x_bin > width or y_bin > height:
        raise CameraError(
            f'camera_info bins {width}x{height} pixels by {x_bin}x{y_bin}: nothing is left'
        )
    if width // x_bin * (height // y_bin) > MAX_PIXELS:
        raise CameraError(
            f'camera_info is for {width // x_bin}x{height // y_bin} pixels; at most '
            f'{MAX_PIXELS // 1_000_000} megapixels are taken'
        )
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


def completed_projection(message: Any) -> dict[str, tuple[float, ...]]:
    """
    Return the fields P and R of a calibrated CameraInfo as other nodes need them.

    Where P has no focal lengths, as drivers leave it, it is K without baseline and R identity,
    which is how the images are taken here; an R of zeros alone becomes the identity. Both are of
    the full sensor, as K is: binning and region of interest stay in the message.

    :param message: a CameraInfo of ROS 2.
    :return: `p`, `r`, or both: what has to change; nothing where all is there.
    """
    matrix_k, matrix_p, _ = _numbers(message)
    if not _is_projection(matrix_p):
        return {'p': _projection_of(matrix_k), 'r': _IDENTITY}
    rotation = tuple(float(value) for value in message.r)
    return {} if any(rotation) and all(map(math.isfinite, rotation)) else {'r': _IDENTITY}


def lacks_projection(message: Any) -> bool:
    """Return whether P of a CameraInfo holds numbers that are not finite, so that K is taken."""
    return not all(map(math.isfinite, _numbers(message)[1]))


def lens_effects(message: Any) -> str:
    """Return how images as the sensor takes them differ from rectified ones, '' if not."""
    matrix_k, matrix_p, coefficients = _numbers(message)
    effects = []
    if any(coefficients):
        effects.append(f'lens distortion D = {_listed(coefficients)}')
    raw, rectified = (
        tuple(matrix[index] for index in places)
        for matrix, places in ((matrix_k, (0, 4, 2, 5)), (matrix_p, (0, 5, 2, 6)))
    )
    shift_px = max(map(abs, (one - other for one, other in zip(raw, rectified, strict=True))))
    if _is_projection(matrix_p) and shift_px > _SAME_PX:
        effects.append(f'fx, fy, cx, cy {_listed(rectified)} px in P and {_listed(raw)} px in K')
    return ' and '.join(effects)


def rectification_doubt(topic: str, lens: str, cure: str) -> str:
    """
    Return why images that are taken as rectified may not be, '' where nothing says so.

    :param topic: of the images; image_proc and drivers name rectified ones by `rect`.
    :param lens: as `lens_effects`.
    :param cure: how to say that they are not.
    """
    if not lens or _NAMED_RECTIFIED.search(topic):
        return ''
    return f'images of {topic} are taken as rectified, but their camera_info has {lens}: {cure}'


def raw_doubt(topic: str, lens: str, cure: str) -> str:
    """
    Return why images that are taken as the sensor gives them may be rectified, '' as above.

    :param topic: of the images.
    :param lens: as `lens_effects`.
    :param cure: how to say that they are.
    """
    if not lens or not _NAMED_RECTIFIED.search(topic):
        return ''
    return f'images of {topic}, by its name rectified, are taken as raw ones with {lens}: {cure}'


def frame_doubt(info_topic: str, info_frame_id: str, frame_id: str) -> str:
    """Return that a camera_info is not of the frame of its image, '' if it may be."""
    info_frame_id, frame_id = info_frame_id.removeprefix('/'), frame_id.removeprefix('/')
    if not info_frame_id or not frame_id or info_frame_id == frame_id:
        return ''
    return (
        f"camera_info on {info_topic} is of frame '{info_frame_id}', its image of '{frame_id}'; "
        'make sure that it belongs to this camera'
    )


def _listed(numbers: tuple[float, ...]) -> str:
    return ', '.join(f'{number:.4g}' for number in numbers)


def _numbers(message: Any) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return K, P and D of a CameraInfo of ROS 2 or ROS 1."""
    fields = 'kpd' if hasattr(message, 'k') else 'KPD'
    matrix_k, matrix_p, coefficients = (
        tuple(float(value) for value in getattr(message, field)) for field in fields
    )
    return matrix_k, matrix_p, coefficients


def _is_projection(matrix_p: tuple[float, ...]) -> bool:
    """Return whether P says anything: drivers that leave it out send zeros or NaN."""
    return all(map(math.isfinite, matrix_p)) and all(matrix_p[index] for index in (0, 5, 10))


def _projection_of(matrix_k: tuple[float, ...]) -> tuple[float, ...]:
    rows = (matrix_k[:3], matrix_k[3:6], (0.0, 0.0, 1.0))
    return tuple(value for row in rows for value in (*row, 0.0))


def _region(message: Any) -> tuple[int, int, int, int]:
    """Return x offset, y offset, width and height in pixels of the full sensor."""
    width, height = int(message.width), int(message.height)
    if width < 1 or height < 1:
        raise CameraError(f'camera_info is for {width}x{height} pixels; 1x1 is the least')
    roi = message.roi
    if roi.width == 0 or roi.height == 0:
        return 0, 0, width, height
    region = int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)
    if region[0] + region[2] > width or region[1] + region[3] > height:
        raise CameraError(
            f'camera_info has the region of interest {region[2]}x{region[3]} at {region[0]}, '
            f'{region[1]}, which is not within its {width}x{height} pixels'
        )
    return region


def camera_info_fields(camera: Camera) -> dict[str, Any]:
    """
    Return the fields of a ROS 2 CameraInfo but for the header.

    P is K: the images stay as they are. A camera without distortion gets the five zeros
    of plumb_bob, which image pipelines expect.
    """
    fx, fy, cx, cy = camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px
    matrix_k = (fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0)
    return {
        'height': camera.height,
        'width': camera.width,
        'distortion_model': camera.distortion_model,
        'd': camera.distortion or (0.0,) * _PLUMB_BOB_COEFFICIENTS,
        'k': matrix_k,
        'r': _IDENTITY,
        'p': _projection_of(matrix_k),
    }
