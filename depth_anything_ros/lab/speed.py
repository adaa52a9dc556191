"""How fast images go through a network, and how much of the time it ran."""

from __future__ import annotations

from depth_anything_ros.inference.clock import NETWORKS, ClockReading

_FEWEST = 20


class Speed:
    """
    Take the times of images that are done.

    The first one, which waits until its network is made, starts the clock. Of few nothing is
    known: some are predicted before the first one is done.
    """

    def __init__(self) -> None:
        self.images = 0
        self._first = self._last = ClockReading(0.0, 0.0)

    def step(self) -> None:
        """Take the time of one more image."""
        self._last = NETWORKS.read()
        if not self.images:
            self._first = self._last
        self.images += 1

    @property
    def rate_hz(self) -> float | None:
        """Return images a second, None where that is not known."""
        took_s = self._took_s
        return (self.images - 1) / took_s if took_s else None

    @property
    def network_share(self) -> float | None:
        """Return the share of the time in which a network of this process ran."""
        took_s = self._took_s
        return (self._last.total_s - self._first.total_s) / took_s if took_s else None

    @property
    def _took_s(self) -> float:
        """Return the seconds since the first image, 0 where they tell nothing."""
        return self._last.now_s - self._first.now_s if self.images >= _FEWEST else 0.0


def speed_text(rate_hz: float | None, network_share: float | None) -> str:
    """Return the figures of a :class:`Speed` in words, '' where they are not known."""
    if rate_hz is None or network_share is None:
        return ''
    return f'{rate_hz:.3g} images a second; a network ran {network_share:.0%} of the time'
