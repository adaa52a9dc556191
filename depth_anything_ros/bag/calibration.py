"""The camera_info of a bag, and which one goes with an image."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

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
        for known in (self._usable, self._unusable):
            known.sort(key=_time)

    def at(self, time_ns: int) -> Calibration:
        """Return the calibration that is nearest in time."""
        known = self._usable or self._unusable
        if not known:
            return Calibration()
        after = bisect_left(known, time_ns, key=_time)
        near = known[max(0, after - 1) : after + 1]
        return min(near, key=lambda item: abs(item[0] - time_ns))[1]

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


def _time(item: tuple[int, Calibration]) -> int:
    return item[0]
