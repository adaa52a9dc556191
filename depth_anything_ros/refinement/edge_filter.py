"""Edges of the depth brought to the edges of the image: the guided filter."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from depth_anything_ros.geometry.line import in_line
from depth_anything_ros.refinement.base import Prediction
from depth_anything_ros.types import (
    Float32Array,
    Frame,
    RelativeInverseDepth,
    UInt8Array,
)

# Contrast of the image, as a variance of grey in 0..1, from which on its edges are followed:
# a standard deviation of 2.6 of 255.
CONTRAST = 1e-4
# Windows of this radius show the same as larger ones on the full image, and cost less.
_SMALL_RADIUS_PX = 3
# A metric network can give an exact 0; its inverse must not spoil the neighbourhood.
_NEAREST_M = 0.05
# Of inverse depth up to a scale: above 0, which is sky.
_FARTHEST = np.float32(1e-6)


class EdgeFilter:
    """
    Filter inverse depth with the guided filter, the grey image being the guide.

    In each window the result is the affine function of the image's grey that fits the inverse
    depth best, as far as the image has contrast there, else the mean. So edges that the image
    shows are kept or sharpened, and steps that it does not show become smooth. It is linear in
    the inverse depth and keeps constants: filtering before and after scale and shift is the same.
    Metric depth is filtered as its inverse too, affine depth as depth, of which its scale and
    shift are.

    The affine functions are found on a smaller image, and applied to the full one.
    Source: He, Sun, Tang, "Guided Image Filtering" (2013), and "Fast Guided Filter" (2015).

    :param radius_px: half the side of a window in pixels of the image, 1 or more.
    """

    name = 'edge_filter'

    def __init__(self, radius_px: int) -> None:
        # How many times smaller the image is on which the functions are found.
        small = radius_px >= 2 * _SMALL_RADIUS_PX
        self._step = radius_px / _SMALL_RADIUS_PX if small else 1.0
        side = 2 * (_SMALL_RADIUS_PX if small else radius_px) + 1
        self._window = (side, side)

    def __call__(self, prediction: Prediction, frame: Frame) -> Prediction:
        """Return the filtered prediction; metres that are not above 0 stay as they are."""
        if isinstance(prediction, RelativeInverseDepth):
            return replace(prediction, values=self._relative(prediction, frame.rgb))
        depth_m = prediction.depth_m
        inverse = self._filter(np.reciprocal(np.maximum(depth_m, _NEAREST_M)), frame.rgb)
        # Where the fit overshoots to no distance at all, the network's own depth is the better.
        usable = (depth_m > 0) & (inverse > 0)
        filtered_m = np.divide(1.0, inverse, out=depth_m.copy(), where=usable)
        return replace(prediction, depth_m=filtered_m)

    def _relative(self, prediction: RelativeInverseDepth, rgb: UInt8Array) -> Float32Array:
        values, sky, kind = prediction.values, prediction.sky, prediction.kind
        line = in_line(values, kind)
        known = np.isfinite(line)
        if not known.any():
            return values
        # The sky counts as the farthest that is seen.
        filtered = in_line(self._filter(np.where(known, line, line[known].max()), rgb), kind)
        filtered = np.where(np.isfinite(filtered), filtered, values)
        if sky is None:
            return filtered
        return np.where(sky, np.float32(0), np.maximum(filtered, _FARTHEST))

    def _filter(self, inverse: Float32Array, rgb: UInt8Array) -> Float32Array:
        height, width = inverse.shape
        small = max(1, round(width / self._step)), max(1, round(height / self._step))
        guide = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) * np.float32(1 / 255)
        x = _resized(guide, small, cv2.INTER_AREA)
        y = _resized(inverse, small, cv2.INTER_AREA)
        x_mean, y_mean = self._mean(x), self._mean(y)
        covariance = self._mean(x * y) - x_mean * y_mean
        slope = covariance / (self._mean(x * x) - x_mean * x_mean + np.float32(CONTRAST))
        offset = self._mean(y_mean - slope * x_mean)
        filtered = _resized(self._mean(slope), (width, height), cv2.INTER_LINEAR)
        filtered *= guide
        filtered += _resized(offset, (width, height), cv2.INTER_LINEAR)
        return filtered

    def _mean(self, values: Float32Array) -> Float32Array:
        return np.asarray(cv2.boxFilter(values, -1, self._window), np.float32)


def _resized(values: Float32Array, size: tuple[int, int], interpolation: int) -> Float32Array:
    """Return an array of another (width, height)."""
    return np.asarray(cv2.resize(values, size, interpolation=interpolation), np.float32)
