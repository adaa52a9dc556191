"""The frames of a video file or a camera, read with OpenCV."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.lab.prediction.sources import Kind, Source
from depth_anything_ros.messages.limits import check_size
from depth_anything_ros.types import UInt8Array

# Of a video that does not say, or says what no camera does.
_USUAL_HZ = 30.0
_POSSIBLE_HZ = (0.1, 1000.0)
# The frame as it is decoded and as it is handed over.
_FRAME_BYTES = 6
_MP4_STARTS = (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip')
# What FFmpeg has to say of damaged files is told once, by us.
_QUIET = '-8'


@dataclass(frozen=True)
class VideoFrame:
    """One frame, `rgb` uint8 (H, W, 3), red first, and its time since the first one."""

    rgb: UInt8Array
    stamp_ns: int


class VideoInput:
    """
    Give the frames of a video or a camera, the right way up; close it after use.

    `rate_hz` is how many a second it says it has, `count` how many in all, None where it does not
    say. Only where `is_counted` that is more than a guess from its duration.

    :param source: of kind VIDEO or CAMERA.
    :raises DatasetError: if it cannot be opened, or says that its frames are larger than the
        package decodes.
    """

    def __init__(self, source: Source) -> None:
        os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', _QUIET)
        self._place = source.place
        self._live = source.kind is Kind.CAMERA
        number = int(source.place) if source.place.isdecimal() and self._live else None
        try:
            self._capture = open_capture(source.place if number is None else number)
        except (cv2.error, UnicodeError) as error:
            raise DatasetError(f"'{source.place}' cannot be opened: {error}") from error
        if not self._capture.isOpened():
            raise DatasetError(_why_not(source))
        # Phones store what they film upright lying, and how to turn it; not every OpenCV turns it.
        if not self._live:
            self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.rate_hz = self._rate_hz()
        self.count = None if self._live else self._count()
        self.is_counted = not self._live and _counts_frames(source.place)
        try:
            self._check()
        except DatasetError:
            self.close()
            raise

    def __enter__(self) -> VideoInput:
        """Return the input itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the file or the camera."""
        self._capture.release()

    def __iter__(self) -> Iterator[VideoFrame]:
        """
        Give the frames in order; their stamps rise.

        :raises DatasetError: if a frame cannot be decoded.
        """
        start_s, before_ns = 0.0, -1
        step_ns = round(1e9 / self.rate_hz)
        while True:
            try:
                found, bgr = self._capture.read()
            except cv2.error as error:
                raise DatasetError(f"'{self._place}' cannot be decoded: {error.err}") from error
            if not found:
                return
            told_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            now_s = time.monotonic()
            start_s = now_s if before_ns < 0 else start_s
            stamp_ns = round((now_s - start_s) * 1e9)
            if not self._live:
                stamp_ns = round(told_ms * 1e6) if math.isfinite(told_ms) else -1
            if stamp_ns <= before_ns:
                stamp_ns = before_ns + (step_ns if before_ns >= 0 else 1)
            before_ns = stamp_ns
            yield VideoFrame(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), stamp_ns)

    def _rate_hz(self) -> float:
        told = float(self._capture.get(cv2.CAP_PROP_FPS))
        return told if _POSSIBLE_HZ[0] <= told <= _POSSIBLE_HZ[1] else _USUAL_HZ

    def _count(self) -> int | None:
        told = float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        return int(told) if 1 <= told < 1e9 else None

    def _check(self) -> None:
        width, height = (
            int(self._capture.get(name))
            for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        try:
            check_size(width, height, _FRAME_BYTES)
        except MessageError as error:
            raise DatasetError(f"'{self._place}' cannot be decoded: {error}") from error


def open_capture(place: str | int) -> cv2.VideoCapture:
    """Return OpenCV's reader of a file or of a camera by its number."""
    return cv2.VideoCapture(place)


def _counts_frames(place: str) -> bool:
    """Return whether a file is of a kind that lists its frames: MP4 and its kin, and AVI."""
    try:
        with Path(place).open('rb') as file:
            start = file.read(12)
    except OSError:
        return False
    return start[4:8] in _MP4_STARTS or (start[:4] == b'RIFF' and start[8:] == b'AVI ')


def _why_not(source: Source) -> str:
    if source.kind is Kind.CAMERA:
        return (
            f"camera '{source.place}' cannot be opened: is it plugged in, may you read /dev/video"
            f'{source.place if source.place.isdecimal() else "*"}, does another program use it?'
        )
    return f"'{source.place}' is not a video that OpenCV can read"
