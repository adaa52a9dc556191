"""What this process is at that takes minutes, for those who wait for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class LongWork:
    """Tell of work that takes long, whichever thread does it; the log hears of it as it begins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: list[str] = []

    @property
    def text(self) -> str:
        """Return what is being done, '' for nothing that takes long."""
        with self._lock:
            return '; '.join(dict.fromkeys(self._texts))

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """
        Tell of it while the block runs.

        :param text: such as 'building the TensorRT engine, which takes minutes'.
        """
        logger.info('%s', text)
        with self._lock:
            self._texts.append(text)
        try:
            yield
        finally:
            with self._lock:
                self._texts.remove(text)


LONG_WORK = LongWork()
"""Of all networks of this process."""
