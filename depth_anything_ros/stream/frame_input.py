"""Image messages → frames for the pipeline, each with the camera of its moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from depth_anything_ros.messages import stamp_ns
from depth_anything_ros.stream.brightness_watch import BrightnessWatch
from depth_anything_ros.stream.camera_input import CameraInput, CameraView
from depth_anything_ros.types import Frame, UInt8Array


class FrameInput:
    """
    Decode image messages and find the camera that took them.

    :param camera: has the latest camera_info.
    :param decode: returns an Image or CompressedImage as uint8 (H, W, 3), red first.
    """

    def __init__(self, camera: CameraInput, decode: Callable[[Any], UInt8Array]) -> None:
        self._camera = camera
        self._decode = decode
        self._brightness = BrightnessWatch('image')

    @property
    def doubt(self) -> str:
        """Return what is odd about the brightness of the last images, or ''."""
        return self._brightness.doubt

    def forget(self) -> None:
        """Look at the next images as if they were the first ones."""
        self._brightness.forget()

    def decode(self, message: Any) -> UInt8Array:
        """
        Return the picture of a message, uint8 (H, W, 3), red first.

        :raises MessageError: if it cannot be decoded.
        """
        rgb = self._decode(message)
        self._brightness.look(message, rgb)
        return rgb

    def frame(self, message: Any, rgb: UInt8Array, rectified: bool) -> tuple[Frame, CameraView]:
        """
        Return the frame of a decoded message, and its camera or why there is none.

        :param rectified: take the projection matrix P rather than K and D.
        """
        header, (height, width) = message.header, rgb.shape[:2]
        view = self._camera.view(header, height, width, rectified)
        return Frame(rgb, stamp_ns(header), header.frame_id, view.camera), view
