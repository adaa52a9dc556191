"""From points in the optical frame to the pixels that show them."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import rays_at
from depth_anything_ros.geometry.distortion import distort
from depth_anything_ros.types import Camera, Float32Array, Float64Array

# Nearer to the lens than this nothing is projected.
MIN_DEPTH_M = 0.01
# Of these the directions at the edge of an image are found.
_VIEW_PIXELS = 400_000
# Rays of the table in which lens distortion is looked up, and where those beyond it fall.
_TABLE_WIDTH, _TABLE_HEIGHT = 257, 193
_OUTSIDE_PX = -1e6


def project_points(camera: Camera, points_m: Float64Array) -> Float64Array:
    """
    Return the pixel coordinates of points, lens distortion included.

    :param points_m: float64 (N, 3) in the optical frame.
    :return: float64 (N, 2), column and row, integer at pixel centres; NaN for points behind the
        camera and outside the image.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    left, right, top, bottom = _view(camera)
    pixels = np.full((len(points_m), 2), np.nan)
    with np.errstate(invalid='ignore', divide='ignore'):
        x = points_m[:, 0] / points_m[:, 2]
        y = points_m[:, 1] / points_m[:, 2]
        # Rays beyond the image are left out first: a distortion polynomial folds them back in.
        seen = points_m[:, 2] >= MIN_DEPTH_M
        seen &= (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    rays = np.stack([x[seen], y[seen]], axis=1)
    if any(camera.distortion) and len(rays):
        rays = distort(camera, rays)
    columns = rays[:, 0] * camera.fx_px + camera.cx_px
    rows = rays[:, 1] * camera.fy_px + camera.cy_px
    inside = (columns >= -0.5) & (columns < camera.width - 0.5)
    inside &= (rows >= -0.5) & (rows < camera.height - 0.5)
    pixels[np.flatnonzero(seen)[inside]] = np.stack([columns, rows], axis=1)[inside]
    return pixels


@lru_cache(maxsize=8)
def _view(camera: Camera) -> tuple[float, float, float, float]:
    """
    Return the least and greatest x / z and y / z of the image, and a pixel more.

    No table of a large camera is made for it, as nobody has seen an image of that size: every
    `step`-th pixel and the last are looked at, and `step` pixels more are given.
    """
    step = max(1, math.ceil(math.sqrt(camera.width * camera.height / _VIEW_PIXELS)))
    columns, rows = (
        np.append(np.arange(0, side - 1, step), side - 1) for side in (camera.width, camera.height)
    )
    rays = rays_at(camera, columns, rows)
    if not np.isfinite(rays).any():
        raise CameraError(f'the distortion {camera.distortion} can be inverted nowhere')
    x, y = step / camera.fx_px, step / camera.fy_px
    return (
        float(np.nanmin(rays[..., 0])) - x,
        float(np.nanmax(rays[..., 0])) + x,
        float(np.nanmin(rays[..., 1])) - y,
        float(np.nanmax(rays[..., 1])) + y,
    )


def ray_pixels(
    camera: Camera, x: Float32Array, y: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """
    Return the pixels that show rays, as the maps of cv2.remap; `x` and `y` may be overwritten.

    Lens distortion is looked up in a table, which is right to a tenth of a pixel.

    :param x: float32 (H, W), x / z.
    :param y: float32 (H, W), y / z.
    :return: columns and rows, float32 (H, W), integer at pixel centres; outside the image for rays
        beyond it.
    :raises CameraError: if the camera is not calibrated or its distortion model unknown.
    """
    if any(camera.distortion):
        return _of_table(camera, x, y)
    x *= np.float32(camera.fx_px)
    x += np.float32(camera.cx_px)
    y *= np.float32(camera.fy_px)
    y += np.float32(camera.cy_px)
    return x, y


def looked_up(
    values: Float32Array, columns: Float32Array, rows: Float32Array, outside: float = math.nan
) -> Float32Array:
    """
    Return values between the pixels of an image, float32 of the shape of the places.

    :param values: float32 (H, W); what lies beside NaN is NaN.
    :param columns: float32 (h, w) or (n,) of the places, integer at pixel centres.
    :param rows: of the same shape.
    :param outside: what is around the image.
    """
    border = cv2.BORDER_CONSTANT
    found = cv2.remap(
        values, columns, rows, cv2.INTER_LINEAR, borderMode=border, borderValue=(outside,)
    )
    # OpenCV makes a column of a vector, OpenCV 5 a row.
    return np.asarray(found, np.float32).reshape(columns.shape)


def _of_table(
    camera: Camera, x: Float32Array, y: Float32Array
) -> tuple[Float32Array, Float32Array]:
    left, right, top, bottom = _view(camera)
    x -= np.float32(left)
    x *= np.float32((_TABLE_WIDTH - 1) / (right - left))
    y -= np.float32(top)
    y *= np.float32((_TABLE_HEIGHT - 1) / (bottom - top))
    columns, rows = (looked_up(table, x, y, _OUTSIDE_PX) for table in _pixel_tables(camera))
    return columns, rows


@lru_cache(maxsize=4)
def _pixel_tables(camera: Camera) -> tuple[Float32Array, Float32Array]:
    """Return columns and rows of the pixels that show the rays of a grid over the view."""
    left, right, top, bottom = _view(camera)
    x, y = np.meshgrid(
        np.linspace(left, right, _TABLE_WIDTH), np.linspace(top, bottom, _TABLE_HEIGHT)
    )
    rays = distort(camera, np.stack([x.ravel(), y.ravel()], axis=1))
    columns = rays[:, 0] * camera.fx_px + camera.cx_px
    rows = rays[:, 1] * camera.fy_px + camera.cy_px
    shape = x.shape
    return columns.reshape(shape).astype(np.float32), rows.reshape(shape).astype(np.float32)
