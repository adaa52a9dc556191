"""
Measured depth and the depth of a network in one image: fused depth, and where it comes from.

Where the sensor measured, its own number stays. Elsewhere the network's depth is corrected by what
the measurements around say of it: in log inverse depth, so that errors are shares of depth, first
by local fits, then by what they leave at the measured pixels, so that no seam is left. Beyond the
farthest depth that was measured, and away from rims, seven tenths of the correction are left: what
was measured there was chosen by its depth, which says less of what was not.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.completion.residuals import local_fit, membrane
from depth_anything_ros.completion.trust import find_doubtful
from depth_anything_ros.types import DepthOrigin, Float32Array, FusedDepth

BoolArray = NDArray[np.bool_]

# Off the network's depth by more than this share of it, a pixel in doubt is refused.
DEFAULT_REFUSAL = 0.35

# Stands for unknown where a logarithm is taken.
_LEAST_PER_M = np.float32(1e-9)
# The nearest and the farthest depth that were measured, but for flaws.
_RANGE_PERCENT = (1, 99)
# Of so many rows and columns one is looked at for statistics of the whole image, if that gives
# so many pixels.
_STRIDE, _ENOUGH = 8, 1000
# Beyond the farthest, over this share of depth, the correction comes down to what is left of it.
_FADE = np.float32(0.1)
_LEFT_BEYOND = np.float32(0.7)
# But near what was measured all of it is left: where a third of the 3 × 3 cells around have any
# of it, each a 40th of the image's width.
_FULLY_LEFT = np.float32(3.0)
_CELLS_ACROSS = 40
# Fewer measured pixels say nothing of the network's depth.
_FEWEST = 50


def fuse(
    inverse: Float32Array | None,
    measured_m: Float32Array,
    max_depth_m: float,
    refusal: float = DEFAULT_REFUSAL,
) -> FusedDepth:
    """
    Return measured depth with its holes filled by the corrected depth of a network.

    :param inverse: aligned inverse depth of the network, float32 (H, W) in 1/m; what is not above
        0 counts as farthest. None where the network has no scale: nothing is filled or refused.
    :param measured_m: measured depth in the image's geometry, float32 (H, W) in metres, NaN where
        unknown.
    :param max_depth_m: filled depth from here on is unknown, and so is what the network has there,
        sky, unless measurements bring it among themselves.
    :param refusal: a measured pixel that its neighbours contradict is refused where the network's
        corrected depth is off it by more than this share; 0 refuses none.
    """
    known = np.isfinite(measured_m)
    if inverse is None:
        origin = known.astype(np.uint8) * np.uint8(DepthOrigin.MEASURED)
        return FusedDepth(measured_m.copy(), origin)
    x: Float32Array = np.log(np.maximum(inverse, np.float32(1.0 / max_depth_m)))
    correction, used = np.zeros_like(x), known
    if np.count_nonzero(known) >= _FEWEST:
        # What a metric network is wrong by everywhere, it is wrong by beyond the range, too.
        x += _usual_error(x, measured_m, known)
        correction, used = _correction(x, measured_m, known, refusal)
    fused = _filled(x, correction, measured_m, used, max_depth_m)
    sky = (inverse <= np.float32(1.0 / max_depth_m)) & (fused.origin == DepthOrigin.BEYOND)
    fused.depth_m[sky] = np.nan
    fused.origin[sky] = DepthOrigin.UNKNOWN
    return replace(fused, refused=int(np.count_nonzero(known)) - int(np.count_nonzero(used)))


def _usual_error(x: Float32Array, measured_m: Float32Array, known: BoolArray) -> np.float32:
    """Return the median of log inverse depth less x over the measured pixels."""
    some = _some(known)
    return np.float32(np.median(-np.log(measured_m[some]) - x[some]))


def _some(chosen: BoolArray) -> tuple[NDArray[np.intp], ...]:
    """Return rows and columns of enough of the pixels chosen, of all where they are few."""
    rows, columns = np.nonzero(chosen[::_STRIDE, ::_STRIDE])
    return (rows * _STRIDE, columns * _STRIDE) if len(rows) >= _ENOUGH else np.nonzero(chosen)


def _correction(
    x: Float32Array, measured_m: Float32Array, known: BoolArray, refusal: float
) -> tuple[Float32Array, BoolArray]:
    """Return what is to be added to log inverse depth, and the measured pixels believed."""
    measured = np.reciprocal(measured_m)
    cv2.patchNaNs(measured, 0.0)
    residual: Float32Array = np.log(np.maximum(measured, _LEAST_PER_M))
    residual -= x
    used = known
    if refusal > 0:
        doubtful = find_doubtful(measured)
        supported = doubtful.supported if doubtful.supported.any() else known
        correction = local_fit(x, residual, supported)
        residual -= correction
        off = doubtful.contradiction(np.abs(residual.reshape(-1)[doubtful.places]))
        used = known.copy()
        used.reshape(-1)[doubtful.places[off > math.log1p(refusal)]] = False
    else:
        correction = local_fit(x, residual, known)
        residual -= correction
    weight = used.astype(np.float32)
    residual *= weight
    correction += membrane(residual, weight)
    return correction, used


def _filled(
    x: Float32Array,
    correction: Float32Array,
    measured_m: Float32Array,
    used: BoolArray,
    max_depth_m: float,
) -> FusedDepth:
    """Return measured depth where it is used, exp(−x − correction) elsewhere."""
    holes = np.flatnonzero(~used)
    x, correction = x.reshape(-1)[holes], correction.reshape(-1)[holes]
    corrected = x + correction
    nearest_m, farthest_m = _span(measured_m, used) or (max_depth_m, max_depth_m)
    least = np.float32(-math.log(farthest_m))
    far = np.flatnonzero(np.minimum(x, corrected) < least)
    if len(far):
        beyond = (least - np.minimum(x, corrected)[far]) / _FADE
        left = np.maximum(np.exp(-beyond * beyond), _left_beyond(used, holes[far]))
        corrected[far] = x[far] + correction[far] * left
    origins = np.full(len(holes), DepthOrigin.FILLED, np.uint8)
    origins[(corrected < least) | (corrected > -math.log(nearest_m))] = DepthOrigin.BEYOND
    filled_m = np.exp(-corrected)
    unknown = np.flatnonzero(filled_m >= max_depth_m)
    filled_m[unknown] = np.nan
    origins[unknown] = DepthOrigin.UNKNOWN
    depth_m = measured_m.copy()
    origin = np.full(used.shape, DepthOrigin.MEASURED, np.uint8)
    depth_m.reshape(-1)[holes] = filled_m
    origin.reshape(-1)[holes] = origins
    return FusedDepth(depth_m, origin)


def _left_beyond(used: BoolArray, places: NDArray[np.intp]) -> Float32Array:
    """Return the share of the correction left at places with depth beyond what was measured."""
    height, width = used.shape
    side = max(1, width // _CELLS_ACROSS)
    size = max(1, width // side), max(1, height // side)
    shares = cv2.resize(used.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    some = (np.asarray(shares) > 0).astype(np.float32)
    near = np.asarray(cv2.resize(cv2.blur(some, (3, 3)), (width, height)), np.float32)
    return np.clip(_FULLY_LEFT * near.reshape(-1)[places], _LEFT_BEYOND, np.float32(1.0))


def _span(measured_m: Float32Array, used: BoolArray) -> tuple[float, float] | None:
    """Return the nearest and the farthest depth that was measured, None where nothing was."""
    chosen = measured_m[_some(used)]
    if not len(chosen):
        return None
    nearest_m, farthest_m = np.percentile(chosen, _RANGE_PERCENT).tolist()
    return nearest_m, farthest_m
