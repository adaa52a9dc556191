"""Pairing of two streams one to one by their stamps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

L = TypeVar('L')
R = TypeVar('R')


@dataclass(frozen=True)
class Pair(Generic[L, R]):
    """Two things whose stamps belong together."""

    left_ns: int
    left: L
    right_ns: int
    right: R

    @property
    def offset_ns(self) -> int:
        """Return the stamp of the right one minus that of the left one."""
        return self.right_ns - self.left_ns


def nearest(stamps_ns: Sequence[int], stamp_ns: int) -> int:
    """Return the place of the nearest one of some stamps, at least one, in order."""
    after = bisect_left(stamps_ns, stamp_ns)
    near = range(max(0, after - 1), min(len(stamps_ns), after + 1))
    return min(near, key=lambda place: abs(stamps_ns[place] - stamp_ns))


class StampPairer(Generic[L, R]):
    """
    Pair two streams by nearest stamp, each item at most once.

    Equal stamps pair at once. Others pair when both streams have moved past the two stamps, as
    a nearer partner could still come before; the nearest of all candidates goes first.

    :param tolerance_ns: largest difference of the stamps of a pair.
    :param capacity: items of either stream that wait for a partner; the oldest is dropped first.
    """

    def __init__(self, tolerance_ns: int, capacity: int) -> None:
        self._tolerance_ns = tolerance_ns
        self._capacity = capacity
        self._keys = count()
        self._left: dict[int, tuple[int, L]] = {}
        self._right: dict[int, tuple[int, R]] = {}
        self._newest_left_ns: int | None = None
        self._newest_right_ns: int | None = None
        # (distance, left key, right key) of all that could become a pair.
        self._candidates: list[tuple[int, int, int]] = []

    def __len__(self) -> int:
        """Return the number of items that wait, of both streams."""
        return len(self._left) + len(self._right)

    def add_left(self, stamp_ns: int, item: L) -> list[Pair[L, R]]:
        """Take in an item of the left stream and return the pairs that are now certain."""
        key = next(self._keys)
        self._left[key] = (stamp_ns, item)
        if len(self._left) > self._capacity:
            del self._left[next(iter(self._left))]
        self._newest_left_ns = max(stamp_ns, self._newest_left_ns or stamp_ns)
        for other, (right_ns, _) in self._right.items():
            if abs(right_ns - stamp_ns) <= self._tolerance_ns:
                self._candidates.append((abs(right_ns - stamp_ns), key, other))
        return self._resolve(final=False)

    def add_right(self, stamp_ns: int, item: R) -> list[Pair[L, R]]:
        """Take in an item of the right stream and return the pairs that are now certain."""
        key = next(self._keys)
        self._right[key] = (stamp_ns, item)
        if len(self._right) > self._capacity:
            del self._right[next(iter(self._right))]
        self._newest_right_ns = max(stamp_ns, self._newest_right_ns or stamp_ns)
        for other, (left_ns, _) in self._left.items():
            if abs(left_ns - stamp_ns) <= self._tolerance_ns:
                self._candidates.append((abs(left_ns - stamp_ns), other, key))
        return self._resolve(final=False)

    def flush(self) -> list[Pair[L, R]]:
        """Return the pairs that can be made without waiting for nearer partners."""
        return self._resolve(final=True)

    def _resolve(self, *, final: bool) -> list[Pair[L, R]]:
        pairs: list[Pair[L, R]] = []
        waiting: list[tuple[int, int, int]] = []
        taken: set[int] = set()
        for candidate in sorted(self._candidates):
            distance, left_key, right_key = candidate
            if left_key not in self._left or right_key not in self._right:
                continue
            if taken & {left_key, right_key}:
                waiting.append(candidate)
                continue
            left_ns, left = self._left[left_key]
            right_ns, right = self._right[right_key]
            if final or distance == 0 or self._both_passed(left_ns, right_ns):
                del self._left[left_key], self._right[right_key]
                pairs.append(Pair(left_ns, left, right_ns, right))
            else:
                taken |= {left_key, right_key}
                waiting.append(candidate)
        self._candidates = waiting
        return pairs

    def _both_passed(self, left_ns: int, right_ns: int) -> bool:
        """Return whether both streams have shown all that lies between the two stamps."""
        newest_left, newest_right = self._newest_left_ns, self._newest_right_ns
        return (
            newest_left is not None
            and newest_right is not None
            and newest_left >= right_ns
            and newest_right >= left_ns
        )
