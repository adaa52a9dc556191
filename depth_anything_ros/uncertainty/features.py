"""
What a frame shows that tells how far off its depth may be.

Features live on a grid of a quarter of the image's rows and columns, as whole numbers from 0 to
255, evenly between the least and the most that a feature can be; or are one number for all of the
image. One that is not known of a frame is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import (
    Alignment,
    Float32Array,
    ReferencePoints,
    UInt8Array,
)

LEVELS = 256
STEP_PX = 4
"""Of so many rows and columns one is looked at."""

SPANS: Mapping[str, tuple[float, float]] = {
    # Logarithm of depth in metres.
    'depth': (-1.6, 3.0),
    # Logarithm of the change of log depth in the surroundings, a 32nd of the width.
    'slope': (-7.0, 1.0),
    # Change of grey in 0..255 from pixel to pixel of the grid.
    'edge': (0.0, 255.0),
    # Row over the height of the image.
    'row': (0.0, 1.0),
    # Logarithm of the standard error of the fit there, as a share of depth.
    'fit': (-9.0, 0.0),
    # Logarithm of the residual of the fit there, as a share of depth.
    'residual': (-6.0, 1.0),
    # Root of the distance to the nearest reference point, as a share of the width.
    'near': (0.0, 0.7),
    # How far log depth is beyond that of the farthest reference points.
    'far': (-3.0, 2.0),
    # How far log depth is before that of the nearest reference points.
    'nearer': (-3.0, 2.0),
    # Logarithm of the number of reference points.
    'points': (0.0, 9.0),
    # Logarithm of the mean absolute error of log depth at the reference points around.
    'around': (-6.0, 0.5),
    # Age of the fit in seconds.
    'age': (0.0, 5.0),
    # Logarithm of how far the network's depth of the mirrored image is off, as a share of depth.
    'flip': (-8.0, 0.5),
}
"""The features, and the least and the most that each can be."""

T = TypeVar('T', bound=np.generic)

Codes = UInt8Array | int
_TINY = np.float32(1e-9)
_AROUND = np.ones((5, 5), np.uint8)
_NEXT = np.ones((3, 3), np.uint8)
_RANGE_PERCENT = (2, 98)
# Reference points are gathered on a grid of so many columns, and averaged over ever smaller
# surroundings.
_GATHERED_COLUMNS = 40
_SIDES = (17, 9, 5)
_LEAST_WEIGHT = np.float32(0.05)


@dataclass(frozen=True)
class Evidence:
    """
    What is known of the depth of a frame.

    `depth_m` is that whose errors are asked for, `network_m` that of the network, which may be
    the same: float32 (H, W) in metres, NaN where unknown. `rgb` is uint8 (H, W, 3). `reference`
    are points measured in this frame, `age_s` is how long ago the alignment was fitted, None where
    there is none; `measured`, bool (H, W), tells which pixels of `depth_m` a sensor measured.
    `disagreement` is how far the network's depth of the mirrored image is off, as a share of
    depth, float32 of any size, None where nobody asked.
    """

    depth_m: Float32Array
    network_m: Float32Array
    rgb: UInt8Array
    alignment: Alignment | None = None
    reference: ReferencePoints | None = None
    age_s: float | None = None
    measured: NDArray[np.bool_] | None = None
    disagreement: Float32Array | None = None


def features_of(evidence: Evidence) -> dict[str, Codes]:
    """Return the features that are known, uint8 (h, w) or one whole number each."""
    sampled_m = sampled(evidence.depth_m)
    # What is unknown counts as far.
    log_depth = np.where(np.isfinite(sampled_m), np.log(sampled_m), np.float32(SPANS['depth'][1]))
    found: dict[str, Codes] = {
        'depth': _coded('depth', log_depth),
        'slope': _coded('slope', np.log(_change(log_depth) + _TINY)),
        'edge': _edges(evidence.rgb),
        'row': _rows(log_depth.shape),
    }
    if evidence.alignment is not None:
        found.update(_of_fit(evidence.alignment, log_depth))
    if evidence.age_s is not None:
        found['age'] = _of_all('age', evidence.age_s)
    if evidence.reference is not None and len(evidence.reference):
        found.update(_of_reference(evidence.reference, evidence.network_m, log_depth.shape))
    if evidence.disagreement is not None:
        size = log_depth.shape[1], log_depth.shape[0]
        off = np.asarray(cv2.resize(evidence.disagreement, size), np.float32)
        found['flip'] = _coded('flip', np.log(off + _TINY))
    if evidence.measured is not None:
        found['near'] = _distance(~sampled(evidence.measured))
    return found


def sampled(image: NDArray[T]) -> NDArray[T]:
    """Return the pixels of an image (H, W, …) that features look at, as a copy."""
    half = min(STEP_PX // 2, image.shape[0] - 1, image.shape[1] - 1)
    return np.ascontiguousarray(image[half::STEP_PX, half::STEP_PX])


def _coded(name: str, values: Float32Array) -> UInt8Array:
    low, high = SPANS[name]
    scale = (LEVELS - 1) / (high - low)
    codes = values * np.float32(scale)
    codes += np.float32(0.5 - low * scale)
    np.clip(codes, 0, LEVELS - 1, out=codes)
    return codes.astype(np.uint8)


def _of_all(name: str, value: float) -> int:
    return int(_coded(name, np.array([value], np.float32))[0])


def _change(log_depth: Float32Array) -> Float32Array:
    return np.asarray(cv2.morphologyEx(log_depth, cv2.MORPH_GRADIENT, _AROUND), np.float32)


def _edges(rgb: UInt8Array) -> UInt8Array:
    green = sampled(rgb[..., 1])
    return np.asarray(cv2.morphologyEx(green, cv2.MORPH_GRADIENT, _NEXT), np.uint8)


def _rows(shape: tuple[int, ...]) -> UInt8Array:
    rows = np.linspace(0.0, 1.0, shape[0], dtype=np.float32)[:, None]
    return np.ascontiguousarray(np.broadcast_to(_coded('row', rows), shape))


def _of_fit(alignment: Alignment, log_depth: Float32Array) -> dict[str, Codes]:
    """Return what the fit says of its own errors; one that was given says nothing."""
    found: dict[str, Codes] = {}
    of_scale, of_both, of_shift = alignment.covariance
    of_depth = alignment.kind.is_line_of_depth
    if of_scale > 0:
        # Of the network's own numbers, from which the aligned ones come. An error of these is one
        # of depth, as a share of it, whether they are depth or inverse depth.
        log_line = log_depth if of_depth else -log_depth
        values = (np.exp(log_line) - np.float32(alignment.shift)) / np.float32(alignment.scale)
        variance = (np.float32(of_scale) * values + np.float32(2 * of_both)) * values
        variance += np.float32(of_shift)
        found['fit'] = _coded('fit', 0.5 * np.log(np.maximum(variance, _TINY**2)) - log_line)
    if alignment.residual > 0:
        log_share = np.zeros_like(log_depth) if of_depth else log_depth
        found['residual'] = _coded('residual', log_share + np.float32(np.log(alignment.residual)))
    reference = alignment.reference
    if reference is not None and len(reference):
        nearest, farthest = np.log(np.percentile(reference.depth_m, _RANGE_PERCENT))
        found['far'] = _coded('far', log_depth - np.float32(farthest))
        found['nearer'] = _coded('nearer', np.float32(nearest) - log_depth)
        found['points'] = _of_all('points', float(np.log(len(reference))))
    return found


def _of_reference(
    points: ReferencePoints, network_m: Float32Array, shape: tuple[int, ...]
) -> dict[str, Codes]:
    """Return how near points of the reference are, and how far off the network is there."""
    height, width = network_m.shape
    rows = np.clip(points.rows + np.float32(0.5), 0, height - 1).astype(np.intp)
    columns = np.clip(points.columns + np.float32(0.5), 0, width - 1).astype(np.intp)
    away: NDArray[np.bool_] = np.ones(shape, np.bool_)
    away[
        np.minimum(rows // STEP_PX, shape[0] - 1), np.minimum(columns // STEP_PX, shape[1] - 1)
    ] = False
    found: dict[str, Codes] = {'near': _distance(away)}
    errors = np.abs(np.log(network_m[rows, columns] / points.depth_m))
    known = np.isfinite(errors)
    if known.any():
        around = _errors_around(errors[known], rows[known], columns[known], (height, width))
        around = np.asarray(cv2.resize(around, (shape[1], shape[0])), np.float32)
        found['around'] = _coded('around', around)
    return found


def _distance(away: NDArray[np.bool_]) -> UInt8Array:
    """Return the codes of `near` where it is 0 outside of some pixels of the grid."""
    distance = cv2.distanceTransform(away.view(np.uint8), cv2.DIST_L2, 3)
    near = np.asarray(distance, np.float32) / np.float32(away.shape[1])
    return _coded('near', np.sqrt(np.minimum(near, np.float32(1.0))))


def _errors_around(
    errors: Float32Array,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    size: tuple[int, int],
) -> Float32Array:
    """Return the logarithm of the mean error of the points around, on a coarse grid."""
    height, width = size
    across = min(_GATHERED_COLUMNS, width)
    down = max(1, min(height, round(across * height / width)))
    cells = (rows * down // height) * across + columns * across // width
    counts, sums = (
        np.bincount(cells, each, down * across).reshape(down, across).astype(np.float32)
        for each in (None, errors)
    )
    level: Float32Array = np.full((down, across), errors.mean(), np.float32)
    for side in _SIDES:
        count, total = (
            np.asarray(cv2.GaussianBlur(array, (side, side), 0), np.float32)
            for array in (counts, sums)
        )
        level = (total + _LEAST_WEIGHT * level) / (count + _LEAST_WEIGHT)
    logs: Float32Array = np.log(np.maximum(level, _TINY))
    return logs
