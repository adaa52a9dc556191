"""Where a view goes: a window, browsers or a file."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import rerun as rr

from depth_anything_ros.bag.view_topics import Role
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.files import writing
from depth_anything_ros.lab.viewing.layout import layout

_APPLICATION = 'depth_anything_ros'
# Rerun's own: of the page, and of the data that it asks for.
WEB_PORT, WS_PORT = 9090, 9877
_PASSED_BYTES = 1 << 16


@dataclass(frozen=True)
class Target:
    """
    A recording, and `drain`, which hands over what was logged so far.

    Called after each message, it lets a slow viewer slow the program down, instead of filling its
    memory.
    """

    recording: rr.RecordingStream
    drain: Callable[[], None]

    def arrange(self, roles: Collection[Role]) -> None:
        """Say what stands where, for topics of these roles."""
        rr.send_blueprint(layout(roles), recording=self.recording)


@contextmanager
def in_window(memory: str) -> Iterator[Target]:
    """
    Show a view in a window, which stays when the block ends.

    :param memory: of the viewer, as `2GB` or `25%`; the oldest is forgotten first.
    :raises ConfigError: if there is no display.
    """
    if not _has_display():
        raise ConfigError(
            'there is no display for a window (neither DISPLAY nor WAYLAND_DISPLAY is set): use '
            '--web and a browser, or --save FILE.rrd'
        )
    with _recording() as recording:
        _open_window(memory, recording)
        yield Target(recording, recording.flush)


@contextmanager
def in_browsers(memory: str) -> Iterator[Target]:
    """
    Serve a view to browsers while the block lasts, and open one where there is a display.

    :param memory: of what is kept for those that come later, as `2GB` or `25%`.
    """
    with _recording() as recording:
        rr.serve_web(
            open_browser=_has_display(),
            web_port=WEB_PORT,
            ws_port=WS_PORT,
            server_memory_limit=memory,
            recording=recording,
        )
        yield Target(recording, recording.flush)


@contextmanager
def in_file(path: Path) -> Iterator[Target]:
    """
    Write a view to a file, which is there when the block ends.

    :raises OutputError: if it cannot be written.
    """
    # Rerun only logs what it cannot write.
    with writing(path) as file, _Pipe(file) as pipe, _recording() as recording:
        rr.save(pipe.name, recording=recording)
        yield Target(recording, partial(pipe.drain, recording))


class _Pipe:
    """Pass on to a file what is written to `name` in a block; then both are done."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failure: OSError | None = None
        self._source, self._sink = os.pipe()
        self.name = f'/dev/fd/{self._sink}'
        self._thread = threading.Thread(target=self._pass_on, daemon=True)

    def __enter__(self) -> _Pipe:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        os.close(self._sink)
        self._thread.join()
        if kind is None:
            self._check()

    def drain(self, recording: rr.RecordingStream) -> None:
        """
        Let a recording write what was logged so far.

        :raises OSError: if the file could not be written.
        """
        recording.flush()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _pass_on(self) -> None:
        with os.fdopen(self._source, 'rb', buffering=0) as source:
            while data := source.read(_PASSED_BYTES):
                # What cannot be written is read all the same: the other end waits for that.
                if self._failure is None:
                    try:
                        self._file.write(data)
                        self._file.flush()
                    except OSError as error:
                        self._failure = error


@contextmanager
def _recording() -> Iterator[rr.RecordingStream]:
    """Give a recording that is finished when the block ends, however it does."""
    recording = rr.new_recording(_APPLICATION)
    try:
        yield recording
    finally:
        rr.disconnect(recording)


def _open_window(memory: str, recording: rr.RecordingStream) -> None:
    # The viewer of the library's own version, wherever PATH leads.
    own = Path(rr.__file__).parents[1] / 'rerun_cli'
    os.environ['PATH'] = os.pathsep.join([str(own), os.environ.get('PATH', '')])
    try:
        rr.spawn(memory_limit=memory, recording=recording)
    except RuntimeError as error:
        raise ConfigError(f'the window cannot be opened: {error}; use --web or --save') from error


def _has_display() -> bool:
    return sys.platform != 'linux' or bool({'DISPLAY', 'WAYLAND_DISPLAY'} & os.environ.keys())
