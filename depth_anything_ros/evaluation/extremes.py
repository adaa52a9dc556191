"""The worst and the best frames of a run, kept while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar('T')

# Neighbours in a video look alike: one of them tells as much as all.
APART_NS = 10**9


@dataclass(frozen=True)
class _Kept(Generic[T]):
    rank: float
    stamp_ns: int
    item: T


class Extremes(Generic[T]):
    """
    Keep what belongs to the worst and the best frames, each a second from the next.

    :param each: how many of either side.
    """

    def __init__(self, each: int = 3) -> None:
        self._each = each
        self._worst: list[_Kept[T]] = []
        self._best: list[_Kept[T]] = []

    def add(self, error: float, stamp_ns: int, make: Callable[[], T]) -> None:
        """
        Take in a frame.

        :param make: gives what is kept of it; called only where something is.
        """
        sides = [(self._worst, error), (self._best, -error)]
        taken = [(side, rank) for side, rank in sides if self._fits(side, rank, stamp_ns)]
        item = make() if taken else None
        for side, rank in taken:
            assert item is not None
            side[:] = [kept for kept in side if abs(kept.stamp_ns - stamp_ns) >= APART_NS]
            side.append(_Kept(rank, stamp_ns, item))
            side.sort(key=lambda kept: -kept.rank)
            del side[self._each :]

    def worst(self) -> list[T]:
        """Return what is kept of the worst frames, the worst first."""
        return [kept.item for kept in self._worst]

    def best(self) -> list[T]:
        """Return what is kept of the best frames, the best first, none that is a worst one too."""
        worst = {kept.stamp_ns for kept in self._worst}
        return [kept.item for kept in self._best if kept.stamp_ns not in worst]

    def _fits(self, side: list[_Kept[T]], rank: float, stamp_ns: int) -> bool:
        near = [kept.rank for kept in side if abs(kept.stamp_ns - stamp_ns) < APART_NS]
        if near:
            return rank > max(near)
        return len(side) < self._each or rank > side[-1].rank
