"""Measured pixels that nothing around them supports: flying pixels, and small islands of depth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array

BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

# Neighbours are of one surface if their inverse depth differs by no more than this share of it
# and this many 1/m: what ground seen at a flat angle changes by from row to row, and noise.
_STEP_SHARE = np.float32(0.06)
_STEP_PER_M = np.float32(0.015)
# An island is at most this share of the image: a disc of 1/38 of the width.
_ISLAND_SHARE = 0.003
# Of its rim, at least this share are steps; the rest may border on what is unknown.
_STEPS_OF_RIM = 0.7
_UNKNOWN = np.float32(1e9)
_NEAR = np.ones((3, 3), np.uint8)
_AROUND = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Doubtful:
    """
    Measured pixels that nothing around them supports.

    `supported` is bool (H, W): inside surfaces, away from steps. `places` are flat indices of the
    pixels in doubt, (n,), `islands` the number of the island that each is of, 0 for single ones.
    """

    supported: BoolArray
    places: IndexArray
    islands: NDArray[np.uint16]

    def means(self, values: Float32Array) -> Float32Array:
        """
        Return for each pixel in doubt the mean over its island; single ones keep their own.

        :param values: float32 (n,), one for each pixel in doubt.
        """
        counts = np.maximum(np.bincount(self.islands), 1)
        means = np.bincount(self.islands, values) / counts
        of_islands: Float32Array = means[self.islands].astype(np.float32)
        return np.where(self.islands > 0, of_islands, values)


def find_doubtful(inverse: Float32Array) -> Doubtful:
    """
    Find measured pixels that their neighbours contradict.

    A surface is what neighbouring pixels lead along without a step of inverse depth. In doubt are
    small surfaces with steps nearly all around them, as a thing that stands on the ground has not,
    and pixels at a step that belong to neither side.

    :param inverse: measured inverse depth, float32 (H, W) in 1/m, 0 where unknown.
    """
    known: BoolArray = inverse > 0
    step = inverse * _STEP_SHARE
    step += _STEP_PER_M
    inside = _inside(inverse, known, step)
    _, labels = cv2.connectedComponents(inside.view(np.uint8), connectivity=4)
    # So many surfaces that the last ones count as one are noise of a very large image.
    surfaces = np.minimum(labels, np.iinfo(np.uint16).max).astype(np.uint16)
    island, reached = _islands(surfaces, known, inside)
    supported = inside & ~np.take(island, surfaces) if island.any() else inside
    places = np.flatnonzero(known & ~supported)
    places = places[~_attached(inverse, step, supported, places)]
    return Doubtful(supported, places, reached.reshape(-1)[places])


def _inside(inverse: Float32Array, known: BoolArray, step: Float32Array) -> BoolArray:
    """Return the known pixels without a step to any neighbour."""
    highest = cv2.dilate(inverse, _NEAR)
    lowest = cv2.erode(np.where(known, inverse, _UNKNOWN), _NEAR)
    inside: BoolArray = highest - lowest <= step
    inside &= known
    return inside


def _islands(
    surfaces: NDArray[np.uint16], known: BoolArray, inside: BoolArray
) -> tuple[BoolArray, NDArray[np.uint16]]:
    """Return which of the surfaces, from 1 on, are islands, and the surfaces with their rims."""
    reached: NDArray[np.uint16] = np.asarray(cv2.dilate(surfaces, _NEAR), np.uint16)
    count = int(surfaces.max()) + 1
    sizes = cv2.calcHist([surfaces], [0], None, [count], [0, count]).reshape(-1)
    steps = np.bincount(reached[known & ~inside], minlength=count)
    gaps = np.bincount(reached[~known], minlength=count)
    small = sizes <= _ISLAND_SHARE * surfaces.size
    island: BoolArray = small & (steps >= _STEPS_OF_RIM * (steps + gaps))
    island[0] = False
    return island, reached


def _attached(
    inverse: Float32Array, step: Float32Array, supported: BoolArray, places: IndexArray
) -> BoolArray:
    """Return which of some pixels continue a supported surface next to them."""
    highest = cv2.dilate(np.where(supported, inverse, np.float32(0)), _AROUND)
    lowest = cv2.erode(np.where(supported, inverse, _UNKNOWN), _AROUND)
    own, allowed, high, low = (
        array.reshape(-1)[places] for array in (inverse, step, highest, lowest)
    )
    one_surface = (low - allowed <= own) & (own <= high + allowed) & (high - low <= 2 * allowed)
    like_either = (np.abs(own - high) <= allowed) | (np.abs(own - low) <= allowed)
    attached: BoolArray = one_surface | like_either
    return attached
