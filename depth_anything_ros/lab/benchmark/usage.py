"""CPU time and memory of a process and all that it started, while it runs. Linux only."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from types import TracebackType

_PROCESSES = Path('/proc')
_PERIOD_S = 0.25


@dataclass(frozen=True)
class Usage:
    """What a process and its descendants have used by a moment; `cpu_s` of all of its life."""

    time_ns: int
    cpu_s: float
    resident_bytes: int


@dataclass(frozen=True)
class SteadyUse:
    """CPU in cores, resident memory at the end and at most, over a span of time."""

    cores: float
    resident_bytes: int
    largest_bytes: int


class UsageWatch:
    """
    Read the usage of a process several times a second, in a thread of its own.

    :param pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._readings: list[Usage] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> UsageWatch:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self._done.set()
        self._thread.join()

    def between(self, begin_ns: int, end_ns: int) -> SteadyUse | None:
        """Return the use between two moments, None where it was read less than twice."""
        found = [each for each in self._readings if begin_ns <= each.time_ns <= end_ns]
        if len(found) < 2:
            return None
        first, last = found[0], found[-1]
        seconds = (last.time_ns - first.time_ns) * 1e-9
        return SteadyUse(
            cores=(last.cpu_s - first.cpu_s) / seconds,
            resident_bytes=last.resident_bytes,
            largest_bytes=max(each.resident_bytes for each in found),
        )

    def _read(self) -> None:
        while not self._done.wait(_PERIOD_S):
            with suppress(OSError, ValueError):
                self._readings.append(usage_of(self._pid))


def usage_of(pid: int) -> Usage:
    """
    Return what a process and its descendants have used so far.

    :raises OSError: if there is no such process.
    """
    ticks, pages = _own_usage(pid)
    for child in _descendants(pid):
        # It may end meanwhile.
        with suppress(OSError, ValueError):
            more_ticks, more_pages = _own_usage(child)
            ticks, pages = ticks + more_ticks, pages + more_pages
    return Usage(time_ns(), ticks / os.sysconf('SC_CLK_TCK'), pages * os.sysconf('SC_PAGE_SIZE'))


def _own_usage(pid: int) -> tuple[int, int]:
    """Return clock ticks, of user and system, and resident pages of one process."""
    # Behind the name, which may hold anything.
    fields = (_PROCESSES / str(pid) / 'stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12]), int(fields[21])


def _descendants(pid: int) -> Iterator[int]:
    folder = _PROCESSES / str(pid) / 'task'
    for tasks in folder.glob('*/children'):
        with suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                yield child
                yield from _descendants(child)
