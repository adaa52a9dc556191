"""Cuts of the scene, after which an old scale means nothing."""

from __future__ import annotations

import cv2
import numpy as np

from depth_anything_ros.types import Float32Array, UInt8Array

_WIDTH_PX, _HEIGHT_PX = 32, 24
# Images as flat as this, in grey levels, look like nothing.
_LEAST_CONTRAST = 1.0


class SceneCutDetector:
    """
    When an image shows another scene than the one before.

    Thumbnails in grey are compared by their correlation, which light and exposure do not change.

    :param least_correlation: below it, the scene is another one; -1 never.
    """

    def __init__(self, least_correlation: float) -> None:
        self._least_correlation = least_correlation
        self._before: Float32Array | None = None

    def update(self, rgb: UInt8Array) -> bool:
        """
        Return whether the scene was cut before this image; the first one is no cut.

        :param rgb: uint8 (H, W, 3).
        """
        # Halved first, which OpenCV is quick at.
        half = max(1, rgb.shape[1] // 2), max(1, rgb.shape[0] // 2)
        halved = cv2.resize(rgb, half, interpolation=cv2.INTER_AREA)
        small = cv2.resize(halved, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_AREA)
        grey: Float32Array = small.astype(np.float32).mean(axis=2)
        before, self._before = self._before, grey
        return before is not None and correlation(before, grey) < self._least_correlation


def correlation(first: Float32Array, second: Float32Array) -> float:
    """Return Pearson's correlation; 1 where an image is too flat to show anything."""
    if min(first.std(), second.std()) < _LEAST_CONTRAST:
        return 1.0
    return float(np.corrcoef(first.reshape(-1), second.reshape(-1))[0, 1])
