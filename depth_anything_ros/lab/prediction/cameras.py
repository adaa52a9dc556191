"""The camera that took a picture, as the command line names it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from depth_anything_ros.errors import CameraError, ConfigError
from depth_anything_ros.geometry.camera import require_calibrated, scale_camera
from depth_anything_ros.home import expand_user
from depth_anything_ros.messages.calibration_file import read_camera
from depth_anything_ros.types import Camera

# Sides may differ so much, as a share, where a calibration is of a picture scaled.
_SAME_SHAPE = 0.01
_NUMBERS = 4


class Lens(Protocol):
    """What knows the camera of a picture from its size."""

    def camera(self, height: int, width: int) -> Camera:
        """
        Return the camera of pictures of this size.

        :raises CameraError: if it takes none of this size.
        """


@dataclass(frozen=True)
class CalibratedLens:
    """A camera of a calibration file, for pictures of its size or of that scaled."""

    calibrated: Camera

    def camera(self, height: int, width: int) -> Camera:
        """Return the camera scaled to the picture; see :class:`Lens`."""
        of_width, of_height = width / self.calibrated.width, height / self.calibrated.height
        if abs(of_width / of_height - 1) > _SAME_SHAPE:
            raise CameraError(
                f'the camera is of {self.calibrated.width}x{self.calibrated.height} pixels, the '
                f'picture of {width}x{height}; the same shape is needed'
            )
        return require_calibrated(scale_camera(self.calibrated, width, height), height, width)


@dataclass(frozen=True)
class GivenLens:
    """Focal lengths and principal point in pixels of the picture itself, without distortion."""

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float

    def camera(self, height: int, width: int) -> Camera:
        """Return the camera of a picture that its principal point lies in; see :class:`Lens`."""
        if not (0 <= self.cx_px < width and 0 <= self.cy_px < height):
            raise CameraError(
                f'the principal point {self.cx_px:g}, {self.cy_px:g} lies outside of the picture '
                f'of {width}x{height}; the numbers of --camera are of another size'
            )
        numbers = (self.fx_px, self.fy_px, self.cx_px, self.cy_px)
        return require_calibrated(Camera(width, height, *numbers), height, width)


@dataclass(frozen=True)
class ViewAngle:
    """The horizontal angle that a picture spans in degrees; square pixels, lens in the middle."""

    horizontal_deg: float

    def camera(self, height: int, width: int) -> Camera:
        """Return the camera of a picture of any size; see :class:`Lens`."""
        focal_px = width / 2 / math.tan(math.radians(self.horizontal_deg) / 2)
        centre = ((width - 1) / 2, (height - 1) / 2)
        return require_calibrated(
            Camera(width, height, focal_px, focal_px, *centre), height, width
        )


def lens_of(text: str, rectified: bool) -> Lens:
    """
    Return the lens that `FILE` or `fx,fy,cx,cy` names.

    :param rectified: pictures are rectified: of a file, P is taken rather than K and D.
    :raises CameraError: if the file is no calibration.
    :raises ConfigError: if numbers are not finite, or focal lengths not above 0.
    """
    words = text.split(',')
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return CalibratedLens(read_camera(expand_user(text), rectified))
    if len(numbers) != _NUMBERS or not all(map(math.isfinite, numbers)) or min(numbers[:2]) <= 0:
        raise ConfigError(
            f"'{text}' is not a camera; write a calibration file, or fx,fy,cx,cy in pixels with "
            'focal lengths above 0'
        )
    return GivenLens(*numbers)
