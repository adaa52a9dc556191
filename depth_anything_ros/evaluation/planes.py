"""
How flat, and how much turned, the prediction makes what is flat.

Planes are found in the truth: small tiles whose points are flat grow together where a tile lies in
the plane of its neighbours. The points that the prediction puts there get a plane of their own:
their spread about it and its turn from the true one are the planarity errors of iBims-1, which has
its planes drawn by hand.

Source: Koch et al., "Evaluation of CNN-based Single-Image Depth Estimation Methods" (2018),
section 4.2, for the errors; Feng et al., "Fast Plane Extraction in Organized Point Clouds Using
Agglomerative Hierarchical Clustering" (2014), for growing by the points' moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, Float64Array

# The image is this many tiles wide, each of about this many points a side.
_TILES_WIDE, _TILE_POINTS = 40, 8
# A tile is known where so many of its points are.
_KNOWN_SHARE = 0.8
# Points are in a plane that are as near as this, in the mean square, as a share of their depth:
# what structured light errs by at 4 m.
_FLAT_SHARE = 0.01
_TINY = np.finfo(np.float64).tiny
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
# Of the tiles of the image that a plane takes at least, and how many planes are looked at.
_LEAST_SHARE, _PLANES = 0.04, 8


@dataclass(frozen=True)
class PlaneErrors:
    """Errors of each plane, (n,) each: spread in metres and turn in degrees."""

    spread_m: Float64Array
    turn_deg: Float64Array


def plane_errors(
    depth_m: Float32Array,
    true_depth_m: Float32Array,
    scored: NDArray[np.bool_],
    rays: Float32Array,
) -> PlaneErrors | None:
    """
    Find the planes of the truth and return what the prediction makes of them.

    :param depth_m: float32 (H, W) in metres, the prediction.
    :param true_depth_m: float32 (H, W) in metres.
    :param scored: bool (H, W), where both are known.
    :param rays: float32 (H, W, 2), (x / z, y / z) of each pixel; NaN where there is none.
    :return: None where the truth has no plane of 4 % of the image.
    """
    true = _moments(true_depth_m, scored, rays)
    predicted = _moments(depth_m, scored, rays)
    spreads, turns = [], []
    for plane in _found_planes(true):
        here, there = _fitted(true[plane].sum(axis=0)), _fitted(predicted[plane].sum(axis=0))
        cosine = abs(float(here.plane[:3] @ there.plane[:3]))
        spreads.append(np.sqrt(there.variance_m2))
        turns.append(np.degrees(np.arccos(min(cosine, 1.0))))
    return PlaneErrors(np.array(spreads), np.array(turns)) if spreads else None


def planarity_error(errors: PlaneErrors) -> float:
    """
    Return how far predicted points scatter about their plane, in metres; 0 is best.

    It is their standard deviation, √(Σ d² / n), averaged over the planes of an image; over images
    each counts the same. A sensor's own noise is no part of it: the truth only says where planes
    are.

    >>> planarity_error(PlaneErrors(np.array([0.25, 0.75]), np.array([2.0, 4.0])))
    0.5
    """
    return float(errors.spread_m.mean())


def plane_angle(errors: PlaneErrors) -> float:
    """
    Return the angle between the normals of predicted and true planes in degrees; 0 is best.

    It is averaged over the planes of an image; over images each counts the same.

    >>> plane_angle(PlaneErrors(np.array([0.25, 0.75]), np.array([2.0, 4.0])))
    3.0
    """
    return float(errors.turn_deg.mean())


@dataclass(frozen=True)
class _Fit:
    """
    Planes through points: unit normal and offset, (..., 4), so that plane · (x, y, z, 1) is 0.

    `variance_m2` (...) is the mean square distance of the points.
    """

    plane: Float64Array
    variance_m2: Float64Array


def _moments(depth_m: Float32Array, scored: NDArray[np.bool_], rays: Float32Array) -> Float64Array:
    """Return Σ q qᵀ over the points q = (x, y, z, 1) of each tile, (rows, columns, 4, 4)."""
    step = max(1, depth_m.shape[1] // (_TILES_WIDE * _TILE_POINTS))
    rows, columns = (side // (step * _TILE_POINTS) for side in depth_m.shape)
    thin = (
        slice(0, rows * step * _TILE_POINTS, step),
        slice(0, columns * step * _TILE_POINTS, step),
    )
    known = scored[thin] & np.isfinite(rays[thin][..., 0])
    points = np.zeros((*known.shape, 4))
    z_m = depth_m[thin][known][:, None]
    points[known] = np.concatenate([rays[thin][known] * z_m, z_m, np.ones_like(z_m)], axis=1)
    tiles = points.reshape(rows, _TILE_POINTS, columns, _TILE_POINTS, 4).swapaxes(1, 2)
    tiles = tiles.reshape(rows, columns, _TILE_POINTS**2, 4)
    return tiles.swapaxes(2, 3) @ tiles


def _fitted(moments: Float64Array) -> _Fit:
    """Return the planes of least mean square distance to the points of moments (..., 4, 4)."""
    count = np.maximum(moments[..., 3, 3], 1.0)
    mean = moments[..., :3, 3] / count[..., None]
    spread = moments[..., :3, :3] / count[..., None, None]
    variances, axes = np.linalg.eigh(spread - mean[..., :, None] * mean[..., None, :])
    normal = axes[..., :, 0]
    offset = -np.sum(normal * mean, axis=-1)
    plane = np.concatenate([normal, offset[..., None]], axis=-1)
    return _Fit(plane, np.maximum(variances[..., 0], 0.0))


def _found_planes(moments: Float64Array) -> Iterator[NDArray[np.bool_]]:
    """Yield the tiles of each plane, bool (rows, columns), found from the flattest place on."""
    count = moments[..., 3, 3]
    known = count >= _KNOWN_SHARE * _TILE_POINTS**2
    allowed_m2 = np.square(_FLAT_SHARE * moments[..., 2, 3] / np.maximum(count, 1.0))
    # A tile is too small to tell well where its plane points; with its neighbours it does.
    padded = np.pad(moments, ((1, 1), (1, 1), (0, 0), (0, 0)))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = _fitted(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])
    free = known & (_fitted(moments).variance_m2 <= allowed_m2)
    roughness = np.where(free, around.variance_m2 / np.maximum(allowed_m2, _TINY), np.inf)
    least, found = _LEAST_SHARE * free.size, 0
    for place in np.argsort(roughness, axis=None):
        seed = np.unravel_index(place, free.shape)
        if not roughness[seed] <= 1 or found == _PLANES or free.sum() < least:
            return
        if not free[seed]:
            continue
        plane = _grown(seed, around.plane[seed], moments, free, allowed_m2)
        free &= ~plane
        if plane.sum() >= least:
            found += 1
            yield plane


def _grown(
    seed: tuple[np.intp, ...],
    plane: Float64Array,
    moments: Float64Array,
    free: NDArray[np.bool_],
    allowed_m2: Float64Array,
) -> NDArray[np.bool_]:
    """Return the tiles about a seed that lie in one plane, which is fitted anew to each ring."""
    grown = np.zeros(free.shape, np.bool_)
    grown[seed] = True
    allowed = allowed_m2 * moments[..., 3, 3]
    while True:
        ring = cv2.dilate(grown.view(np.uint8), _CROSS).view(np.bool_) & free & ~grown
        ring &= moments @ plane @ plane <= allowed
        if not ring.any():
            return grown
        grown |= ring
        plane = _fitted(moments[grown].sum(axis=0)).plane
