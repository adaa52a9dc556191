"""What is told of the camera of a frame, where results go by another than camera_info."""

from __future__ import annotations

import math

from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale.focal_length import FocalLengthScale
from depth_anything_ros.stream.camera_input import CameraView
from depth_anything_ros.types import Camera


def camera_doubt(result: DepthResult, view: CameraView) -> str:
    """Return what is odd about the camera of a frame, or ''."""
    camera = result.predicted_camera
    if camera is None:
        return view.doubt
    across, down = view_deg(camera)
    by_itself = result.alignment is not None and result.alignment.source == FocalLengthScale.name
    what = 'metres, clouds and scans' if by_itself else 'clouds and scans'
    return (
        f'{what} go by a field of view that the network finds, {across:.1f} by '
        f'{down:.1f} degrees: {view.reason}'
    )


def no_camera_reason(result: DepthResult, view: CameraView) -> str:
    """Return why a frame has no camera to make clouds and scans with, or ''."""
    if result.predicted_camera is not None:
        return ''
    return '; '.join(filter(None, (view.reason, result.no_lens_reason)))


def view_deg(camera: Camera) -> tuple[float, float]:
    """Return the field of view across and down the image of a camera in degrees."""
    return (
        math.degrees(2 * math.atan(camera.width / 2 / camera.fx_px)),
        math.degrees(2 * math.atan(camera.height / 2 / camera.fy_px)),
    )
