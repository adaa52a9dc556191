"""Measured pixels that nothing around them supports: flying pixels, and small islands of depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.completion.residuals import thinned
from depth_anything_ros.types import Float32Array, UInt8Array

BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]
SurfaceArray = NDArray[np.uint16]

# Neighbours are of one surface if their inverse depth differs by no more than this share of it
# and this many 1/m: what ground seen at a flat angle changes by from row to row, and noise.
_STEP_SHARE, _STEP_PER_M = 0.06, 0.015
# So many levels make such a step. Then 255 of them reach from infinity to 0.1 m.
_STEP = 4
# An island is at most this share of the image: a disc of 1/38 of the width.
_ISLAND_SHARE = 0.003
# Of its rim, at least this share are steps; the rest may border on what is unknown.
_STEPS_OF_RIM = 0.5
_NEAR = np.ones((3, 3), np.uint8)
_AROUND = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Doubtful:
    """
    Measured pixels that nothing around them supports.

    `mask` is bool (H, W), `places` are flat indices of the pixels in doubt, (n,), `islands` the
    number of the island that each is of, 0 for single ones; `steps_of_rim` is the share of its rim
    that are steps, by that number.
    """

    mask: BoolArray
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


def find_doubtful(measured_m: Float32Array, known: BoolArray) -> Doubtful:
    """
    Find measured pixels that their neighbours contradict.

    A surface is what neighbouring pixels lead along without a step of inverse depth. In doubt are
    small surfaces with steps nearly all around them, as a thing that stands on the ground has not,
    and pixels at a step that belong to neither side.

    :param measured_m: float32 (H, W) in metres.
    :param known: bool (H, W): where it is any.
    """
    levels = _levels(measured_m, known)
    # What is unknown, 0, comes to lie beyond the highest.
    nearer, farther = cv2.dilate(levels, _NEAR), cv2.erode(levels - np.uint8(1), _NEAR)
    inside: BoolArray = (nearer - farther <= _STEP + 1) & known
    reached, steps_of_rim = _islands(inside, known)
    inside &= reached == 0
    doubtful = _attached(levels, inside)
    doubtful |= inside
    np.less(doubtful, known, out=doubtful)
    places = np.flatnonzero(doubtful)
    return Doubtful(doubtful, places, np.take(reached, places), steps_of_rim)


def _levels(measured_m: Float32Array, known: BoolArray) -> UInt8Array:
    """Return steps of inverse depth from infinity on, _STEP levels each, from 1; 0 for unknown."""
    inverse = np.reciprocal(measured_m)
    inverse += np.float32(_STEP_PER_M / _STEP_SHARE)
    per_step = _STEP / math.log1p(_STEP_SHARE)
    first = 1 - per_step * math.log(_STEP_PER_M / _STEP_SHARE)
    logs = cv2.log(inverse, inverse)
    levels = np.asarray(cv2.convertScaleAbs(logs, alpha=per_step, beta=first), np.uint8)
    levels *= known
    return levels


def _islands(inside: BoolArray, known: BoolArray) -> tuple[SurfaceArray, Float32Array]:
    """Return the number of the island at each pixel, 0 where none is, and steps_of_rim."""
    # Around the image nothing is known: what the border cuts has gaps in its rim there.
    within, measured = (
        cv2.copyMakeBorder(thinned(each.view(np.uint8)), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        for each in (inside, known)
    )
    surfaces = _connected(np.asarray(within, np.uint8))
    # The rim of an island, which is at a step, is a part of it.
    reached = np.asarray(cv2.dilate(surfaces, _NEAR), np.uint16)
    sizes = np.bincount(surfaces.reshape(-1))
    rim = np.flatnonzero(reached != surfaces)
    numbers = np.take(reached, rim)
    steps = np.bincount(numbers, np.take(measured, rim), len(sizes))
    around = np.bincount(numbers, minlength=len(sizes))
    steps_of_rim = (steps / np.maximum(around, 1)).astype(np.float32)
    small = sizes <= _ISLAND_SHARE * surfaces.size
    island = small & (steps_of_rim >= _STEPS_OF_RIM)
    island[0] = False
    islands = np.where(island, np.arange(len(island)), 0).astype(np.uint16)
    return _enlarged(np.take(islands, reached[1:-1, 1:-1]), inside.shape), steps_of_rim


def _connected(within: UInt8Array) -> SurfaceArray:
    """Return the number of the surface at each pixel, 0 where none is."""
    most = np.iinfo(np.uint16).max
    # Each has a block of 2 × 2 pixels to itself.
    if within.size <= 4 * most:
        _, labels = cv2.connectedComponents(within, connectivity=8, ltype=cv2.CV_16U)
        return np.asarray(labels, np.uint16)
    _, labels = cv2.connectedComponents(within, connectivity=8)
    # So many that the last ones count as one are noise of a very large image.
    return np.minimum(labels, most).astype(np.uint16)


def _enlarged(numbers: SurfaceArray, shape: tuple[int, ...]) -> SurfaceArray:
    """Return numbers of thinned pixels for all of an image of that (height, width)."""
    if numbers.shape == shape:
        return numbers
    # Two of them side by side are one of twice the size, which is quicker than any resize.
    pairs = numbers.astype(np.uint32)
    pairs |= pairs << np.uint32(16)
    return np.repeat(pairs.view(np.uint16), 2, axis=0)[: shape[0], : shape[1]]


def _attached(levels: UInt8Array, supported: BoolArray) -> BoolArray:
    """Return which pixels continue a supported surface next to them."""
    there = levels * supported
    nearest = cv2.dilate(there, _AROUND)
    # One less each, so that what is not supported, 0, comes to lie beyond the highest.
    farthest, own = cv2.erode(there - np.uint8(1), _AROUND), levels - np.uint8(1)
    attached: BoolArray = cv2.absdiff(levels, nearest) <= _STEP
    attached |= cv2.absdiff(own, farthest) <= _STEP
    attached &= nearest > 0
    return attached
