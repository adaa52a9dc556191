"""One thread that works on the latest item only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')


class LatestItemWorker(Generic[T]):
    """
    Hand items to a function in one thread of its own; a newer item replaces a waiting one.

    :param process: called with each item, in the thread; it must not raise.
    :param name: name of the thread.
    """

    def __init__(self, process: Callable[[T], None], name: str) -> None:
        self._process = process
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._busy = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: T) -> bool:
        """Make an item the next one; return True if a waiting item was replaced by it."""
        with self._changed:
            replaced = bool(self._waiting)
            self._waiting[:] = [item]
            self._changed.notify_all()
        return replaced

    def offer(self, item: T) -> bool:
        """Make an item the next one unless another waits; return whether it is."""
        with self._changed:
            if self._waiting:
                return False
            self._waiting[:] = [item]
            self._changed.notify_all()
        return True

    def discard(self) -> bool:
        """Take back the waiting item; return True if there was one."""
        with self._changed:
            waiting = bool(self._waiting)
            self._waiting.clear()
        return waiting

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is waiting or being worked on; return False at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """
        Drop what is waiting and end the thread; return False if it did not end in time.

        Nothing can be submitted with effect afterwards.
        """
        with self._changed:
            self._stopping = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                item = self._waiting.pop()
                self._busy = True
            try:
                self._process(item)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
