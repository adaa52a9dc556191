"""The latest camera_info and the camera it describes."""

from __future__ import annotations

import copy
from typing import Any

from sensor_msgs.msg import CameraInfo

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.messages import camera_from_message
from depth_anything_ros.types import Camera


class CameraInput:
    """Keep the last camera_info and say which camera it gives for an image."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._message: CameraInfo | None = None

    def update(self, message: CameraInfo) -> None:
        """Take a new camera_info."""
        self._message = message

    def camera_for(self, height: int, width: int, rectified: bool) -> tuple[Camera | None, str]:
        """
        Return the camera of an image of that size, or None and the reason why there is none.

        :param rectified: take the projection matrix P rather than K and D.
        """
        message = self._message
        if message is None:
            return None, f'no camera_info yet on {self._topic}'
        try:
            camera = camera_from_message(message, rectified)
            return require_calibrated(camera, height, width), ''
        except CameraError as error:
            return None, str(error)

    def message_for(self, header: Any) -> CameraInfo | None:
        """Return the last camera_info under another header, or None before the first."""
        if self._message is None:
            return None
        message = copy.copy(self._message)
        message.header = header
        return message
