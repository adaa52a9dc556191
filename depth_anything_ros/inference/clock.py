"""How long the networks of this process have run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple


class ClockReading(NamedTuple):
    """The time of `perf_counter`, and how long networks have run up to then, in seconds."""

    now_s: float
    total_s: float


class NetworkClock:
    """
    Count the time in which a network runs, on whichever thread; what overlaps counts once.

    As the processor's time of a process, it only grows: the difference of two readings tells.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._since_s = self._total_s = 0.0

    def read(self) -> ClockReading:
        """Return both times of one moment: between two readings no network runs for longer."""
        with self._lock:
            now_s = perf_counter()
            since_s = now_s - self._since_s if self._running else 0.0
            return ClockReading(now_s, self._total_s + since_s)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the block."""
        with self._lock:
            if not self._running:
                self._since_s = perf_counter()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._total_s += perf_counter() - self._since_s


NETWORKS = NetworkClock()
"""Of all predictors of this process."""
