"""Relative inverse depth made ready to be compared with what a sensor measured."""

from __future__ import annotations

import cv2
import numpy as np

from depth_anything_ros.types import Float32Array

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
