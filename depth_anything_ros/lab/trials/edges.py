"""
What happens at edges of the depth, where one surface hides another.

A step of the truth is where inverse depth bends by more than a tenth of itself from pixel to
pixel; on planes, however they slant, it does not bend at all.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array

EDGE_RADIUS_PX = 5
_STEP = 0.1
# A point this close to a surface, as a share of its depth, is one of it.
SURFACE_TOLERANCE = 0.05


def edge_band(truth_m: Float32Array, radius_px: int = EDGE_RADIUS_PX) -> NDArray[np.bool_]:
    """
    Return the pixels near a step of the truth, bool (H, W).

    :param truth_m: float32 (H, W) in metres, NaN where unknown; what is unknown is no step.
    :param radius_px: how far from a step a pixel may be, in both directions.
    """
    inverse = np.reciprocal(truth_m)
    bent = np.zeros(truth_m.shape, np.uint8)
    # No step where a neighbour is unknown or missing: NaN compares as false.
    across = np.abs(inverse[:, 2:] - 2 * inverse[:, 1:-1] + inverse[:, :-2])
    down = np.abs(inverse[2:] - 2 * inverse[1:-1] + inverse[:-2])
    bent[:, 1:-1] |= across > _STEP * inverse[:, 1:-1]
    bent[1:-1] |= down > _STEP * inverse[1:-1]
    return cv2.dilate(bent, _square(radius_px)) > 0


def between_surfaces(
    depth_m: Float32Array,
    truth_m: Float32Array,
    radius_px: int = EDGE_RADIUS_PX,
    tolerance: float = SURFACE_TOLERANCE,
) -> NDArray[np.bool_]:
    """
    Return which points float between the surfaces around them, bool (H, W).

    Such a point lies between the nearest and the farthest truth of the window around its pixel,
    and farther than `tolerance` of every truth in there. What is in front of or behind all of
    them is wrong in another way, and does not count.

    :param depth_m: float32 (H, W) in metres, NaN where unknown.
    :param truth_m: float32 (H, W) in metres, NaN where unknown.
    :param radius_px: half the side of the window.
    :param tolerance: as a share of depth.
    """
    window = _square(radius_px)
    known = np.isfinite(truth_m)
    nearest = cv2.erode(np.where(known, truth_m, np.float32(np.inf)), window)
    farthest = cv2.dilate(np.where(known, truth_m, np.float32(0.0)), window)
    floating: NDArray[np.bool_] = np.asarray((depth_m > nearest) & (depth_m < farthest))
    rows, columns = np.nonzero(floating)
    depth = depth_m[rows, columns]
    padded = np.pad(truth_m, radius_px, constant_values=np.nan)
    free = np.ones(len(rows), np.bool_)
    for down in range(2 * radius_px + 1):
        for across in range(2 * radius_px + 1):
            truth = padded[rows + down, columns + across]
            # Unknown truth is no surface: NaN compares as false.
            free &= ~(np.abs(depth - truth) <= tolerance * truth)
    floating[rows, columns] = free
    return floating


def _square(radius_px: int) -> NDArray[np.uint8]:
    return np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)
