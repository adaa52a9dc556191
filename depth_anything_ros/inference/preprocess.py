"""From a camera image to what the network reads, and from its output back to the image."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import BackendError, ConfigError
from depth_anything_ros.models.spec import Interpolation, NetworkSpec
from depth_anything_ros.types import Float32Array, ModelInput, UInt8Array

# Room for a 4:3 image at the largest input size the node offers (2072 px); attention grows with
# the square of the pixels, so that longer pictures would take the machine's memory.
MAX_NETWORK_PIXELS = 8_000_000

_KERNELS = {
    Interpolation.AREA: cv2.INTER_AREA,
    Interpolation.CUBIC: cv2.INTER_CUBIC,
    Interpolation.LINEAR: cv2.INTER_LINEAR,
    Interpolation.NEAREST: cv2.INTER_NEAREST,
}


def check_multiple(name: str, value: int, patch: int) -> None:
    """
    Check that a side of the network input is a positive multiple of the patch.

    :param name: what the value is, for the message.
    :raises ConfigError: if it is not; the message names the neighbours that are.
    """
    if value > 0 and value % patch == 0:
        return
    below, above = value // patch * patch, (value // patch + 1) * patch
    nearest = f'{below} or {above}' if below > 0 else f'{max(above, patch)}'
    raise ConfigError(
        f'{name} {value} is not a positive multiple of the patch {patch}; nearest: {nearest}'
    )


def network_size(
    height: int, width: int, side: int, patch: int, longer_side: bool = False
) -> tuple[int, int]:
    """
    Return the network's (height, width) for an image, keeping its aspect ratio.

    The image is scaled so that neither side is below `side`; each side is then rounded
    to a multiple of the patch, and up where rounding fell below `side`. Where the longer side
    counts, the image is scaled so that this one is `side`, and the other is rounded to whole
    pixels, then to the nearest multiple, up where two are as near.
    Source: `Resize` with `lower_bound` in DepthAnything/Depth-Anything-V2,
    depth_anything_v2/util/transform.py; `upper_bound_resize` in
    ByteDance-Seed/Depth-Anything-3, utils/io/input_processor.py.

    :param height: rows of the image.
    :param width: columns of the image.
    :param side: wanted shorter or longer side in pixels, a multiple of the patch.
    :param patch: side of a patch in pixels.
    :param longer_side: whether `side` is that of the longer one.
    :raises ConfigError: if `side` is not a positive multiple of the patch.
    :raises BackendError: if the image is empty, or so long that the input gets too large.
    """
    check_multiple('input size', side, patch)
    if height < 1 or width < 1:
        raise BackendError(f'image of {width}x{height} pixels is empty')
    if longer_side:
        scale = side / max(height, width)
        rows, columns = (_nearest(scale * length, patch) for length in (height, width))
    else:
        scale = side / min(height, width)
        rows, columns = (_constrain(scale * length, side, patch) for length in (height, width))
    if rows * columns > MAX_NETWORK_PIXELS:
        raise BackendError(
            f'image of {width}x{height} pixels would make a network input of {columns}x{rows}; '
            f'at most {MAX_NETWORK_PIXELS} pixels are allowed'
        )
    return rows, columns


def _constrain(length: float, minimum: int, patch: int) -> int:
    rounded = round(length / patch) * patch  # half to even, like np.round
    return math.ceil(length / patch) * patch if rounded < minimum else rounded


def _nearest(length: float, patch: int) -> int:
    return max(1, (2 * round(length) + patch) // (2 * patch)) * patch


class Preprocessor:
    """
    Turn an image into network input: resize, normalise, make planar.

    The official code converts to float64, resizes, then normalises. Normalising is affine and
    the weights of the kernel sum to 1, so both commute: here a table of 256 floats normalises
    each uint8 plane, and the resize then writes float32 planes in place. The two agree to
    rounding, overshoot of the cubic kernel beyond black and white included.

    :param spec: the model, for its mean and standard deviation (RGB, of values in 0..1) and its
        interpolation.
    :param size: (height, width) of the network input.
    """

    def __init__(self, spec: NetworkSpec, size: tuple[int, int]) -> None:
        self.size = size
        self._interpolation = spec.interpolation
        levels = np.arange(256, dtype=np.float64) / 255.0
        self._tables = [
            ((levels - mean) / std).astype(np.float32)
            for mean, std in zip(spec.mean, spec.std, strict=True)
        ]

    def __call__(self, rgb: UInt8Array) -> ModelInput:
        """
        Return the input for an image uint8 (H, W, 3), red first.

        :raises BackendError: if the array is not such an image.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise BackendError(
                f'image is {rgb.dtype} {rgb.shape}; uint8 (height, width, 3) is needed'
            )
        height, width = self.size
        kernel = _KERNELS[self._interpolation]
        if kernel == cv2.INTER_AREA and (height > rgb.shape[0] or width > rgb.shape[1]):
            kernel = cv2.INTER_CUBIC
        pixels: Float32Array = np.empty((1, 3, height, width), np.float32)
        for target, plane, table in zip(pixels[0], cv2.split(rgb), self._tables, strict=True):
            normalised = cv2.LUT(plane, table)
            cv2.resize(normalised, (width, height), dst=target, interpolation=kernel)
        return ModelInput(pixels, (rgb.shape[0], rgb.shape[1]))


