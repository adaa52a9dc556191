"""Points that float between two surfaces, where a network blends the depth of both."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, MetricDepth

# Half the length that a slope is taken over, in image widths, and that of its surroundings.
_NEAR_WIDTHS = 1 / 320
_FAR_FACTOR = 16
# Where a plane bends into another, the slope of either is up to twice that across the bend.
_STEEPER = 2.0


def flying_pixels(metric: MetricDepth, jump: float) -> NDArray[np.bool_]:
    """
    Return where depth is steeper than its surroundings explain.

    A plane has inverse depth that is linear in the image, however it slants; so compared are,
    along rows and along columns, the slope of inverse depth over 1/160 of the image's width
    and twice that over 1/10 of it. Neither planes nor places where ground meets a wall are
    found. A neighbour test on depth alone would take away level ground ahead of a low camera
    first.

    :param metric: float32 (H, W) in metres; NaN counts as infinitely far, and is never flying.
    :param jump: least excess to count: the change of inverse depth over 1/160 of the width
        beyond that of the surroundings, as a share of the inverse depth itself; above 0.
    :return: bool (H, W).
    """
    known: NDArray[np.bool_] = np.isfinite(metric.depth_m)
    inverse = np.divide(1.0, metric.depth_m, out=np.zeros_like(metric.depth_m), where=known)
    near = max(1, round(inverse.shape[1] * _NEAR_WIDTHS))
    steep = np.maximum(_excess(inverse, near), _excess(inverse.T, near).T)
    known &= steep * np.float32(2 * near) > np.float32(jump) * inverse
    return known


def _excess(inverse: Float32Array, near: int) -> Float32Array:
    """Return by how much each pixel's slope along its row exceeds that of its surroundings."""
    excess = np.abs(_slope(inverse, near))
    excess -= np.abs(_slope(inverse, near * _FAR_FACTOR)) * np.float32(_STEEPER)
    return excess


def _slope(inverse: Float32Array, reach: int) -> Float32Array:
    """Return the change a pixel along rows, between the pixels `reach` before and after."""
    width = inverse.shape[1]
    columns = np.arange(width)
    span = np.minimum(columns + reach, width - 1) - np.maximum(columns - reach, 0)
    padded = cv2.copyMakeBorder(inverse, 0, 0, reach, reach, cv2.BORDER_REPLICATE)
    slope: Float32Array = padded[:, 2 * reach :] - padded[:, :width]
    slope /= np.maximum(span, 1).astype(np.float32)
    return slope
