"""
Metric depth and point clouds from one camera, in ROS 2 and without it.

The names below are those of :mod:`depth_anything_ros.api`, loaded when one is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_anything_ros.api import (
        AlignmentError,
        Camera,
        DepthAnythingError,
        DepthModel,
        DepthOrigin,
        FusedDepth,
        camera_height,
        colorize,
        fixed_scale,
        load,
        reference_depth,
    )

__all__ = [
    'AlignmentError',
    'Camera',
    'DepthAnythingError',
    'DepthModel',
    'DepthOrigin',
    'FusedDepth',
    'camera_height',
    'colorize',
    'fixed_scale',
    'load',
    'reference_depth',
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f'{__name__}.api'), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
