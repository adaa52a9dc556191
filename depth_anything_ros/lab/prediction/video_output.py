"""Videos that players and browsers show: H.264 where something here writes it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_anything_ros.errors import OutputError
from depth_anything_ros.files import writing, writing_named
from depth_anything_ros.types import UInt8Array

VIDEO = '_depth.mp4'
_CODEC = 'libx264'
# Visually the same as what was drawn, and quick: one step of quality is about 12 % of the size.
_X264 = {'crf': '18', 'preset': 'veryfast'}
# Fine enough for the stamps of any camera, and what players expect.
_TICKS_HZ = 90_000

# Takes a frame, uint8 (H, W, 3), red first, and its time since the first one in nanoseconds.
Write = Callable[[UInt8Array, int], None]


@dataclass(frozen=True)
class Encoder:
    """
    One way to write a video.

    `words` says what it writes; `writing` opens a file of a frame's (height, width), both even,
    and a rate, that is there when the block ends without an error.
    """

    words: str
    is_there: Callable[[], bool]
    writing: Callable[[Path, tuple[int, int], float], AbstractContextManager[Write]]


def find_encoder() -> Encoder:
    """Return the best way to write a video that there is here."""
    return next(encoder for encoder in ENCODERS if encoder.is_there())


@contextmanager
def writing_video(
    encoder: Encoder, path: Path, size: tuple[int, int], rate_hz: float
) -> Iterator[Write]:
    """
    Open a video that is there when the block ends without an error; see `files.writing`.

    Frames of an odd side get their last row or column twice, as the codecs need even ones.

    :param size: (height, width) of the frames; ones of another size are resized to it.
    :param rate_hz: frames a second, where the encoder does not take their stamps.
    :raises OutputError: if it cannot be written.
    """
    height, width = size
    with encoder.writing(path, (height + height % 2, width + width % 2), rate_hz) as write:

        def write_even(rgb: UInt8Array, stamp_ns: int) -> None:
            if rgb.shape[:2] != size:
                rgb = np.asarray(cv2.resize(rgb, (width, height)), np.uint8)
            if height % 2 or width % 2:
                rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), 'edge')
            write(rgb, stamp_ns)

        yield write_even


def _has_pyav() -> bool:
    if find_spec('av') is None:
        return False
    import av

    return _CODEC in av.codecs_available


@contextmanager
def _writing_with_pyav(path: Path, size: tuple[int, int], rate_hz: float) -> Iterator[Write]:
    import av

    with writing(path) as file, av.open(file, 'w', format='mp4') as container:
        stream: Any = container.add_stream(_CODEC, rate=_fraction(rate_hz), options=dict(_X264))
        stream.height, stream.width = size
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.time_base = Fraction(1, _TICKS_HZ)

        def write(rgb: UInt8Array, stamp_ns: int) -> None:
            frame = av.VideoFrame.from_ndarray(rgb, format='rgb24')
            frame.pts = stamp_ns * _TICKS_HZ // 1_000_000_000
            frame.time_base = Fraction(1, _TICKS_HZ)
            container.mux(stream.encode(frame))

        yield write
        container.mux(stream.encode(None))


def _has_ffmpeg() -> bool:
    program = shutil.which('ffmpeg')
    if program is None:
        return False
    try:
        listed = subprocess.run(
            [program, '-hide_banner', '-encoders'], capture_output=True, text=True, timeout=20,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return _CODEC in listed.stdout


@contextmanager
def _writing_with_ffmpeg(path: Path, size: tuple[int, int], rate_hz: float) -> Iterator[Write]:
    height, width = size
    with writing_named(path) as temporary:
        command = [
            'ffmpeg', '-loglevel', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'rgb24',
            '-s', f'{width}x{height}', '-r', str(_fraction(rate_hz)), '-i', 'pipe:0',
            '-c:v', _CODEC, '-crf', _X264['crf'], '-preset', _X264['preset'],
            '-pix_fmt', 'yuv420p', '-movflags', '+faststart', str(temporary),
        ]  # fmt: skip
        # In a session of its own: Ctrl-C is for us, who then end it with all that it was given.
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as program:
            try:
                yield lambda rgb, _: _feed(program, rgb)
                _, told = program.communicate()
            except BaseException:
                program.kill()
                raise
        if program.returncode:
            raise OutputError(f"cannot write '{path}': ffmpeg says: {_last_line(told)}")


def _feed(program: subprocess.Popen[bytes], rgb: UInt8Array) -> None:
    assert program.stdin is not None
    try:
        program.stdin.write(np.ascontiguousarray(rgb).data)
    except BrokenPipeError as error:
        told = program.stderr.read() if program.stderr else b''
        raise OutputError(f'ffmpeg has ended: {_last_line(told)}') from error


def _last_line(told: bytes) -> str:
    lines = told.decode('utf-8', 'replace').split('\n')
    return next((line for line in reversed(lines) if line.strip()), 'nothing')


@contextmanager
def _writing_with_opencv(path: Path, size: tuple[int, int], rate_hz: float) -> Iterator[Write]:
    height, width = size
    with writing_named(path) as temporary:
        fourcc = cv2.VideoWriter.fourcc(*'mp4v')
        video = cv2.VideoWriter(str(temporary), fourcc, rate_hz, (width, height))
        count = 0

        def write(rgb: UInt8Array, _: int) -> None:
            nonlocal count
            video.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
            count += 1

        try:
            yield write
        finally:
            video.release()
        _check_written(path, temporary, count)


def _check_written(path: Path, temporary: Path, count: int) -> None:
    """Count the frames of a video: OpenCV does not tell when the disk is full."""
    written = cv2.VideoCapture(str(temporary))
    found = int(written.get(cv2.CAP_PROP_FRAME_COUNT)) if written.isOpened() else 0
    written.release()
    if found != count:
        raise OutputError(
            f"cannot write '{path}': OpenCV wrote {found} of {count} frames; make room there or "
            'choose another place'
        )


def _fraction(rate_hz: float) -> Fraction:
    return Fraction(rate_hz).limit_denominator(1001)


ENCODERS = (
    Encoder('H.264, written by PyAV', _has_pyav, _writing_with_pyav),
    Encoder('H.264, written by ffmpeg', _has_ffmpeg, _writing_with_ffmpeg),
    Encoder(
        'MPEG-4 Part 2, written by OpenCV, which browsers do not play (for H.264: '
        "`pip install 'depth_anything_ros[video]'`, or the program ffmpeg)",
        lambda: True,
        _writing_with_opencv,
    ),
)
