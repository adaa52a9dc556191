"""Batch sources made of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from depth_anything_ros.lab.training.data import Batch, BatchSource


@dataclass(frozen=True)
class AlternatingSource:
    """Take the batches of several sources in turn, one of each."""

    sources: Sequence[BatchSource]

    def __len__(self) -> int:
        """Return how many samples the sources have together."""
        return sum(len(source) for source in self.sources)

    def batch(self, step: int) -> Batch:
        """
        Return the batch of a step, counted from 0.

        :raises DatasetError: if the source whose turn it is does.
        """
        turn, place = divmod(step, len(self.sources))
        return self.sources[place].batch(turn)


@dataclass(frozen=True)
class SharedSource:
    """
    Give one process its batches: those of steps rank, rank + count, and so on.

    One step of a run so takes as many batches from the source as there are processes.
    """

    source: BatchSource
    rank: int
    count: int

    def __len__(self) -> int:
        """Return how many samples the source has."""
        return len(self.source)

    def batch(self, step: int) -> Batch:
        """
        Return the batch of this process in a step of the run.

        :raises DatasetError: if the source does.
        """
        return self.source.batch(step * self.count + self.rank)
