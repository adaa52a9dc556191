"""The camera that a network sees in its images, for those that nobody has calibrated."""

from __future__ import annotations

import math

import numpy as np

from depth_anything_ros.errors import CameraError
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.types import Camera, UInt8Array

# A lens does not change; so many images tell about as well as any number of them.
_IMAGES = 5
_NARROWEST_RAD, _WIDEST_RAD = math.radians(5.0), math.radians(150.0)


class PredictedLens:
    """
    Give the camera of images by the field of view that the network finds in the first of them.

    It is the median of the first five images of a size in which it finds one that a lens can
    have, and stays what it is from then on, so that clouds do not breathe. The principal point is
    the middle of the image.

    :param predictor: the network.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._found: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def camera(self, rgb: UInt8Array) -> Camera:
        """
        Return the camera of an image, uint8 (H, W, 3).

        :raises BackendError: if the network does not find the field of view, or cannot run.
        :raises CameraError: if no lens has the view that it finds.
        """
        height, width = rgb.shape[:2]
        found = self._found.setdefault((height, width), [])
        if len(found) < _IMAGES:
            found.append(_checked(self._predictor.field_of_view(rgb)))
        down_rad, across_rad = np.median(found, axis=0).tolist()
        return Camera(
            width,
            height,
            fx_px=width / 2 / math.tan(across_rad / 2),
            fy_px=height / 2 / math.tan(down_rad / 2),
            cx_px=(width - 1) / 2,
            cy_px=(height - 1) / 2,
        )


def _checked(angles_rad: tuple[float, float]) -> tuple[float, float]:
    """
    Return the field of view down and across an image.

    :raises CameraError: if no lens has it.
    """
    down_rad, across_rad = angles_rad
    if all(_NARROWEST_RAD <= angle_rad <= _WIDEST_RAD for angle_rad in angles_rad):
        return angles_rad
    raise CameraError(
        f'the network finds a field of view of {math.degrees(across_rad):.1f} by '
        f'{math.degrees(down_rad):.1f} degrees; allowed: '
        f'{math.degrees(_NARROWEST_RAD):g} to {math.degrees(_WIDEST_RAD):g}'
    )
