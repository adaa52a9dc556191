"""Fused depth tried where the truth is known: pixels hidden and scored, outliers planted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter_ns

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.completion import fuse
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import aligned_inverse_depth
from depth_anything_ros.lab.trials.hiding import HIDINGS, spoil
from depth_anything_ros.lab.trials.scale_trial import FARTHEST_M, NEAREST_M
from depth_anything_ros.messages.depth import MM_PER_M, metres_from_steps, millimetres
from depth_anything_ros.result import DepthOrigin, FusedDepth
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.types import DepthReference, Float32Array, RelativeInverseDepth

BoolArray = NDArray[np.bool_]
FUSED, GLOBAL = 'fused', 'global'
_INPAINT_RADIUS_PX = 3
_FEWEST = 500


@dataclass(frozen=True)
class Hidden:
    """
    What came of one image with pixels hidden in one way.

    `abs_rel` has the AbsRel of the hidden pixels by method: `fused`; `global`, one scale and
    shift fitted to what was left; `nearest`, the depth of the nearest pixel left; `inpaint`,
    cv2.inpaint. `step` and `true_step` are the mean change of depth over the rim of the holes, as
    a share of depth; `changed` counts measured pixels that were changed but not refused.
    """

    hiding: str
    source: str
    abs_rel: Mapping[str, float]
    step: float
    true_step: float
    changed: int
    ms: float


@dataclass(frozen=True)
class Spoilt:
    """
    What came of one image with outliers.

    `caught` is the share of the outliers that was refused, `false` that of the other pixels;
    `clean` is the share refused of the same image without outliers.
    """

    source: str
    caught: float
    false: float
    clean: float


def try_hidden(
    source: str, relative: RelativeInverseDepth, truth_m: Float32Array, seed: tuple[int, ...]
) -> Iterator[Hidden]:
    """
    Iterate over the ways to hide pixels of an image.

    Depth from 0.2 to 8 m is measured and scored, and predictions are clamped to that. An image
    with too few pixels left, or that scale and shift cannot be fitted to, tells nothing.

    :param source: of the image, for intervals.
    :param relative: what the network says of the image.
    :param truth_m: its measured or exact depth, float32 (H, W) in metres, NaN where unknown.
    :param seed: of what is hidden.
    """
    truth_m = in_range(truth_m)
    known = np.isfinite(truth_m)
    if np.count_nonzero(known) < _FEWEST:
        return
    for number, (name, hiding) in enumerate(HIDINGS.items()):
        hidden = hiding(truth_m, np.random.default_rng((*seed, number))) & known
        measured_m = np.where(hidden, np.float32(np.nan), truth_m)
        if min(np.count_nonzero(hidden), np.count_nonzero(known & ~hidden)) < _FEWEST:
            continue
        try:
            fused, inverse, duration_ms = fused_depth(relative, measured_m)
        except AlignmentError:
            continue
        kept = fused.origin == DepthOrigin.MEASURED
        # A step over the rim is one from what was measured to what was filled.
        step, true_step = _steps(fused.depth_m, truth_m, kept, hidden)
        yield Hidden(
            name,
            source,
            {
                method: _abs_rel(make(), truth_m, hidden)
                for method, make in _methods(fused, inverse, measured_m).items()
            },
            step,
            true_step,
            int(np.count_nonzero(fused.depth_m[kept] != measured_m[kept])),
            duration_ms,
        )


def try_outliers(
    source: str, relative: RelativeInverseDepth, truth_m: Float32Array, seed: tuple[int, ...]
) -> Spoilt | None:
    """
    Return what came of an image with 5 % of gross errors in blobs, None where nothing can.

    The parameters are those of :func:`try_hidden`.
    """
    truth_m = in_range(truth_m)
    known = np.isfinite(truth_m)
    if np.count_nonzero(known) < _FEWEST:
        return None
    spoilt_m, bad = spoil(truth_m, np.random.default_rng(seed))
    try:
        refused, refused_clean = (
            known & (fused_depth(relative, measured_m)[0].origin != DepthOrigin.MEASURED)
            for measured_m in (spoilt_m, truth_m)
        )
    except AlignmentError:
        return None
    return Spoilt(
        source,
        float(refused[bad].mean()),
        float(refused[known & ~bad].mean()),
        float(refused_clean[known].mean()),
    )


def in_range(truth_m: Float32Array) -> Float32Array:
    """Return depth from 0.2 to 8 m, NaN elsewhere."""
    scored = (truth_m >= NEAREST_M) & (truth_m <= FARTHEST_M)
    return np.where(scored, truth_m, np.float32(np.nan))


def fused_depth(
    relative: RelativeInverseDepth, measured_m: Float32Array
) -> tuple[FusedDepth, Float32Array, float]:
    """Return fused depth as the depth node has it, the inverse depth it had, and the time."""
    scale = DepthImageScale(NEAREST_M, FARTHEST_M, 0.0)
    scale.add_reference(DepthReference(measured_m, 0))
    fit = scale.align(relative, 0)
    inverse = aligned_inverse_depth(relative, fit)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        start_ns = perf_counter_ns()
        fused = fuse(inverse, measured_m, DepthNodeConfig.max_depth_m)
        duration_ms = (perf_counter_ns() - start_ns) * 1e-6
    finally:
        cv2.setNumThreads(threads)
    return fused, inverse, duration_ms


def _methods(
    fused: FusedDepth, inverse: Float32Array, measured_m: Float32Array
) -> dict[str, Callable[[], Float32Array]]:
    return {
        FUSED: lambda: fused.depth_m,
        GLOBAL: lambda: np.reciprocal(np.maximum(inverse, np.float32(1.0 / FARTHEST_M))),
        'nearest': lambda: _nearest(measured_m),
        'inpaint': lambda: _inpainted(measured_m),
    }


def _nearest(measured_m: Float32Array) -> Float32Array:
    known = np.isfinite(measured_m)
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    depth_m = np.zeros(int(labels.max()) + 1, np.float32)
    depth_m[labels[known]] = measured_m[known]
    nearest: Float32Array = depth_m[labels]
    return nearest


def _inpainted(measured_m: Float32Array) -> Float32Array:
    holes = np.isnan(measured_m).astype(np.uint8)
    # Of floats as small as metres OpenCV makes nonsense.
    steps = cv2.inpaint(millimetres(measured_m), holes, _INPAINT_RADIUS_PX, cv2.INPAINT_TELEA)
    return metres_from_steps(steps, MM_PER_M)


def _abs_rel(depth_m: Float32Array, truth_m: Float32Array, where: BoolArray) -> float:
    truth_m = truth_m[where]
    found_m = np.clip(np.nan_to_num(depth_m[where], nan=FARTHEST_M), NEAREST_M, FARTHEST_M)
    return float(np.mean(np.abs(found_m - truth_m) / truth_m))


def _steps(
    fused_m: Float32Array, truth_m: Float32Array, kept: BoolArray, hidden: BoolArray
) -> tuple[float, float]:
    """Return the mean step from kept to hidden neighbours, by depth: fused, true; else NaN."""
    steps: list[NDArray[np.float32]] = []
    for axis in (0, 1):
        one, other = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        rim = (kept[one] & hidden[other]) | (hidden[one] & kept[other])
        depth_m = truth_m[one][rim]
        steps.append(
            np.stack(
                [
                    np.abs(array[one][rim] - array[other][rim]) / depth_m
                    for array in (fused_m, truth_m)
                ]
            )
        )
    found = np.concatenate(steps, axis=1)
    if not np.isfinite(found).any(axis=1).all():
        return math.nan, math.nan
    step, true_step = np.nanmean(found, axis=1).tolist()
    return step, true_step
