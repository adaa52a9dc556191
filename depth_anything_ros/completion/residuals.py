"""What measured depth says of a network's depth where nothing was measured."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, UInt8Array

Image = TypeVar('Image', Float32Array, UInt8Array)

# Of images at least this wide every second row and column is looked at.
_WIDE = 320
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


def thinned(image: Image) -> Image:
    """Return the pixels of an image that are looked at: all, or each second of a wide one's."""
    height, width = image.shape
    if width < _WIDE:
        return image
    if height % 2 or width % 2:
        return image[::2, ::2]
    # The same, and quicker.
    halved = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_NEAREST)
    return np.asarray(halved, image.dtype)


def resized(array: Float32Array, size: tuple[int, ...]) -> Float32Array:
    """Return an array of another (height, width), interpolated linearly."""
    return np.asarray(cv2.resize(array, size[::-1]), np.float32)


def local_fit(x: Float32Array, log_m: Float32Array, known: NDArray[np.bool_]) -> Float32Array:
    """
    Return the logarithm of depth everywhere, by fits of slope · x + offset around each place.

    The fits go from the whole image to ever smaller surroundings; each starts from the one before
    and departs from it as far as there are measurements. So x carries edges into holes, and far
    from all measurements what holds for the whole image is left.

    :param x: log inverse depth of the network, float32 (H, W).
    :param log_m: logarithm of measured depth, float32 (H, W); finite everywhere.
    :param known: bool (H, W): where it counts.
    :return: float32 (H, W).
    """
    counts, xs, residuals = _cells(x, log_m, known)
    total = max(float(counts.sum()), _LEAST_CELLS)
    mean = np.float32(xs.sum() / total)
    some = np.maximum(counts, np.float32(1e-9))
    xs = xs / some - mean * (counts > 0)
    spread = np.float32(max(_LEAST_SPREAD, float(np.sqrt((counts * xs * xs).sum() / total))))
    xs /= spread
    residuals /= some
    weighted = counts * xs
    moments = (counts, weighted, weighted * xs, counts * residuals, weighted * residuals)
    slope, offset = _fit_pyramid(moments)
    slope /= spread
    offset -= slope * mean
    # Of depth, not of what it is off −x by.
    slope -= np.float32(1)
    fitted = resized(slope, x.shape)
    fitted *= x
    fitted += resized(offset, x.shape)
    return fitted


def _cells(
    x: Float32Array, log_m: Float32Array, known: NDArray[np.bool_]
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return the share of each cell that is known, and x and log_m + x there, times it."""
    side = max(1, round(x.shape[1] / _CELLS_ACROSS))
    size = max(1, x.shape[1] // side), max(1, x.shape[0] // side)
    weight = thinned(known.view(np.uint8)).astype(np.float32)
    weighted = thinned(x) * weight
    residual = thinned(log_m) * weight
    residual += weighted
    counts, xs, residuals = (
        np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.float32)
        for array in (weight, weighted, residual)
    )
    return counts, xs, residuals


def _halved(array: Float32Array) -> Float32Array:
    return np.asarray(cv2.pyrDown(array), np.float32)


def _fit_pyramid(moments: tuple[Float32Array, ...]) -> tuple[Float32Array, Float32Array]:
    """
    Return slope and offset of each cell.

    :param moments: sums of 1, x, x², r and r·x over each cell, float32 (h, w) each.
    """
    levels = [moments]
    while min(levels[-1][0].shape) > _COARSEST_FIT:
        levels.append(tuple(map(_halved, levels[-1])))
    slope = np.zeros(levels[-1][0].shape, np.float32)
    offset = np.zeros_like(slope)
    for n, x, xx, r, rx in reversed(levels):
        if slope.shape != n.shape:
            size = n.shape[::-1]
            slope, offset = (
                np.asarray(cv2.pyrUp(array, dstsize=size), np.float32) for array in (slope, offset)
            )
        r = r - slope * x - offset * n
        rx = rx - slope * xx - offset * x
        xx = xx + _SLOPE_PRIOR
        n = n + _OFFSET_PRIOR
        determinant = xx * n - x * x
        slope = slope + (n * rx - x * r) / determinant
        offset = offset + (xx * r - x * rx) / determinant
    return slope, offset


def membrane(values: Float32Array, known: NDArray[np.bool_]) -> Float32Array:
    """
    Return values everywhere: those given, smoothly carried into holes.

    At the rims of holes it is the mean of the values next to them, so that there is no step.

    :param values: float32 (H, W), any finite number where there is none.
    :param known: bool (H, W): where there is one.
    :return: float32 (H, W); 0 far from all values, and what is given only roughly as it is.
    """
    weight = known.astype(np.float32)
    values = values * weight
    coarse = _pulled_and_pushed(_halved(values), _halved(weight))
    height, width = values.shape
    filled = np.asarray(cv2.pyrUp(coarse, dstsize=(width, height)), np.float32)
    _fill_rim(filled, values, known.view(np.uint8))
    return filled


def _pulled_and_pushed(values: Float32Array, weight: Float32Array) -> Float32Array:
    """
    Return sums over ever larger surroundings, by halves, where smaller ones lack.

    :param values: times weight, float32 (H, W).
    :param weight: 0 to 1, float32 (H, W).
    Source: Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph" (1996), section 3.4 (pull-push).
    """
    if min(values.shape) <= _COARSEST_MEMBRANE:
        return values / (weight + np.float32(1))
    coarse = _pulled_and_pushed(_halved(values), _halved(weight))
    height, width = values.shape
    filled = np.asarray(cv2.pyrUp(coarse, dstsize=(width, height)), np.float32)
    filled *= _MEMBRANE_PRIOR
    filled += values
    filled /= weight + _MEMBRANE_PRIOR
    return filled


def _fill_rim(filled: Float32Array, values: Float32Array, known: UInt8Array) -> None:
    """Put the mean of the values next to them into the pixels of a hole that have some."""
    rim = np.flatnonzero(cv2.dilate(known, _CROSS) > known)
    width = known.shape[1] + 2
    # Where the neighbour above each of them lies with a border around the image.
    above = rim + 2 * (rim // known.shape[1]) + 1
    value, count = (
        sum(np.take(array, above + step) for step in (0, width - 1, width + 1, 2 * width))
        for array in (
            cv2.copyMakeBorder(inner, 1, 1, 1, 1, cv2.BORDER_CONSTANT) for inner in (values, known)
        )
    )
    own = np.take(filled, rim)
    np.put(filled, rim, (value + _RIM_PRIOR * own) / (count + _RIM_PRIOR))