def resize_align_corners(values: Float32Array, size: tuple[int, int]) -> Float32Array:
    """
    Resize bilinearly so that the centres of the corner pixels fall on each other.

    Equal to `torch.nn.functional.interpolate(mode='bilinear', align_corners=True)`, which the
    official code uses; cv2.resize aligns the outer edges instead, and cv2.remap rounds
    positions to 1/32 pixel.

    :param values: float32 (h, w); NaN spreads to what lies beside it.
    :param size: wanted (height, width).
    :return: float32 (H, W), a new array.
    """
    height, width = size
    if values.shape == size:
        return values.copy()
    # Rows are contiguous, so it is faster to transpose twice than to gather columns.
    rows = _interpolate_rows(values, height)
    return _transpose(_interpolate_rows(_transpose(rows), width))


def resize_half_pixel(values: Float32Array, size: tuple[int, int]) -> Float32Array:
    """
    Resize bilinearly so that the outer edges of the corner pixels fall on each other.

    Equal to `torch.nn.functional.interpolate(mode='bilinear', align_corners=False)`.

    :param values: float32 (h, w); NaN spreads to what lies beside it.
    :param size: wanted (height, width).
    :return: float32 (H, W), a new array.
    """
    height, width = size
    if values.shape == size:
        return values.copy()
    return np.asarray(
        cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
    )


def _interpolate_rows(values: Float32Array, count: int) -> Float32Array:
    lower, upper, weight = _row_positions(values.shape[0], count)
    result: Float32Array = values[lower]
    difference = values[upper]
    difference -= result
    difference *= weight
    result += difference
    return result


def _transpose(values: Float32Array) -> Float32Array:
    # Several times faster than a numpy copy; the reshape keeps single rows two-dimensional.
    transposed: Float32Array = np.asarray(cv2.transpose(values), np.float32)
    return transposed.reshape(values.shape[1], values.shape[0])


@lru_cache(maxsize=16)
def _row_positions(
    source: int, target: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float32Array]:
    """Return for each target row the two source rows and the weight of the second."""
    # In float32, as torch computes them: near 1000 px the rounding is visible at steep edges.
    scale = np.float32(source - 1) / np.float32(target - 1) if target > 1 else np.float32(0)
    positions = np.arange(target, dtype=np.float32) * scale
    lower = np.minimum(positions.astype(np.int64), source - 1)
    upper = np.minimum(lower + 1, source - 1)
    weight = (positions - lower.astype(np.float32))[:, None]
    return lower, upper, weight
