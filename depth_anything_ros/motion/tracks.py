"""Points of the scene followed from image to image, and where they were in keyframes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, UInt8Array

# Points are followed in an image of about this width, to a tenth of its pixels.
_WIDTH_PX = 320
_POINTS = 450
_APART_PX = 7.0
# Weak corners too, this much weaker than the strongest: plain walls have no others.
_QUALITY = 0.0002
_WINDOW_PX, _LEVELS = 9, 3
# Followed back to the image before, a point comes out where it was, this closely.
_RETURN_PX = 0.3
_KEYFRAMES = 4


@dataclass(frozen=True)
class Keyframe:
    """
    An earlier image, by its stamp, and where in it the points of now were.

    `places` is float32 (n, 2), column and row in pixels of the image, NaN for points that came
    later; `grey` is the image itself, small.
    """

    stamp_ns: int
    places: Float32Array
    grey: UInt8Array


class PointTracks:
    """
    Follow corners from image to image, by optical flow there and back.

    `places` is where the points are in the image that was followed last, float32 (n, 2), column
    and row in its pixels; `keyframes` are the ones kept, the oldest first.

    Source: B. D. Lucas and T. Kanade (1981) in J.-Y. Bouguet's pyramids; Z. Kalal et al.,
    "Forward-Backward Error" (2010); J. Shi and C. Tomasi, "Good Features to Track" (1994).
    """

    def __init__(self) -> None:
        self.keyframes: tuple[Keyframe, ...] = ()
        self._grey: UInt8Array | None = None
        self._step = 1
        self._small: Float32Array = np.empty((0, 2), np.float32)

    @property
    def grey(self) -> UInt8Array:
        """Return the image that was followed last, small, uint8 (h, w)."""
        assert self._grey is not None, 'an image was followed'
        return self._grey

    @property
    def places(self) -> Float32Array:
        """Return where the points are now."""
        return self._in_pixels(self._small)

    def forget(self) -> None:
        """Forget all points, as where the images show something else."""
        self.keyframes, self._grey = (), None
        self._small = np.empty((0, 2), np.float32)

    def follow(self, rgb: UInt8Array, expected: Float32Array | None = None) -> None:
        """
        Find the points in the next image; those that cannot be found are dropped.

        :param rgb: uint8 (H, W, 3); one of another size starts afresh.
        :param expected: where in it to start looking, like `places`; None is where they were.
        """
        step = max(1, round(rgb.shape[1] / _WIDTH_PX))
        grey = _grey(rgb, step)
        if self._grey is None or self._grey.shape != grey.shape or self._step != step:
            self.forget()
        elif len(self._small):
            start = self._small if expected is None else self._in_blocks(expected)
            moved, found = _followed(self._grey, grey, self._small, start)
            self._small = moved
            self._keep(found)
        self._grey, self._step = grey, step

    def mark(self, stamp_ns: int) -> None:
        """Make the last image a keyframe, and take in new points where there are none."""
        fresh = _corners(self.grey, self._small)
        unknown = np.full_like(fresh, np.nan)
        self._small = np.concatenate([self._small, fresh])
        kept = tuple(
            replace(one, places=np.concatenate([one.places, unknown])) for one in self.keyframes
        )
        self.keyframes = (*kept, Keyframe(stamp_ns, self.places, self.grey))[-_KEYFRAMES:]

    def drop_before(self, stamp_ns: int) -> None:
        """Drop the keyframes before a time."""
        self.keyframes = tuple(one for one in self.keyframes if one.stamp_ns >= stamp_ns)

    def _keep(self, chosen: NDArray[np.bool_]) -> None:
        self._small = self._small[chosen]
        self.keyframes = tuple(replace(one, places=one.places[chosen]) for one in self.keyframes)

    def _in_blocks(self, pixels: Float32Array) -> Float32Array:
        small: Float32Array = (pixels + np.float32(0.5)) / np.float32(self._step) - np.float32(0.5)
        return small

    def _in_pixels(self, small: Float32Array) -> Float32Array:
        pixels: Float32Array = (small + np.float32(0.5)) * np.float32(self._step) - np.float32(0.5)
        return pixels


def _grey(rgb: UInt8Array, step: int) -> UInt8Array:
    """Return a grey image, by the means of blocks of so many pixels each way."""
    height, width = rgb.shape[0] // step * step, rgb.shape[1] // step * step
    grey = cv2.cvtColor(rgb[:height, :width], cv2.COLOR_RGB2GRAY)
    size = width // step, height // step
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _followed(
    before: UInt8Array, now: UInt8Array, places: Float32Array, start: Float32Array
) -> tuple[Float32Array, NDArray[np.bool_]]:
    """Return where points of one image are in the next, and which were found."""
    flow: dict[str, Any] = {'winSize': (_WINDOW_PX, _WINDOW_PX), 'maxLevel': _LEVELS}
    flow['flags'] = cv2.OPTFLOW_USE_INITIAL_FLOW
    moved: Any
    moved, there, _ = cv2.calcOpticalFlowPyrLK(before, now, places, start.copy(), **flow)
    expected = moved + (places - start)
    back, here, _ = cv2.calcOpticalFlowPyrLK(now, before, moved, expected, **flow)
    height, width = now.shape
    inside = (moved >= 0).all(axis=1) & (moved <= (width - 1, height - 1)).all(axis=1)
    returned = np.linalg.norm(back - places, axis=1) <= _RETURN_PX
    return moved, inside & returned & (there[:, 0] == 1) & (here[:, 0] == 1)


def _corners(grey: UInt8Array, known: Float32Array) -> Float32Array:
    """Return new corners of an image, (n, 2), away from the known ones."""
    wanted = _POINTS - len(known)
    if wanted <= 0:
        return np.empty((0, 2), np.float32)
    free = np.full(grey.shape, 255, np.uint8)
    for column, row in np.rint(known).astype(int).tolist():
        cv2.circle(free, (column, row), round(_APART_PX), (0,), -1)
    found: Any = cv2.goodFeaturesToTrack(grey, wanted, _QUALITY, _APART_PX, mask=free)
    if found is None:
        return np.empty((0, 2), np.float32)
    return np.asarray(found, np.float32).reshape(-1, 2)
