"""Measured pixels that nothing around them supports: flying pixels, and small islands of depth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array

BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]
SurfaceArray = NDArray[np.uint16]

# Neighbours are of one surface if their inverse depth differs by no more than this share of it
# and this many 1/m: what ground seen at a flat angle changes by from row to row, and noise.
_STEP_SHARE = np.float32(0.06)
_STEP_PER_M = np.float32(0.015)
# An island is at most this share of the image: a disc of 1/38 of the width.
_ISLAND_SHARE = 0.003
# Of its rim, at least this share are steps; the rest may border on what is unknown.
_STEPS_OF_RIM = 0.5
_UNKNOWN = np.float32(1e9)
_NEAR = np.ones((3, 3), np.uint8)
_AROUND = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Doubtful:
    """
    Measured pixels that nothing around them supports.

    `supported` is bool (H, W): inside surfaces, away from steps. `places` are flat indices of the
    pixels in doubt, (n,), `islands` the number of the island that each is of, 0 for single ones;
    `steps_of_rim` is the share of its rim that are steps, by that number.
    """

    supported: BoolArray
    places: IndexArray
    islands: SurfaceArray
    steps_of_rim: Float32Array

    def contradiction(self, off: Float32Array) -> Float32Array:
        """
        Return how much network and neighbours contradict each pixel in doubt.

        :param off: how far off the network is each of them, float32 (n,).
        :return: float32 (n,): that of a single pixel; for those of an island the mean over it,
            times the share of its rim that are steps.
        """
        counts = np.maximum(np.bincount(self.islands), 1)
        means = np.bincount(self.islands, off) / counts * self.steps_of_rim[: len(counts)]
        of_islands: Float32Array = means[self.islands].astype(np.float32)
        return np.where(self.islands > 0, of_islands, off)


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
    # The rim of an island, which is at a step, is a part of it.
    reached: SurfaceArray = np.asarray(cv2.dilate(surfaces, _NEAR), np.uint16)
    island, steps_of_rim = _islands(surfaces, reached, known, inside)
    supported = inside & ~np.take(island, surfaces) if island.any() else inside
    places = np.flatnonzero(known & ~supported)
    places = places[~_attached(inverse, step, supported, places)]
    numbers = reached.reshape(-1)[places]
    numbers = np.where(island[numbers], numbers, np.uint16(0))
    return Doubtful(supported, places, numbers, steps_of_rim)


def _inside(inverse: Float32Array, known: BoolArray, step: Float32Array) -> BoolArray:
    """Return the known pixels without a step to any neighbour."""
    highest = cv2.dilate(inverse, _NEAR)
    lowest = cv2.erode(np.where(known, inverse, _UNKNOWN), _NEAR)
    inside: BoolArray = highest - lowest <= step
    inside &= known
    return inside


def _islands(
    surfaces: SurfaceArray, reached: SurfaceArray, known: BoolArray, inside: BoolArray
) -> tuple[BoolArray, Float32Array]:
    """Return by number which surfaces are islands, and the share of their rims that are steps."""
    count = int(surfaces.max()) + 1
    sizes, steps, gaps = (
        cv2.calcHist([array], [0], where.view(np.uint8), [count], [0, count]).reshape(-1)
        for array, where in (
            (surfaces, inside),
            (reached, known & ~inside),
            (reached, ~known),
        )
    )
    small = sizes <= _ISLAND_SHARE * surfaces.size
    steps_of_rim: Float32Array = steps / np.maximum(steps + gaps, 1)
    island: BoolArray = small & (steps_of_rim >= _STEPS_OF_RIM)
    island[0] = False
    return island, steps_of_rim


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
