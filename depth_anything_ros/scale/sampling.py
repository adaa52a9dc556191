"""Relative inverse depth made ready for what a sensor measured, and where that lies in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.geometry.line import in_line
from depth_anything_ros.types import Float32Array, RelativeInverseDepth

# A radius of 2 px at 640 px across, 1 at 320, none in a thumbnail.
_WIDTH_PER_RADIUS = 320


def local_means(values: Float32Array) -> Float32Array:
    """
    Return the mean over the pixels round each pixel, 5 × 5 of them where 640 make a row.

    The fit takes the prediction as exact, and noise in it would make the scale too small
    (regression dilution). Inverse depth is linear over the image of a plane, so that its mean
    is still that of the pixel in the middle. Pixels that lack neighbours stay as they are.

    :param values: float32 (H, W); with anything not finite in it, it is returned as it is.
    """
    radius = values.shape[1] // _WIDTH_PER_RADIUS
    if radius == 0 or not np.isfinite(values).all():
        return values
    means: Float32Array = np.empty_like(values)
    cv2.blur(values, (2 * radius + 1, 2 * radius + 1), dst=means)
    for edge in (slice(None, radius), slice(-radius, None)):
        means[edge] = values[edge]
        means[:, edge] = values[:, edge]
    return means


def smoothed(relative: RelativeInverseDepth) -> RelativeInverseDepth:
    """
    Return a prediction with :func:`local_means`, but those next to sky and in it as they are.

    Sky is at no distance that could be averaged. Affine depth is averaged as depth: noise would
    make the mean of its reciprocals too near.
    """
    values, kind, sky = relative.values, relative.kind, relative.sky
    line = in_line(values, kind)
    if sky is not None:
        line = np.where(sky, np.float32(0), line)  # for anything finite
    means = local_means(line)
    if means is line:
        return relative
    means = in_line(means, kind)
    if sky is not None and sky.any():
        side = 2 * (values.shape[1] // _WIDTH_PER_RADIUS) + 1
        near = cv2.dilate(sky.view(np.uint8), np.ones((side, side), np.uint8)) > 0
        means[near] = values[near]
    return replace(relative, values=means)


def centres_of_cells(
    indices: NDArray[np.integer[Any]], cells: tuple[int, ...], pixels: tuple[int, ...]
) -> tuple[Float32Array, Float32Array]:
    """
    Return row and column, in an image, of the centres of cells that it is divided into.

    :param indices: flat indices of the cells, (n,).
    :param cells: how many rows and columns of cells there are.
    :param pixels: how many rows and columns of pixels.
    :return: float32 (n,) each; centres of pixels are whole numbers.
    """
    places = zip(np.divmod(indices, cells[1]), cells, pixels, strict=True)
    rows, columns = (
        ((place + 0.5) * (length / count) - 0.5).astype(np.float32)
        for place, count, length in places
    )
    return rows, columns
