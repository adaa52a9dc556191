"""What measured depth says of a network's depth where nothing was measured."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array

# The local fit works on cells: a 160th of the image's width.
_CELLS_ACROSS = 160
# How many measured cells the next coarser fit counts as, for the slope and for the offset.
_SLOPE_PRIOR = np.float32(1e-2)
_OFFSET_PRIOR = np.float32(1e-4)
# The same of the membrane, in pixels.
_MEMBRANE_PRIOR = np.float32(1e-3)
# How many of the pixels next to it the membrane counts as, at a pixel of the rim.
_RIM_PRIOR = np.float32(2e-2)
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_LEAST_SPREAD, _LEAST_CELLS = 0.05, 1e-6
_COARSEST_FIT, _COARSEST_MEMBRANE = 2, 8


def local_fit(x: Float32Array, residual: Float32Array, known: NDArray[np.bool_]) -> Float32Array:
    """
    Return residuals everywhere, by fits of residual = slope · x + offset around each place.

    The fits go from the whole image to ever smaller surroundings; each starts from the one before
    and departs from it as far as there are measurements. So x carries edges into holes, and far
    from all measurements what holds for the whole image is left.

    :param x: log inverse depth of the network, float32 (H, W).
    :param residual: measured log inverse depth less x, float32 (H, W); finite everywhere.
    :param known: bool (H, W): where residuals count.
    :return: float32 (H, W).
    """
    height, width = x.shape
    counts, xs, residuals = _cells(x, residual, known)
    total = max(float(counts.sum()), _LEAST_CELLS)
    mean = np.float32(xs.sum() / total)
    some = np.maximum(counts, np.float32(1e-9))
    xs = xs / some - mean * (counts > 0)
    spread = np.float32(max(_LEAST_SPREAD, float(np.sqrt((counts * xs * xs).sum() / total))))
    xs /= spread
    residuals /= some
    weighted = counts * xs
    moments = (counts, weighted, weighted * xs, counts * residuals, weighted * residuals)
    slope, offset = _fit_pyramid(np.stack(moments, axis=-1))
    slope /= spread
    offset -= slope * mean
    slope, offset = (
        np.asarray(cv2.resize(array, (width, height)), np.float32) for array in (slope, offset)
    )
    slope *= x
    slope += offset
    return slope


def _cells(
    x: Float32Array, residual: Float32Array, known: NDArray[np.bool_]
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return the share of each cell that is known, and what x and residual are there, times it."""
    side = max(1, round(x.shape[1] / _CELLS_ACROSS))
    # Every second pixel of each row and column tells as much.
    stride = 2 if side > 1 else 1
    size = max(1, x.shape[1] // side), max(1, x.shape[0] // side)
    weight = known[::stride, ::stride].astype(np.float32)
    counts, xs, residuals = (
        np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.float32)
        for array in (
            weight, x[::stride, ::stride] * weight, residual[::stride, ::stride] * weight
        )
    )  # fmt: skip
    return counts, xs, residuals


def _fit_pyramid(moments: Float32Array) -> tuple[Float32Array, Float32Array]:
    """
    Return slope and offset of each cell.

    :param moments: sums of 1, x, x², r and r·x over each cell, float32 (h, w, 5).
    """
    levels = [moments]
    while min(levels[-1].shape[:2]) > _COARSEST_FIT:
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
    slope = np.zeros(levels[-1].shape[:2], np.float32)
    offset = np.zeros_like(slope)
    for level in reversed(levels):
        if slope.shape != level.shape[:2]:
            size = level.shape[1], level.shape[0]
            slope, offset = (
                np.asarray(cv2.pyrUp(array, dstsize=size), np.float32) for array in (slope, offset)
            )
        n, x, xx, r, rx = cv2.split(level)
        r = r - slope * x - offset * n
        rx = rx - slope * xx - offset * x
        xx = xx + _SLOPE_PRIOR
        n = n + _OFFSET_PRIOR
        determinant = xx * n - x * x
        slope = slope + (n * rx - x * r) / determinant
        offset = offset + (xx * r - x * rx) / determinant
    return slope, offset


def membrane(values: Float32Array, weight: Float32Array, *, rim: bool = True) -> Float32Array:
    """
    Return values everywhere: those given where they are, smoothly carried into holes.

    Sums over ever larger surroundings, by halves, fill in what smaller ones lack.

    :param values: float32 (H, W), 0 where there is none.
    :param weight: 1 where there is a value, else 0, float32 (H, W).
    :param rim: take the mean of the values next to them at the rims of holes, so that there is
        no step.
    :return: float32 (H, W); 0 far from all values.
    Source: Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph" (1996), section 3.4 (pull-push).
    """
    if min(values.shape) <= _COARSEST_MEMBRANE:
        return values / (weight + np.float32(1))
    coarse = membrane(
        *(np.asarray(cv2.pyrDown(array), np.float32) for array in (values, weight)), rim=False
    )
    size = values.shape[1], values.shape[0]
    filled = np.asarray(cv2.pyrUp(coarse, dstsize=size), np.float32)
    if rim:
        _fill_rim(filled, values, weight)
    filled *= _MEMBRANE_PRIOR
    filled += values
    filled /= weight + _MEMBRANE_PRIOR
    return filled


def _fill_rim(filled: Float32Array, values: Float32Array, weight: Float32Array) -> None:
    """Put the mean of the values next to them into the pixels of a hole that have some."""
    near = cv2.dilate(weight, _CROSS)
    rim = np.flatnonzero(near > weight)
    rows, columns = np.divmod(rim, weight.shape[1])
    bordered = [
        np.asarray(cv2.copyMakeBorder(array, 1, 1, 1, 1, cv2.BORDER_CONSTANT), np.float32)
        for array in (values, weight)
    ]
    value, count = (
        array[rows, columns + 1]
        + array[rows + 2, columns + 1]
        + array[rows + 1, columns]
        + array[rows + 1, columns + 2]
        for array in bordered
    )
    filled[rows, columns] = (value + _RIM_PRIOR * filled[rows, columns]) / (count + _RIM_PRIOR)
