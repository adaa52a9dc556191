"""
How far the predicted cloud is from the measured one.

Source: Murez et al., "Atlas: End-to-End 3D Scene Reconstruction from Posed Images" (2020), whose
accuracy, completeness, and F-score at 5 cm ScanNet is scored by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, Float64Array

F1_DISTANCE_M = 0.05
# Points that are looked up, and points of a cloud that they are looked up in, at most about.
_ASKED, _CLOUD = 4_000, 40_000
_FEWEST = 100
# FLANN's exact tree, for few dimensions.
_TREE: dict[str, bool | int | float | str] = {'algorithm': 4, 'leaf_max_size': 16}
_EXACT: dict[str, bool | int | float | str] = {'checks': -1, 'eps': 0.0, 'sorted': False}


@dataclass(frozen=True)
class CloudDistances:
    """Distances in metres, (n,) each: of points to the nearest one of the other cloud."""

    to_truth_m: Float64Array
    to_prediction_m: Float64Array


def cloud_distances(
    depth_m: Float32Array,
    true_depth_m: Float32Array,
    scored: NDArray[np.bool_],
    rays: Float32Array,
) -> CloudDistances | None:
    """
    Return the distances between the clouds of two depth images of one camera.

    Both clouds are of the scored pixels, thinned to every n-th row and column: about 4,000 points
    are looked up in about 40,000.

    :param depth_m: float32 (H, W) in metres, the prediction.
    :param true_depth_m: float32 (H, W) in metres.
    :param scored: bool (H, W), where both are known.
    :param rays: float32 (H, W, 2), (x / z, y / z) of each pixel; NaN where there is none.
    :return: None where fewer than 100 points are left.
    """
    pixels = np.count_nonzero(scored)
    clouds, asked = [], []
    for depth in (depth_m, true_depth_m):
        clouds.append(_points(depth, scored, rays, _step(pixels, _CLOUD)))
        asked.append(_points(depth, scored, rays, _step(pixels, _ASKED)))
    if min(map(len, asked)) < _FEWEST:
        return None
    return CloudDistances(_nearest_m(asked[0], clouds[1]), _nearest_m(asked[1], clouds[0]))


def chamfer(distances: CloudDistances) -> float:
    """
    Return the mean of accuracy and completeness in metres; 0 is best.

    Accuracy is the mean distance of a predicted point to the measured cloud, completeness that of
    a measured point to the predicted cloud. Over images each counts the same.

    >>> chamfer(CloudDistances(np.array([0.0, 0.2]), np.array([0.1, 0.5])))
    0.2
    """
    return (float(distances.to_truth_m.mean()) + float(distances.to_prediction_m.mean())) / 2


def cloud_f1(distances: CloudDistances) -> float:
    """
    Return the harmonic mean of the shares of points within 5 cm of the other cloud; 1 is best.

    Over images each counts the same.

    >>> cloud_f1(CloudDistances(np.array([0.0, 0.2]), np.array([0.01, 0.02])))
    0.6666666666666666
    """
    precision, recall = (
        float(np.mean(found < F1_DISTANCE_M))
        for found in (distances.to_truth_m, distances.to_prediction_m)
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _step(pixels: int, points: int) -> int:
    return max(1, math.ceil(math.sqrt(pixels / points)))


def _points(
    depth_m: Float32Array, scored: NDArray[np.bool_], rays: Float32Array, step: int
) -> Float32Array:
    """Return the points of every `step`-th row and column, float32 (n, 3) in metres."""
    thin = (slice(None, None, step), slice(None, None, step))
    chosen = scored[thin] & np.isfinite(rays[thin][..., 0])
    z_m = depth_m[thin][chosen][:, None]
    return np.concatenate([rays[thin][chosen] * z_m, z_m], axis=1)


def _nearest_m(points: Float32Array, cloud: Float32Array) -> Float64Array:
    tree = cv2.flann.Index(np.ascontiguousarray(cloud), _TREE)
    _, squares = tree.knnSearch(points, 1, params=_EXACT)
    distances_m: Float64Array = np.sqrt(squares[:, 0], dtype=np.float64)
    return distances_m
