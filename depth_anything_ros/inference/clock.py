"""How long the networks of this process have run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class NetworkClock:
    """
    Count the time in which a network runs, on whichever thread; what overlaps counts once.

    As the processor's time of a process, it only grows: the difference of two readings tells.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._since_s = self._total_s = 0.0

    @property
    def total_s(self) -> float:
        """Return the seconds up to now."""
        with self._lock:
            return self._total_s + (perf_counter() - self._since_s if self._running else 0.0)

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
