"""Turns at the network that the cameras of one process share."""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter_ns


class Turn:
    """
    The turn of a camera that shares with nobody: it has it at once.

    `waited_ms` is how long others had theirs meanwhile, None where there are no others.
    """

    waited_ms: float | None = None

    def begin(self) -> None:
        """Wait for the turn and take it."""

    def end(self) -> None:
        """Leave the turn to the next; nothing, if it has been left before."""


class Turns:
    """
    Give turns to the members of a circle in the order in which they ask.

    Who has had a turn asks for the next behind all that wait, so that none of N members waits for
    more than N - 1 turns of others; one that does not ask holds up nobody.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # The first has the turn.
        self._line: deque[SharedTurn] = deque()

    def join(self) -> Turn:
        """Return the turns of another member, to be taken by one thread at a time."""
        return SharedTurn(self._changed, self._line)


class SharedTurn(Turn):
    """
    The turns of one member; made by :meth:`Turns.join`.

    :param changed: notified whenever the line gets shorter.
    :param line: who has the turn, and who waits for it.
    """

    def __init__(self, changed: threading.Condition, line: deque[SharedTurn]) -> None:
        self._changed = changed
        self._line = line

    def begin(self) -> None:
        """Wait for the turn and take it."""
        asked_ns = perf_counter_ns()
        with self._changed:
            self._line.append(self)
            self._changed.wait_for(lambda: self._line[0] is self)
        self.waited_ms = (perf_counter_ns() - asked_ns) * 1e-6

    def end(self) -> None:
        """Leave the turn to the next; nothing, if it has been left before."""
        with self._changed:
            if self._line and self._line[0] is self:
                self._line.popleft()
                self._changed.notify_all()
