"""Points that float between two surfaces, where a network blends the depth of both."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, MetricDepth

BoolArray = NDArray[np.bool_]
Int32Array = NDArray[np.int32]
T = TypeVar('T', bound=np.generic)

# Half the length that a slope is taken over, in image widths, and that of its surroundings.
_NEAR_WIDTHS = 1 / 320
_FAR_FACTOR = 16
# Where a plane bends into another, the slope of either is up to twice that across the bend.
_STEEPER = 2.0


def flying_pixels(metric: MetricDepth, jump: float) -> BoolArray:
    """
    Return where depth is steeper than its surroundings explain.

    A plane has inverse depth that is linear in the image, however it slants; so compared are,
    along rows and along columns, the slope of inverse depth over 1/160 of the image's width
    and twice that over 1/10 of it. Neither planes nor places where ground meets a wall are
    found. A neighbour test on depth alone would take away level ground ahead of a low camera
    first. A slope ends where the known depth does, as at the border of the image, so that the
    largest depth given is no edge.

    :param metric: float32 (H, W) in metres; NaN where unknown, which is never flying.
    :param jump: least excess to count: the change of inverse depth over 1/160 of the width
        beyond that of the surroundings, as a share of the inverse depth itself; above 0.
    :return: bool (H, W).
    """
    known: BoolArray = np.isfinite(metric.depth_m)
    inverse = np.reciprocal(metric.depth_m)
    near = max(1, round(inverse.shape[1] * _NEAR_WIDTHS))
    least = inverse * np.float32(jump / (2 * near))
    found = _steep_along_rows(inverse, known, least, near)
    turned = _steep_along_rows(_turned(inverse), _turned(known), _turned(least), near)
    found |= turned.T
    return found


def _turned(array: NDArray[T]) -> NDArray[T]:
    """Return columns as rows that lie in one piece, which is faster to go along."""
    return np.ascontiguousarray(array.T)


def _steep_along_rows(
    inverse: Float32Array, known: BoolArray, least: Float32Array, near: int
) -> BoolArray:
    """Return the pixels whose slope along the row exceeds the surroundings' by the least."""
    slope, around = _slope(inverse, near), _slope(inverse, near * _FAR_FACTOR)
    cut = known & np.isnan(slope)
    if cut.any():
        runs = _runs(known)
        _end_within(runs, slope, inverse, near, cut)
        # What is level needs no surroundings.
        cut = (slope > least) & np.isnan(around)
        _end_within(runs, around, inverse, near * _FAR_FACTOR, cut)
    around *= np.float32(_STEEPER)
    slope -= around
    steep: BoolArray = slope > least
    return steep


def _slope(inverse: Float32Array, reach: int) -> Float32Array:
    """Return the change a pixel along rows, between the pixels `reach` before and after."""
    width = inverse.shape[1]
    columns = np.arange(width)
    span = np.minimum(columns + reach, width - 1) - np.maximum(columns - reach, 0)
    padded = cv2.copyMakeBorder(inverse, 0, 0, reach, reach, cv2.BORDER_REPLICATE)
    slope: Float32Array = padded[:, 2 * reach :] - padded[:, :width]
    slope /= np.maximum(span, 1).astype(np.float32)
    np.abs(slope, out=slope)
    return slope


def _runs(known: BoolArray) -> tuple[Int32Array, Int32Array]:
    """Return the first and last column of the run of known pixels that each known one is in."""
    width = known.shape[1]
    columns = np.arange(width, dtype=np.int32)
    first = np.maximum.accumulate(np.where(known, np.int32(0), columns + np.int32(1)), axis=1)
    last = np.where(known, np.int32(width - 1), columns - np.int32(1))[:, ::-1]
    return first, np.minimum.accumulate(last, axis=1)[:, ::-1]


def _end_within(
    runs: tuple[Int32Array, Int32Array],
    slope: Float32Array,
    inverse: Float32Array,
    reach: int,
    chosen: BoolArray,
) -> None:
    """Put in the slopes of the chosen pixels, which end where their runs of known pixels do."""
    rows, columns = np.nonzero(chosen)
    first = np.maximum(columns - reach, runs[0][rows, columns])
    last = np.minimum(columns + reach, runs[1][rows, columns])
    change = np.abs(inverse[rows, last] - inverse[rows, first])
    slope[rows, columns] = change / np.maximum(last - first, 1).astype(np.float32)
