"""One thread that works on the latest item only."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from depth_anything_ros.nodes.turns import Turn

T = TypeVar('T')


class LatestItemWorker(Generic[T]):
    """
    Hand items to a function in one thread of its own; a newer item replaces a waiting one.

    What is demanded has a place of its own: it comes first, and nothing replaces it.

    :param process: called with each item, in the thread; it must not raise.
    :param name: name of the thread.
    :param refuse: called with each demanded item that is discarded, by whoever discards it.
    :param turn: taken before each item is, so that this is the newest then; ended after it, unless
        the function has ended it before.
    """

    def __init__(
        self,
        process: Callable[[T], None],
        name: str,
        refuse: Callable[[T], None] = lambda _: None,
        turn: Turn | None = None,
    ) -> None:
        self._process = process
        self._refuse = refuse
        self._turn = turn or Turn()
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._demanded: deque[T] = deque()
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

    def demand(self, item: T) -> None:
        """Take an item before the one that waits, whatever comes; refuse it after a stop."""
        with self._changed:
            stopping = self._stopping
            if not stopping:
                self._demanded.append(item)
                self._changed.notify_all()
        if stopping:
            self._refuse(item)

    def discard(self) -> bool:
        """Take back the waiting item, and refuse those demanded; return True if one waited."""
        with self._changed:
            waiting, demanded = bool(self._waiting), list(self._demanded)
            self._waiting.clear()
            self._demanded.clear()
            self._changed.notify_all()
        for item in demanded:
            self._refuse(item)
        return waiting

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is waiting or being worked on; return False at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._pending() or self._busy), timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """
        Discard what is waiting and end the thread; return False if it did not end in time.

        Nothing can be submitted with effect afterwards.
        """
        with self._changed:
            self._stopping = True
        self.discard()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _pending(self) -> bool:
        return bool(self._demanded or self._waiting)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending() or self._stopping)
                if self._stopping:
                    return
            self._turn.begin()
            try:
                self._process_next()
            finally:
                self._turn.end()

    def _process_next(self) -> None:
        with self._changed:
            if not self._pending():  # taken back before the turn came
                return
            item = self._demanded.popleft() if self._demanded else self._waiting.pop()
            self._busy = True
        try:
            self._process(item)
        finally:
            # Not kept alive until the next one comes.
            del item
            with self._changed:
                self._busy = False
                self._changed.notify_all()
