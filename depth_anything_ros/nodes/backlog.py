"""Messages that wait for one thread, bounded by their bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

# The encapsulation and the stamp of a serialised message.
_HEAD_BYTES = 12
_PATIENCE_S = 1.0


@dataclass(frozen=True)
class Message:
    """
    A serialised message; where its content was let go, `lost` says why.

    :param arrival_ns: when it came.
    :param cdr: all of it, or its head with the stamp where it is lost.
    """

    arrival_ns: int
    cdr: bytes
    lost: str = ''
    hashed: int | None = None

    @property
    def content(self) -> int:
        """Return a number that is equal for messages of equal content."""
        return hash(self.cdr) if self.hashed is None else self.hashed

    def without_content(self, reason: str) -> Message:
        """Return what is still to be counted of a message that cannot be used."""
        return Message(self.arrival_ns, self.cdr[:_HEAD_BYTES], reason, self.content)


Take = Callable[[Message], None]


@dataclass(frozen=True, eq=False)
class _Waiting:
    """Work that gets '' when its time comes, or the reason why it is given up."""

    work: Callable[[str], None]
    bytes: int


class Backlog:
    """
    Do work in one thread, in the order in which it came.

    A message that does not fit is not forgotten: it waits without its content, to be counted.

    :param limit_bytes: what may wait; a single larger message fits where nothing else waits.
    :param failed: told of what work raised; the next work is done all the same.
    :param idle: called after each piece of work that was not given up.
    """

    def __init__(
        self, limit_bytes: int, failed: Callable[[Exception], None], idle: Callable[[], None]
    ) -> None:
        self._limit_bytes = limit_bytes
        self._failed = failed
        self._idle = idle
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._renewed: list[_Waiting] = []
        self._bytes = 0
        self._end_s: float | None = None
        self._reason = ''
        self.given_up = 0
        self._thread = threading.Thread(target=self._run, name='scoring', daemon=True)
        self._thread.start()

    def add(self, take: Take, message: Message, reason: str) -> bool:
        """
        Let a message wait for `take`.

        :param reason: why it is lost where there is no room for it.
        :return: whether there was.
        """
        size = len(message.cdr)
        with self._changed:
            fits = not self._bytes or self._bytes + size <= self._limit_bytes
        kept = message if fits else message.without_content(reason)
        self._put(lambda why: take(kept.without_content(why) if why else kept), len(kept.cdr))
        return fits

    def do(self, work: Callable[[str], None]) -> None:
        """Let other work wait its turn; it gets '', or the reason why it was given up."""
        self._put(work, 0)

    def renew(self, work: Callable[[str], None]) -> None:
        """
        Let work wait its turn that makes what was given here before needless.

        The newest waits, and the oldest, since else a flood would put off the turn for ever.
        """
        with self._changed:
            if len(self._renewed) > 1:
                self._waiting.remove(self._renewed.pop())
            self._put(work, 0)
            self._renewed.append(self._waiting[-1])

    def stop(self, limit_s: float, reason: str) -> bool:
        """
        Do what waits for so long, give up the rest for the reason, and end the thread.

        :return: False where the thread is stuck in a piece of work.
        """
        with self._changed:
            self._end_s, self._reason = monotonic() + limit_s, reason
            self._changed.notify_all()
        self._thread.join(limit_s + _PATIENCE_S)
        return not self._thread.is_alive()

    def _put(self, work: Callable[[str], None], size: int) -> None:
        with self._changed:
            self._waiting.append(_Waiting(work, size))
            self._bytes += size
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._end_s is not None)
                if not self._waiting:
                    return
                waiting = self._waiting.popleft()
                self._bytes -= waiting.bytes
                if waiting in self._renewed:
                    self._renewed.remove(waiting)
            late = self._end_s is not None and monotonic() > self._end_s
            try:
                waiting.work(self._reason if late else '')
                if late:
                    self.given_up += 1
                else:
                    self._idle()
            except Exception as error:  # noqa: BLE001 - the next message must be taken
                self._failed(error)
