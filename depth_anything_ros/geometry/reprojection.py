"""Depth images of one camera as another one sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.geometry.projection import project_points
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Camera, Float32Array

# Pixels taken of a depth image: enough to see what hides what, and few enough for every frame.
_TAKEN_PIXELS = 12_000
# Cells of the z-buffer are this much wider than the points of one surface lie apart.
_CELL_FACTOR = 1.5
# Of two points in a cell, the one this much farther is behind the other.
_HIDDEN_SHARE = 0.05


@dataclass(frozen=True)
class Registration:
    """
    How the depth images of one camera are brought to another.

    :param source: the camera of the depth images.
    :param target: the camera of the colour images.
    :param target_from_source: the optical frame of the source in that of the target.
    """

    source: Camera
    target: Camera
    target_from_source: RigidTransform

    def reproject(self, depth_m: Float32Array) -> tuple[NDArray[np.intp], Float32Array]:
        """
        Return where the target sees the points of a depth image, and how far away.

        Every so manieth pixel is taken, about 12,000 in all. Points outside the target's image
        and those behind a nearer one (z-buffer) are left out.

        :param depth_m: float32 (H, W) along the source's optical axis; what is not a distance
            is left out.
        :return: flat indices into the target's image, (N,), and depth along the target's
            optical axis in metres, float32 (N,).
        :raises CameraError: if a camera is not calibrated or the source's is of another size.
        """
        stride = max(1, math.ceil(math.sqrt(depth_m.size / _TAKEN_PIXELS)))
        return self._points(depth_m, stride)

    def register(self, depth_m: Float32Array) -> Float32Array:
        """
        Return a depth image as the target sees it, of the target's size.

        Every pixel goes to the one it falls on; where several do, the nearest counts, and what a
        nearer surface hides is left out. No gap is filled.

        :param depth_m: float32 (H, W) along the source's optical axis; what is not a distance
            is left out.
        :return: float32 (height, width) of the target in metres along its optical axis, NaN
            where no point fell.
        :raises CameraError: if a camera is not calibrated or the source's is of another size.
        """
        indices, seen_m = self._points(depth_m, 1)
        registered = np.full(self.target.height * self.target.width, np.nan, np.float32)
        # The nearest is written last.
        order = np.argsort(-seen_m, kind='stable')
        registered[indices[order]] = seen_m[order]
        return registered.reshape(self.target.height, self.target.width)

    def _points(self, depth_m: Float32Array, stride: int) -> tuple[NDArray[np.intp], Float32Array]:
        """Return pixels of the target and depth there, from every `stride`-th row and column."""
        require_calibrated(self.source, *depth_m.shape)
        # From the middle of the first block, so that no side of the image has more than another.
        first = stride // 2
        rays = ray_table(self.source)[first::stride, first::stride].reshape(-1, 2)
        taken_m = depth_m[first::stride, first::stride].reshape(-1)
        with np.errstate(invalid='ignore'):
            known = (taken_m > 0) & (taken_m < np.inf) & np.isfinite(rays[:, 0])
        rays, taken_m = rays[known], taken_m[known]
        points = np.empty((len(taken_m), 3))
        points[:, :2] = rays * taken_m[:, None]
        points[:, 2] = taken_m
        points = self.target_from_source.apply(points)
        pixels = project_points(self.target, points)
        seen = np.isfinite(pixels[:, 0])
        columns, rows = np.rint(pixels[seen]).astype(np.intp).T
        seen_m = points[seen, 2]
        front = self._front(columns, rows, seen_m, stride)
        indices = rows[front] * self.target.width + columns[front]
        return indices, seen_m[front].astype(np.float32)

    def _front(
        self,
        columns: NDArray[np.intp],
        rows: NDArray[np.intp],
        depth_m: NDArray[np.float64],
        stride: int,
    ) -> NDArray[np.bool_]:
        """Return which points no other one in their cell hides."""
        apart_px = stride * max(
            self.target.fx_px / self.source.fx_px, self.target.fy_px / self.source.fy_px
        )
        cell_px = max(1, math.ceil(_CELL_FACTOR * apart_px))
        across = self.target.width // cell_px + 1
        cells = rows // cell_px * across + columns // cell_px
        nearest_m = np.full((self.target.height // cell_px + 1) * across, np.inf)
        np.minimum.at(nearest_m, cells, depth_m)
        front: NDArray[np.bool_] = depth_m <= nearest_m[cells] * (1.0 + _HIDDEN_SHARE)
        return front
