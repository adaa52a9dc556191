"""
The image-independent predictor: what a network has to beat to have looked at the image at all.

It answers the same map whatever the image shows: the average inverse depth of the scenes that
the network was trained on (floor near and below, walls far). Aligned to each image like a
network's prediction it scores well where scenes resemble each other, which is what a ratio to it
takes out of a score.

The plain mean leans to near scenes. The other candidate averages maps that were first brought to
median 0 and mean absolute deviation 1 each, the normalisation that makes inverse depth comparable
in training; which of the two scores better depends on the data.

Source: Ranftl et al., MiDaS (2020), equation 5, for the normalisation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.types import (
    DepthSample,
    Float32Array,
    RelativeInverseDepth,
    UInt8Array,
)

MAP_SIZE = (48, 64)
# A flat wall seen straight on has no shape to average; its noise would be blown up.
_MIN_RELATIVE_DEVIATION = 1e-3


@dataclass(frozen=True)
class InverseDepthMap:
    """
    Predict one map of inverse depth for every image.

    `values` is float32 (h, w), stretched to the image whatever its aspect ratio; `scenes` is the
    number of training scenes that it averages.
    """

    name: str
    values: Float32Array
    scenes: int

    def __call__(self, rgb: UInt8Array) -> RelativeInverseDepth:
        """Return the map at the size of an image, uint8 (H, W, 3)."""
        size = rgb.shape[1], rgb.shape[0]
        values = cv2.resize(self.values, size, interpolation=cv2.INTER_LINEAR)
        return RelativeInverseDepth(np.asarray(values, np.float32))


class _Average:
    """Average maps cell by cell over those that know the cell, in constant memory."""

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._name = name
        self._sums = np.zeros(size)
        self._counts = np.zeros(size)
        self._scenes = 0

    def add(self, values: Float32Array) -> None:
        known = np.isfinite(values)
        self._sums += np.where(known, values, 0.0)
        self._counts += known
        self._scenes += 1

    def result(self) -> InverseDepthMap:
        """
        Return the mean map.

        :raises DatasetError: if no scene has depth in some cell.
        """
        unknown = int(np.count_nonzero(self._counts == 0))
        if unknown:
            raise DatasetError(
                f'the baseline {self._name} of {self._scenes} scenes has no depth in {unknown} '
                f'of {self._counts.size} cells; more scenes are needed'
            )
        mean = (self._sums / self._counts).astype(np.float32)
        return InverseDepthMap(self._name, mean, self._scenes)


def average_maps(
    samples: Iterable[DepthSample],
    min_depth_m: float,
    max_depth_m: float,
    size: tuple[int, int] = MAP_SIZE,
) -> tuple[InverseDepthMap, InverseDepthMap]:
    """
    Return the candidates: the mean inverse depth, and the mean normalised inverse depth.

    :param samples: the training scenes; images without any depth are left out, flat ones of the
        second map only.
    :param min_depth_m: nearer depth counts as this near, as in scoring.
    :param max_depth_m: farther depth counts as this far.
    :param size: (height, width) of the maps.
    :raises DatasetError: if no scene has depth in some part of the image.
    """
    mean, normalised_mean = _Average('mean', size), _Average('normalised_mean', size)
    for sample in samples:
        inverse = _coarse_inverse_depth(sample.depth_m, min_depth_m, max_depth_m, size)
        if not np.isfinite(inverse).any():
            continue
        mean.add(inverse)
        median = float(np.nanmedian(inverse))
        deviation = float(np.nanmean(np.abs(inverse - median)))
        if deviation > _MIN_RELATIVE_DEVIATION * median:
            normalised_mean.add((inverse - np.float32(median)) / np.float32(deviation))
    return mean.result(), normalised_mean.result()


def _coarse_inverse_depth(
    depth_m: Float32Array, min_depth_m: float, max_depth_m: float, size: tuple[int, int]
) -> Float32Array:
    """Return inverse depth averaged over cells, float32 `size` in 1/m, NaN where unknown."""
    known = np.isfinite(depth_m) & (depth_m > 0)
    depth = np.clip(np.where(known, depth_m, 1.0), min_depth_m, max_depth_m)
    inverse = np.where(known, 1.0 / depth, 0.0).astype(np.float32)
    shares = _area_mean(known.astype(np.float32), size)
    with np.errstate(invalid='ignore'):
        coarse: Float32Array = _area_mean(inverse, size) / np.where(shares > 0, shares, np.nan)
    return coarse


def _area_mean(values: Float32Array, size: tuple[int, int]) -> Float32Array:
    resized = cv2.resize(values, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.float32)
