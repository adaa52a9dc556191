"""Measured pixels hidden, so that what is put in their place can be scored, and others spoilt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array

BoolArray = NDArray[np.bool_]
# Returns which pixels of a measured depth, (H, W) with NaN, are hidden.
Hiding = Callable[[Float32Array, np.random.Generator], BoolArray]

_BLOBS_SHARE, _BLOCKS_SHARE, _SPOILT_SHARE = 0.25, 0.8, 0.05
_BLOCK_PX = 24
# Half axes of blobs and radii of outliers, as shares of the width of the image.
_BLOB_WIDTHS = (1 / 32, 1 / 8)
_OUTLIER_WIDTHS = (1 / 213, 1 / 64)
_BORDER_SHARES = (1 / 12, 1 / 4)
# By which factor outliers are off, farther or nearer.
_OFF = (1.5, 3.0)


def _blobs(measured_m: Float32Array, rng: np.random.Generator) -> BoolArray:
    height, width = measured_m.shape
    hidden = np.zeros((height, width), np.uint8)
    while hidden.mean() < _BLOBS_SHARE:
        centre = int(rng.integers(width)), int(rng.integers(height))
        across, down = np.rint(rng.uniform(*_BLOB_WIDTHS, 2) * width).astype(int).tolist()
        turned_deg = float(rng.uniform(0.0, 180.0))
        cv2.ellipse(hidden, centre, (across, down), turned_deg, 0.0, 360.0, (1,), -1)
    return hidden > 0


def _borders(measured_m: Float32Array, rng: np.random.Generator) -> BoolArray:
    height, width = measured_m.shape
    top, bottom = (rng.uniform(*_BORDER_SHARES, 2) * height).astype(int).tolist()
    left, right = (rng.uniform(*_BORDER_SHARES, 2) * width).astype(int).tolist()
    hidden = np.ones((height, width), np.bool_)
    hidden[top : height - bottom, left : width - right] = False
    return hidden


def _far_half(measured_m: Float32Array, _rng: np.random.Generator) -> BoolArray:
    hidden: BoolArray = measured_m > np.nanmedian(measured_m)
    return hidden


def _blocks(measured_m: Float32Array, rng: np.random.Generator) -> BoolArray:
    height, width = measured_m.shape
    hidden = rng.random((-(-height // _BLOCK_PX), -(-width // _BLOCK_PX))) < _BLOCKS_SHARE
    return hidden.repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)[:height, :width]


HIDINGS: Mapping[str, Hiding] = {
    'blobs': _blobs,
    'borders': _borders,
    'far half': _far_half,
    'blocks': _blocks,
}


def spoil(measured_m: Float32Array, rng: np.random.Generator) -> tuple[Float32Array, BoolArray]:
    """
    Return measured depth with gross errors in blobs, 5 % of it, and which pixels those are.

    A disc is farther or nearer, by one factor of 1.5 to 3; with 640 pixels across its radius is
    3 to 10.

    :param measured_m: float32 (H, W) in metres, NaN where unknown, but not everywhere.
    """
    height, width = measured_m.shape
    known = np.isfinite(measured_m)
    spoilt_m, bad = measured_m.copy(), np.zeros(measured_m.shape, np.bool_)
    while bad[known].mean() < _SPOILT_SHARE:
        disc = np.zeros((height, width), np.uint8)
        centre = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(disc, centre, round(rng.uniform(*_OUTLIER_WIDTHS) * width), (1,), -1)
        off = np.exp(rng.uniform(*np.log(_OFF)))
        inside = disc > 0
        spoilt_m[inside] = measured_m[inside] * np.float32(off if rng.random() < 0.5 else 1 / off)
        bad |= inside
    return spoilt_m, bad & known
