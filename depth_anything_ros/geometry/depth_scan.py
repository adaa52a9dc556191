"""A laser scan made from metric depth, for robots without a laser scanner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.types import Camera, Float32Array, LaserScan, MetricDepth

_OPTICAL, _BODY = '_optical_frame', '_frame'


def scan_of_depth(
    metric: MetricDepth,
    camera: Camera | None,
    *,
    band_m: tuple[float, float],
    range_m: tuple[float, float],
    pitch_rad: float = 0.0,
    sigma: Float32Array | None = None,
    certain: NDArray[np.bool_] | None = None,
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
    :param sigma: one standard deviation of the depth, (H, W) in metres.
    :param certain: which depth is certain, (H, W); None takes all as certain.
    :return: in the camera's level body axes (x ahead, y left); NaN where nothing is known in the
        band or the beam is lost, so that nothing is cleared there.
    :raises CameraError: if the camera is missing, uncalibrated or of another size.
    Source: REP 117 for NaN.
    """
    calibrated = require_calibrated(camera, *metric.depth_m.shape)
    rays, depth_m = _beam_rays(calibrated, pitch_rad), metric.depth_m
    height_m, ranges_m = rays.up * depth_m, rays.level * depth_m
    inside = (height_m >= band_m[0]) & (height_m <= band_m[1])
    inside &= (ranges_m >= range_m[0]) & (ranges_m <= range_m[1])
    if sigma is None or certain is None:
        nearest_m = rays.nearest(ranges_m, inside)
    else:
        with np.errstate(invalid='ignore'):
            shares = sigma / depth_m
        nearest_m = rays.nearest(ranges_m, inside & certain)
        reach_m = ranges_m * (1 + shares)
        nearest_m[nearest_m > rays.nearest(reach_m, inside & ~certain)] = np.inf
    nearest_m[np.isinf(nearest_m)] = np.nan
    step = angle_step(calibrated)
    first = -step * (calibrated.width - 1) / 2
    return LaserScan(nearest_m, first, step, *range_m)


@dataclass(frozen=True)
class _BeamRays:
    """
    The viewing rays of an image, for one metre of depth along z, and the beams that they are in.

    `up` above the lens and `level` along the ground are float32 (H, W). `pixels` are the flat
    indices of those in any beam, in the order of beams; in it, those of the beams `numbers` begin
    at `starts`.
    """

    up: Float32Array
    level: Float32Array
    pixels: NDArray[np.intp]
    numbers: NDArray[np.intp]
    starts: NDArray[np.intp]

    def nearest(self, ranges_m: Float32Array, counts: NDArray[np.bool_]) -> Float32Array:
        """Return the least of each beam of the ranges that count, (H, W), infinity for none."""
        nearest_m = np.full(self.up.shape[1], np.inf, np.float32)
        of_pixels = np.take(np.where(counts, ranges_m, np.float32(np.inf)), self.pixels)
        nearest_m[self.numbers] = np.minimum.reduceat(of_pixels, self.starts)
        return nearest_m


@lru_cache(maxsize=4)
def _beam_rays(camera: Camera, pitch_rad: float) -> _BeamRays:
    """Return the rays of a camera that looks so far down, in level axes."""
    x, y = np.moveaxis(ray_table(camera).astype(np.float64), -1, 0)
    sine, cosine = math.sin(pitch_rad), math.cos(pitch_rad)
    ahead = cosine - y * sine
    turns = np.arctan2(-x, ahead) / angle_step(camera)
    numbers = np.rint(turns + (camera.width - 1) / 2).ravel()
    # Without a ray a pixel has no number.
    pixels = np.argsort(numbers, kind='stable')
    first, end = np.searchsorted(numbers[pixels], (0, camera.width))
    pixels = pixels[first:end]
    found, starts = np.unique(numbers[pixels], return_index=True)
    up, level = (part.astype(np.float32) for part in (-(y * cosine + sine), np.hypot(ahead, x)))
    return _BeamRays(up, level, pixels, found.astype(np.intp), starts)


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
