"""At most so many a second."""

from __future__ import annotations

# Stamps that come so early are in time, as cameras jitter; of short periods a quarter.
_EARLY_NS = 10_000_000


class RateLimit:
    """
    Let what is stamped through at most so many times a second, evenly.

    Of 30 a second at most 20 are two of three; a limit that is the rate itself lets all through.
    """

    def __init__(self) -> None:
        self._due_ns: int | None = None

    def allows(self, stamp_ns: int, max_hz: float) -> bool:
        """
        Return whether something of that stamp may go out, which then counts as out.

        :param max_hz: how many a second; 0 is no limit.
        """
        if max_hz <= 0:
            self._due_ns = None
            return True
        period_ns = round(1e9 / max_hz)
        late_ns = 0 if self._due_ns is None else stamp_ns - self._due_ns
        # Far from what was due is a pause, or a bag that begins again.
        if self._due_ns is None or not -period_ns <= late_ns < period_ns:
            self._due_ns = stamp_ns + period_ns
            return True
        if late_ns < -min(_EARLY_NS, period_ns // 4):
            return False
        self._due_ns += period_ns
        return True
