"""Messages without a stamp: the time of their arrival in its place."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from depth_anything_ros.messages import stamp_fields, stamp_ns

# A clock or a sensor's stamp that does not advance for this long, while messages come, tells no
# time. A stamp may come some times again: somebody sends one image by hand.
STANDSTILL_S = 2.0
STANDSTILL_MESSAGES = 20


class ArrivalStamps:
    """
    Stamp what a sensor left unstamped (0) as it enters the node, so that all behind knows its age.

    Arrival is the node's own time, simulated with `use_sim_time`. Where that clock tells no time
    an unstamped message is refused, and so is one whose stamp stays what it was: without an age,
    a sensor that died would count for ever.

    :param now_ns: the node's clock.
    :param warn: writes to the log; told once of each topic.
    :param steady_s: monotonic time in seconds.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        warn: Callable[[str], object],
        steady_s: Callable[[], float] = monotonic,
    ) -> None:
        self._now_ns = now_ns
        self._warn = warn
        self._steady_s = steady_s
        self._told: set[str] = set()
        self._unstamped: set[str] = set()
        # Of the clock, and of the stamps on each topic: the last time, when it was first seen, and
        # how often.
        self._last: dict[str, tuple[int, float, int]] = {}

    @property
    def traps(self) -> tuple[str, ...]:
        """Return, for diagnostics, which topics come without stamps at present."""
        if not self._unstamped:
            return ()
        return (f'no stamps on {", ".join(sorted(self._unstamped))}: times of arrival count',)

    def stamping(
        self, topic: str, take: Callable[[Any], None], refuse: Callable[[str], None]
    ) -> Callable[[Any], None]:
        """
        Return a callback that hands on messages with a stamp, their own or that of arrival.

        :param take: gets the message; `header.stamp` has been set in it.
        :param refuse: gets the reason where there is no time to give it.
        """

        def receive(message: Any) -> None:
            own_ns = stamp_ns(message.header)
            if own_ns:
                self._unstamped.discard(topic)
                if self._stands_still(topic, own_ns, STANDSTILL_MESSAGES):
                    refuse(
                        f'the stamp on {topic} stands still at {own_ns * 1e-9:.3f} s while '
                        'messages come; without any (0) their times of arrival would count'
                    )
                else:
                    take(message)
                return
            self._unstamped.add(topic)
            if topic not in self._told:
                self._told.add(topic)
                self._warn(
                    f'{topic} has no stamps: each message gets the time of its arrival, and so do '
                    'outputs made of it; sensors that do stamp must use the clock of this machine'
                )
            arrival_ns = self._arrival_ns()
            if arrival_ns is None:
                refuse(
                    f'{topic} has no stamps, and the clock of the node stands still: is '
                    'use_sim_time set without /clock?'
                )
                return
            for name, value in stamp_fields(arrival_ns).items():
                setattr(message.header.stamp, name, value)
            take(message)

        return receive

    def _arrival_ns(self) -> int | None:
        """Return the time, or None where the clock has not started or stands still."""
        now_ns = self._now_ns()
        return now_ns if now_ns and not self._stands_still('clock', now_ns, 1) else None

    def _stands_still(self, name: str, time_ns: int, messages: int) -> bool:
        """Return whether so many messages saw the same time, over long in steady time."""
        steady_s = self._steady_s()
        last_ns, since_s, seen = self._last.get(name, (0, 0.0, 0))
        if time_ns != last_ns:
            since_s, seen = steady_s, 0
        self._last[name] = (time_ns, since_s, seen + 1)
        return steady_s - since_s > STANDSTILL_S and seen >= messages
