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
from depth_anything_ros.result import DepthOrigin, FusedDepth
from depth_anything_ros.types import Float32Array

BoolArray = NDArray[np.bool_]

# Off the network's depth by more than this share of it, a pixel in doubt is refused.
DEFAULT_REFUSAL = 0.35

# The nearest and the farthest depth that were measured leave out this share, for flaws.
_FLAWS = 0.01
# Of so many rows and columns one is looked at for statistics of the whole image: the most that
# give so many pixels.
_STRIDES, _ENOUGH = (8, 4, 2), 1000
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
    least = np.float32(1.0 / max_depth_m)
    x = np.maximum(inverse, least)
    cv2.log(x, x)
    if np.count_nonzero(known) < _FEWEST:
        log_depth, used = -x, known
    else:
        # What a metric network is wrong by everywhere, it is wrong by beyond the range, too.
        x += _usual_error(x, measured_m, known)
        log_depth, used = _corrected(x, measured_m, known, refusal)
    fused = _filled(x, log_depth, measured_m, used, inverse <= least, max_depth_m)
    return replace(fused, refused=int(np.count_nonzero(known)) - int(np.count_nonzero(used)))


def _usual_error(x: Float32Array, measured_m: Float32Array, known: BoolArray) -> np.float32:
    """Return the median of log inverse depth less x over the measured pixels."""
    some = _some(known)
    errors: Float32Array = -np.log(np.take(measured_m, some)) - np.take(x, some)
    middle = len(errors) // 2
    return np.float32(np.partition(errors, middle)[middle])


def _corrected(
    x: Float32Array, measured_m: Float32Array, known: BoolArray, refusal: float
) -> tuple[Float32Array, BoolArray]:
    """Return the logarithm of corrected depth, and the measured pixels believed."""
    log_m = np.asarray(cv2.log(measured_m), np.float32)
    cv2.patchNaNs(log_m, 0.0)
    used = known
    if refusal > 0:
        doubtful = find_doubtful(measured_m, known)
        sure = np.greater(known, doubtful.mask)
        log_depth = local_fit(x, log_m, sure if sure.any() else known)
        left = np.subtract(log_m, log_depth, out=log_m)
        off = doubtful.contradiction(np.abs(np.take(left, doubtful.places)))
        used = known.copy()
        np.put(used, doubtful.places[off > math.log1p(refusal)], False)
    else:
        log_depth = local_fit(x, log_m, known)
        left = np.subtract(log_m, log_depth, out=log_m)
    log_depth += membrane(left, used)
    return log_depth, used


def _some(chosen: BoolArray) -> NDArray[np.intp]:
    """Return flat indices of enough of the pixels chosen, of all where they are few."""
    for stride in _STRIDES:
        rows, columns = np.nonzero(chosen[::stride, ::stride])
        if len(rows) >= _ENOUGH:
            rows *= chosen.shape[1]
            return (rows + columns) * stride
    return np.flatnonzero(chosen)


def _filled(
    x: Float32Array,
    log_depth: Float32Array,
    measured_m: Float32Array,
    used: BoolArray,
    sky: BoolArray,
    max_depth_m: float,
) -> FusedDepth:
    """Return measured depth where it is used, elsewhere exp(log_depth), which is written over."""
    nearest_m, farthest_m = _span(measured_m, used) or (max_depth_m, max_depth_m)
    nearest, farthest = np.float32(math.log(nearest_m)), np.float32(math.log(farthest_m))
    hole = ~used
    far = np.flatnonzero(((log_depth > farthest) | (x < -farthest)) & hole)
    if len(far):
        network, corrected = -np.take(x, far), np.take(log_depth, far)
        past = (np.maximum(network, corrected) - farthest) / _FADE
        left = np.maximum(np.exp(-past * past), _left_beyond(used, far))
        np.put(log_depth, far, network + (corrected - network) * left)
    beyond = (log_depth > farthest) | (log_depth < nearest)
    depth_m = np.asarray(cv2.exp(log_depth, log_depth), np.float32)
    unknown = ((depth_m >= max_depth_m) | (sky & beyond)) & hole
    if unknown.any():
        depth_m[unknown] = np.nan
    # By numbers, as masks that are ragged cost ten times as much.
    origin = np.uint8(DepthOrigin.FILLED) + beyond.view(np.uint8)
    origin *= hole & ~unknown
    origin += used.view(np.uint8)
    cv2.copyTo(measured_m, used.view(np.uint8), depth_m)
    return FusedDepth(depth_m, origin)


def _left_beyond(used: BoolArray, places: NDArray[np.intp]) -> Float32Array:
    """Return the share of the correction left at places with depth beyond what was measured."""
    height, width = used.shape
    side = max(1, width // _CELLS_ACROSS)
    size = max(1, width // side), max(1, height // side)
    # By halves first, which OpenCV is quick at.
    half = max(1, width // 2), max(1, height // 2)
    shares = cv2.resize(used * np.uint8(255), half, interpolation=cv2.INTER_AREA)
    shares = cv2.resize(shares, size, interpolation=cv2.INTER_AREA)
    some = (np.asarray(shares) > 0).astype(np.float32)
    near = np.asarray(cv2.resize(cv2.blur(some, (3, 3)), (width, height)), np.float32)
    return np.clip(_FULLY_LEFT * np.take(near, places), _LEFT_BEYOND, np.float32(1.0))


def _span(measured_m: Float32Array, used: BoolArray) -> tuple[float, float] | None:
    """Return the nearest and the farthest depth that was measured, None where nothing was."""
    depths_m = np.take(measured_m, _some(used))
    if not len(depths_m):
        return None
    last = len(depths_m) - 1
    left_out = round(_FLAWS * last)
    ordered = np.partition(depths_m, (left_out, last - left_out))
    return float(ordered[left_out]), float(ordered[last - left_out])
