"""Lens distortion by the models of sensor_msgs/CameraInfo, as OpenCV computes it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from depth_anything_ros.errors import CameraError
from depth_anything_ros.types import Camera, Float64Array

# k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [τx τy]]]]: OpenCV has one model for both names, and
# drivers send either with any of these lengths.
_BROWN_CONRADY = (4, 5, 8, 12, 14)
DISTORTION_COEFFICIENTS = {
    'plumb_bob': _BROWN_CONRADY,
    'rational_polynomial': _BROWN_CONRADY,
    'equidistant': (4, 5, 8),
}
# What drivers call them, or write with capitals or hyphens. RealSense's Brown-Conrady is k1 k2 p1
# p2 k3 as here; its modified and inverse ones are other models.
_OTHER_NAMES = {
    'fisheye': ('equidistant', (4,)),
    'kannala_brandt4': ('equidistant', (4,)),
    'brown_conrady': ('plumb_bob', (5,)),
}

# A ray that does not project back onto its own pixel this closely has no known direction, and
# one that leans so far has none that floats can hold.
_REPROJECTION_TOLERANCE_PX = 0.05
_STEEPEST = 1e6


def undistort(camera: Camera, distorted: Float64Array) -> Float64Array:
    """
    Return the rays that the lens bends to the points given.

    :param distorted: (x / z, y / z) as the pixels show them, (H, W, 2).
    :return: (H, W, 2); NaN where the distortion cannot be inverted.
    :raises CameraError: if the model or its number of coefficients is not known.
    """
    model, coefficients = _model(camera)
    points = distorted.reshape(-1, 1, 2)
    if model == 'equidistant':
        rays = cv2.fisheye.undistortPoints(points, np.eye(3), coefficients)
    else:
        rays = _undistort_brown_conrady(points, coefficients)
    rays = np.array(rays, np.float64).reshape(-1, 2)
    focal_px = np.array((camera.fx_px, camera.fy_px))
    with np.errstate(invalid='ignore', over='ignore'):
        again = distort(camera, rays)
        error_px = np.abs((again - points.reshape(-1, 2)) * focal_px).max(axis=1)
        known = (error_px <= _REPROJECTION_TOLERANCE_PX) & (np.abs(rays).max(axis=1) < _STEEPEST)
    rays[~known] = np.nan
    return rays.reshape(distorted.shape)


def _undistort_brown_conrady(points: Float64Array, coefficients: Float64Array) -> Float64Array:
    unit = np.eye(3)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)
    if hasattr(cv2, 'undistortPointsIter'):
        rays = cv2.undistortPointsIter(points, unit, coefficients, unit, unit, stop)
    else:  # OpenCV 5, where the plain name takes what stops it
        plain: Any = cv2.undistortPoints  # whose types are those of OpenCV 4
        rays = plain(points, unit, coefficients, R=unit, P=unit, criteria=stop)
    return np.asarray(rays, np.float64)


def distort(camera: Camera, rays: Float64Array) -> Float64Array:
    """
    Return where the lens shows rays.

    :param rays: (x / z, y / z), (N, 2).
    :return: the same of the pixels that show them, (N, 2).
    :raises CameraError: if the model or its number of coefficients is not known.
    """
    model, coefficients = _model(camera)
    points = rays.reshape(-1, 1, 2)
    if model == 'equidistant':
        distorted = cv2.fisheye.distortPoints(points, np.eye(3), coefficients)
    else:
        distorted, _ = cv2.projectPoints(
            cv2.convertPointsToHomogeneous(points),
            np.zeros(3),
            np.zeros(3),
            np.eye(3),
            coefficients,
        )
    flat: Float64Array = np.asarray(distorted, np.float64).reshape(-1, 2)
    return flat


def _model(camera: Camera) -> tuple[str, Float64Array]:
    """Return a model by its ROS name, and what OpenCV takes: for `equidistant` k1 k2 k3 k4."""
    given, name = camera.distortion, camera.distortion_model.lower().replace('-', '_')
    others = {other: counts for other, (_, counts) in _OTHER_NAMES.items()}
    known = {**DISTORTION_COEFFICIENTS, **others}
    if len(given) not in known.get(name, ()):
        allowed = '; '.join(
            f'{name} with {" or ".join(map(str, counts))}' for name, counts in known.items()
        )
        raise CameraError(
            f"unknown distortion '{camera.distortion_model}' with {len(given)} coefficients; "
            f'known: {allowed}'
        )
    model, _ = _OTHER_NAMES.get(name, (name, ()))
    if model == 'equidistant' and len(given) > 4:
        given = _equidistant(given)
    return model, np.array(given, np.float64)


def _equidistant(given: tuple[float, ...]) -> tuple[float, ...]:
    """
    Return k1 k2 k3 k4 of longer lists.

    They are padded with zeros, or, eight of them, in the order of Orbbec: k1 k2 p1 p2 k3 k4 0 0.
    Where both readings are possible neither is taken.

    :raises CameraError: if they cannot be told apart, or there is no such model.
    """
    k1, k2, third, fourth, *rest = given
    if not any(rest) and (len(given) < 8 or not (third or fourth)):
        return given[:4]
    if len(given) == 8 and not (third or fourth or rest[2] or rest[3]):
        return k1, k2, rest[0], rest[1]
    readings = 'k1 k2 k3 k4 and zeros, or k1 k2 p1 p2 k3 k4 as Orbbec orders them'
    problem = f'can be {readings}' if not any(rest) else f'are neither {readings} with p1 = p2 = 0'
    raise CameraError(
        f"the {len(given)} coefficients of distortion 'equidistant', {given}, {problem}; four are "
        'needed: k1 k2 k3 k4'
    )
