"""References that wait for the frame they belong to."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Generic, TypeVar

from depth_anything_ros.errors import AlignmentError

T = TypeVar('T')

# References wait here while the network works on the image they belong to: 34 seconds at 30 Hz,
# as a large network on a small processor takes ten. A frame that is done frees the older ones.
_CAPACITY = 1024


class StampedHistory(Generic[T]):
    """
    Keep references by stamp and give the one nearest in time; every method is thread-safe.

    Stamps that step back (a bag that starts again) forget the older ones; a reference of the
    same stamp as the last replaces it.

    :param what: what is kept, for error messages: 'reference depth'.
    :param max_offset_s: largest difference between the stamps of image and reference.
    :param capacity: how many are kept.
    """

    def __init__(self, what: str, max_offset_s: float, capacity: int = _CAPACITY) -> None:
        self._what = what
        self._max_offset_ns = round(max_offset_s * 1e9)
        self._kept: deque[tuple[int, T]] = deque()
        self._capacity = capacity
        self._expected_ns: int | None = None
        self._lock = Lock()
        self._refused = ''

    def __len__(self) -> int:
        """Return the number of references kept."""
        with self._lock:
            return len(self._kept)

    def add(self, stamp_ns: int, item: T) -> None:
        """Keep a reference for the frames near its stamp."""
        with self._lock:
            last_ns = self._kept[-1][0] if self._kept else None
            if last_ns is not None and stamp_ns < last_ns:
                self._kept.clear()
            if stamp_ns == last_ns:
                self._kept.pop()
            self._kept.append((stamp_ns, item))
            self._drop()

    def keep(self, capacity: int, expected_ns: int | None) -> None:
        """
        Keep so many from now on, among them the one nearest to a frame that is at work.

        :param capacity: how many, 1 or more; the newest.
        :param expected_ns: stamp of that frame, or None.
        """
        with self._lock:
            self._capacity, self._expected_ns = capacity, expected_ns
            self._drop()

    def _drop(self) -> None:
        while len(self._kept) > self._capacity:
            oldest_ns, next_ns = self._kept[0][0], self._kept[1][0]
            expected_ns = self._expected_ns
            wanted = expected_ns is not None and (
                abs(oldest_ns - expected_ns) <= abs(next_ns - expected_ns)
            )
            del self._kept[int(wanted)]

    def refuse(self, reason: str) -> None:
        """Take note of why one could not be kept, which frames without any are told."""
        with self._lock:
            self._refused = reason

    def nearest(self, stamp_ns: int) -> tuple[int, T]:
        """
        Return stamp and reference nearest in time, and forget those that no later frame needs.

        :raises AlignmentError: if there is none, or none within `max_offset_s`.
        """
        with self._lock:
            if not self._kept:
                raise AlignmentError(self._missing())
            nearest_ns, item = min(self._kept, key=lambda kept: abs(kept[0] - stamp_ns))
            # Frames come in order, so nothing before this one is asked for again.
            while self._kept[0][0] < min(nearest_ns, stamp_ns - self._max_offset_ns):
                self._kept.popleft()
        offset_ns = stamp_ns - nearest_ns
        if abs(offset_ns) > self._max_offset_ns:
            side = 'older' if offset_ns > 0 else 'newer'
            raise AlignmentError(
                f'the nearest {self._what} is {abs(offset_ns) * 1e-9:.3f} s {side} than the '
                f'image; at most {self._max_offset_ns * 1e-9:.3f} s is allowed'
            )
        return nearest_ns, item

    def _missing(self) -> str:
        if self._refused:
            return f'every {self._what} so far was rejected, the last one: {self._refused}'
        return f'no {self._what} received yet'
