"""The latest camera_info and the camera it describes."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.messages import (
    camera_from_message,
    completed_projection,
    frame_doubt,
    lens_effects,
    raw_doubt,
    rectification_doubt,
)
from depth_anything_ros.messages.calibration import is_uncalibrated, lacks_projection
from depth_anything_ros.types import Camera

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CameraView:
    """
    The camera of one image and its camera_info under the image's header, P and R filled in.

    Both are None, and `reason` says why, where no camera_info fits the image; `doubt` is what
    is odd about the one that does. `missing` tells that there is none at all, or that it says that
    the camera is not calibrated.
    """

    camera: Camera | None
    info: Any
    reason: str = ''
    doubt: str = ''
    missing: bool = False


class CameraInput:
    """
    Keep the last camera_info and say which camera it gives for an image; thread-safe.

    :param topic: of the camera_info.
    :param image_topic: of the images, '' where it does not matter whether they are rectified.
    """

    def __init__(self, topic: str, image_topic: str = '') -> None:
        self.topic = topic
        self._image_topic = image_topic
        self._message: Any = None
        self._told = False

    def update(self, message: Any) -> None:
        """Take a new camera_info; once, say in the log that its P cannot be used."""
        self._message = message
        if not self._told and lacks_projection(message):
            self._told = True
            _LOG.warning('P of %s is not finite: K is taken in its place', self.topic)

    @property
    def frame_id(self) -> str:
        """Return the frame of the last camera_info, or '' before the first."""
        message = self._message
        return str(message.header.frame_id) if message is not None else ''

    def camera(self, rectified: bool) -> Camera | None:
        """
        Return the camera of the last camera_info, or None before the first.

        :param rectified: take the projection matrix P rather than K and D.
        :raises CameraError: if it is not calibrated.
        """
        message = self._message
        return None if message is None else camera_from_message(message, rectified)

    def view(self, header: Any, height: int, width: int, rectified: bool) -> CameraView:
        """
        Return the camera of an image, from the camera_info that is the last at this moment.

        :param header: the image's.
        :param rectified: take the projection matrix P rather than K and D.
        """
        message = self._message
        if message is None:
            reason = f'no camera_info yet on {self.topic}'
            return CameraView(None, None, reason, missing=True)
        try:
            camera = require_calibrated(camera_from_message(message, rectified), height, width)
        except CameraError as error:
            return CameraView(None, None, str(error), missing=is_uncalibrated(message))
        info = copy.copy(message)
        info.header = header
        for name, value in completed_projection(message).items():
            setattr(info, name, np.array(value))
        return CameraView(camera, info, doubt=self._doubt(message, header, rectified))

    def _doubt(self, message: Any, header: Any, rectified: bool) -> str:
        doubts = [frame_doubt(self.topic, message.header.frame_id, header.frame_id)]
        if self._image_topic:
            lens, topic = lens_effects(message), self._image_topic
            doubts.append(
                rectification_doubt(topic, lens, 'set image_is_rectified to false if they are not')
                if rectified
                else raw_doubt(topic, lens, 'set image_is_rectified to true if they are')
            )
        return '; '.join(filter(None, doubts))
