"""A laser scan made from metric depth, for robots without a laser scanner."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.types import Camera, Float32Array, Float64Array, LaserScan, MetricDepth

_OPTICAL, _BODY = '_optical_frame', '_frame'


def scan_of_depth(
    metric: MetricDepth,
    camera: Camera | None,
    *,
    band_m: tuple[float, float],
    range_m: tuple[float, float],
    pitch_rad: float = 0.0,
    sigma: Float32Array | None = None,
    max_sigma: float = 0.0,
) -> LaserScan:
    """
    Return the nearest thing in each direction within a level band of heights.

    There is one beam for each column of the image, from right to left, about as far apart as
    the middle columns are. A beam takes the nearest depth that is certain. Where something
    uncertain is nearer by more than its standard deviation the beam is lost: none tells that the
    way is free through what may be there.

    :param metric: depth along z, (H, W) in metres, NaN where unknown.
    :param camera: the camera of that image.
    :param band_m: lowest and highest height of what counts, above the lens.
    :param range_m: least and greatest range of the scan.
    :param pitch_rad: how far the camera looks down.
    :param sigma: one standard deviation of the depth, (H, W) in metres; None takes all as certain.
    :param max_sigma: the most that it may be of what is certain, as a share of depth.
    :return: in the camera's level body axes (x ahead, y left); NaN where nothing is known in the
        band or the beam is lost, so that nothing is cleared there.
    :raises CameraError: if the camera is missing, uncalibrated or of another size.
    Source: REP 117 for NaN.
    """
    calibrated = require_calibrated(camera, *metric.depth_m.shape)
    rays, depth_m = ray_table(calibrated), metric.depth_m
    sine, cosine = math.sin(pitch_rad), math.cos(pitch_rad)
    with np.errstate(invalid='ignore'):
        height_m = -(rays[..., 1] * np.float32(cosine) + np.float32(sine)) * depth_m
        seen = (height_m >= band_m[0]) & (height_m <= band_m[1])
    seen_m, seen_rays = depth_m[seen].astype(np.float64), rays[seen].astype(np.float64)
    ahead_m = seen_m * (cosine - seen_rays[:, 1] * sine)
    left_m = -seen_m * seen_rays[:, 0]
    beams = calibrated.width
    step = angle_step(calibrated)
    first = -step * (beams - 1) / 2
    ranges_m = np.hypot(ahead_m, left_m)
    numbers = np.rint((np.arctan2(left_m, ahead_m) - first) / step)
    inside = (numbers >= 0) & (numbers < beams)
    inside &= (ranges_m >= range_m[0]) & (ranges_m <= range_m[1])
    numbers, ranges_m = numbers[inside].astype(np.intp), ranges_m[inside]
    if sigma is None:
        nearest_m = _nearest(numbers, ranges_m, beams)
    else:
        shares = (sigma[seen] / seen_m)[inside]
        certain = shares <= max_sigma
        nearest_m = _nearest(numbers[certain], ranges_m[certain], beams)
        reach_m = (ranges_m * (1.0 + shares))[~certain]
        nearest_m[nearest_m > _nearest(numbers[~certain], reach_m, beams)] = np.inf
    nearest_m[np.isinf(nearest_m)] = np.nan
    return LaserScan(nearest_m.astype(np.float32), first, step, *range_m)


def _nearest(numbers: NDArray[np.intp], ranges_m: Float64Array, beams: int) -> Float64Array:
    """Return the least of the ranges of each beam, (beams,), infinity where there is none."""
    nearest_m = np.full(beams, np.inf)
    np.minimum.at(nearest_m, numbers, ranges_m)
    return nearest_m


def level_frame(image_frame_id: str, scan_frame: str) -> str:
    """
    Return the frame of the scan, whose x axis looks ahead.

    :param scan_frame: the name to take, or '' to derive it from the image's frame.
    :raises CameraError: if it cannot be derived.
    Source: REP 103 for the suffix of optical frames.
    """
    if scan_frame:
        return scan_frame
    if not image_frame_id.endswith(_OPTICAL):
        raise CameraError(
            f"no frame for the scan follows from '{image_frame_id}', which does not end in "
            f"'{_OPTICAL}'; set scan_frame"
        )
    return image_frame_id[: -len(_OPTICAL)] + _BODY


def angle_step(camera: Camera) -> float:
    """Return an angle that makes as many beams as columns reach both sides of the image."""
    left = math.atan2(camera.cx_px, camera.fx_px)
    right = math.atan2(camera.width - 1 - camera.cx_px, camera.fx_px)
    return 2 * max(left, right) / max(camera.width - 1, 1)
