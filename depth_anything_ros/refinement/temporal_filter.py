"""Metric depth that flickers less from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from depth_anything_ros.types import Float32Array, Frame, MetricDepth, UInt8Array

# The past counts by exp(-1) where inverse depth differs from it by this share, or the grey of
# the image by this many of 255 levels: what moved, or was uncovered, starts afresh.
SAME_DEPTH = 0.3
SAME_GREY = 12.0
# The image is compared in blocks of this side, in which the noise of its pixels averages out.
_BLOCK_PX = 4


@dataclass(frozen=True)
class _Past:
    """The smoothed inverse depth in 1/m, NaN where unknown, and the image it is of."""

    inverse: Float32Array
    grey: Float32Array
    stamp_ns: int
    frame_id: str


class TemporalFilter:
    """
    Smooth inverse depth over time, pixel by pixel, where image and depth stay as they are.

    s = d + w · (s_before − d) with d = 1 / depth of this frame and the weight of the past
    w = exp(−dt / τ) · exp(−(relative change of d / 0.3)²) · exp(−(change of grey / 12)²).
    Without change this is the exponential filter of time constant τ. Where the camera or a thing
    moves, the image changes and the past is dropped, so that edges are not smeared; surfaces
    without texture keep it, and then depth lags behind by at most τ times its rate of change.

    :param time_constant_s: τ in seconds, above 0.
    """

    name = 'temporal_filter'

    def __init__(self, time_constant_s: float) -> None:
        self._time_constant_s = time_constant_s
        self._past: _Past | None = None

    def reset(self) -> None:
        """Forget the frames before."""
        self._past = None

    def __call__(self, metric: MetricDepth, frame: Frame) -> MetricDepth:
        """
        Return the smoothed depth; unknown stays unknown.

        The same image again, as for a cloud file, gives the same depth again. The first frame,
        one of another size or camera, one from before the last and another image of the same
        stamp go through unchanged.
        """
        inverse: Float32Array = np.reciprocal(metric.depth_m)
        now = _Past(inverse, _blocks(frame.rgb), frame.stamp_ns, frame.frame_id)
        self._past = self._smoothed(self._past, now)
        return MetricDepth(np.reciprocal(self._past.inverse))

    def _smoothed(self, past: _Past | None, now: _Past) -> _Past:
        if (
            past is None
            or past.inverse.shape != now.inverse.shape
            or past.frame_id != now.frame_id
            or past.stamp_ns > now.stamp_ns
        ):
            return now
        if past.stamp_ns == now.stamp_ns:
            # A clock that stands still must not freeze the depth.
            return past if np.array_equal(past.grey, now.grey) else now
        seconds = (now.stamp_ns - past.stamp_ns) * 1e-9
        keep = math.exp(-seconds / self._time_constant_s)
        inverse = _blend(now.inverse, past.inverse, now.grey - past.grey, keep)
        return replace(now, inverse=inverse)


def _blocks(rgb: UInt8Array) -> Float32Array:
    """Return the grey of the image by blocks, float32 (H / 4, W / 4) in 0..255."""
    height, width = rgb.shape[:2]
    size = max(1, width // _BLOCK_PX), max(1, height // _BLOCK_PX)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    grey: Float32Array = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey


def _blend(
    inverse: Float32Array, before: Float32Array, grey_change: Float32Array, keep: float
) -> Float32Array:
    """Return the smoothed inverse depth; where the past is unknown, that of this frame."""
    height, width = inverse.shape
    grey_change = np.square(grey_change * np.float32(1 / SAME_GREY))
    exponent: Float32Array = np.asarray(cv2.resize(grey_change, (width, height)), np.float32)
    step = before - inverse
    exponent += np.square(step / (inverse * np.float32(SAME_DEPTH)))
    step *= cv2.exp(-exponent)
    step *= np.float32(keep)
    return inverse + np.nan_to_num(step, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
