"""The pinhole camera of simulated views."""

from __future__ import annotations

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.types import Camera

_LEAST_PX = 16


def check_size(width: int, height: int) -> None:
    """
    Check that images are large enough to be rendered.

    :raises DatasetError: if a side is smaller than 16 pixels.
    """
    if min(width, height) < _LEAST_PX:
        raise DatasetError(
            f'image size {width}x{height} is too small; {_LEAST_PX}x{_LEAST_PX} is the least'
        )


def pinhole(width: int, height: int, focal_px: float) -> Camera:
    """Return a camera with its axis through the middle of the image and no distortion."""
    return Camera(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)
