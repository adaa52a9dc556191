"""What is wrong with the stamps of a stream of images."""

from __future__ import annotations

from collections import OrderedDict

_REMEMBERED = 4096
# Messages that are swapped on their way are neighbours; a longer step back has another cause.
_SWAPPED_NS = 1_000_000_000


class StampWatch:
    """
    Follow the stamps of images in the order in which they came, in bounded memory.

    :param what: how warnings call the images.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._swapped = 0
        self._swapped_ns = 0
        self._ahead = 0
        self._ahead_ns = 0
        self.restarts = 0
        self.unstamped = 0

    def add(self, stamp_ns: int) -> None:
        """Take in the next stamp; 0 is none."""
        if stamp_ns == 0:
            self.unstamped += 1
            return
        if self._first_ns is None:
            self._first_ns = stamp_ns
        if self._last_ns is not None and stamp_ns < self._last_ns:
            self._step_back(stamp_ns, self._last_ns - stamp_ns)
        self._last_ns = stamp_ns
        self._seen[stamp_ns] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _step_back(self, stamp_ns: int, back_ns: int) -> None:
        near = back_ns <= _SWAPPED_NS
        seen = stamp_ns in self._seen
        if stamp_ns == self._first_ns or (seen and not near):
            self.restarts += 1
        elif near and not seen:
            self._swapped += 1
            self._swapped_ns = max(self._swapped_ns, back_ns)
        elif not near:
            self._ahead += 1
            self._ahead_ns = max(self._ahead_ns, back_ns)

    def missing(self) -> list[str]:
        """Return a sentence where stamps are missing, with how many."""
        if not self.unstamped:
            return []
        return [
            f'{self.unstamped} {self._what} carry no stamp (0), so nothing tells what belongs to '
            'them: let the driver set header.stamp, or play the bag with restamp:=true'
        ]

    def order(self) -> list[str]:
        """Return a sentence for each fault of their order, with how often it was seen."""
        found = []
        if self._ahead:
            found.append(
                f'{self._ahead} {self._what} are stamped ahead of the one that came next, by up '
                f'to {self._ahead_ns * 1e-9:.4g} s: from the future, or a clock was set back'
            )
        if self._swapped:
            found.append(
                f'{self._swapped} {self._what} came after one with a later stamp, of up to '
                f'{self._swapped_ns * 1e-6:.3g} ms: swapped on their way; paired all the same'
            )
        if self.restarts:
            found.append(
                f'the stamps of the {self._what} start over {self.restarts} times, as of a bag '
                'in a loop; every pass counts'
            )
        return found
