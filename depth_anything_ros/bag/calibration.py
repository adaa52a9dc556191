"""The camera_info of a bag, and which one goes with an image."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from depth_anything_ros.bag.pairing import nearest
from depth_anything_ros.bag.reader import BagMessage
from depth_anything_ros.errors import CameraError, DatasetError, MessageError
from depth_anything_ros.messages import camera_from_message, lens_effects
from depth_anything_ros.types import Camera

# The first bytes of a message: encapsulation and stamp, which is all that differs of most.
_STAMP_END = 12


@dataclass(frozen=True)
class Calibration:
    """
    What one camera_info says.

    `camera` is that of images as they are taken, None with a `problem`; `other` is what the
    other one of K and P describes, None where it cannot be used; `lens` is as `lens_effects`.
    """

    frame_id: str = ''
    camera: Camera | None = None
    other: Camera | None = None
    problem: str = ''
    lens: str = ''


class BagCalibration:
    """
    Which camera_info of a topic goes with an image: that of its stamp, else the nearest.

    One that cannot be used counts only where there is no other.

    :param topic: of the camera_info; '' is none.
    :param rectified: see `camera_from_message`.
    """

    def __init__(self, topic: str, rectified: bool) -> None:
        self.topic = topic
        self._rectified = rectified
        self._read: dict[bytes, Calibration] = {}
        self._usable: list[tuple[int, Calibration]] = []
        self._unusable: list[tuple[int, Calibration]] = []
        self._known: list[tuple[int, Calibration]] = []
        self._times_ns: list[int] = []

    def add(self, message: BagMessage, time_ns: int) -> None:
        """
        Take in a camera_info.

        :param time_ns: when it was taken.
        """
        try:
            key = message.cdr[_STAMP_END:]
            if key not in self._read:
                self._read[key] = self._calibration(message.deserialize())
            found = self._read[key]
        except (DatasetError, MessageError) as error:
            found = Calibration(problem=str(error))
        (self._usable if found.camera else self._unusable).append((time_ns, found))

    def close(self) -> None:
        """Put in order what was taken in, before `at`."""
        self._known = sorted(self._usable or self._unusable, key=itemgetter(0))
        self._times_ns = [time_ns for time_ns, _ in self._known]

    def at(self, time_ns: int) -> Calibration:
        """Return the calibration that is nearest in time."""
        if not self._known:
            return Calibration()
        return self._known[nearest(self._times_ns, time_ns)][1]

    def _calibration(self, info: Any) -> Calibration:
        frame_id = str(info.header.frame_id)
        try:
            camera = camera_from_message(info, self._rectified)
        except CameraError as error:
            return Calibration(frame_id, problem=str(error))
        try:
            other = camera_from_message(info, not self._rectified)
        except CameraError:
            other = None
        return Calibration(frame_id, camera, other, lens=lens_effects(info))
