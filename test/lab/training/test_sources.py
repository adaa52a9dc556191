import torch

from depth_anything_ros.lab.training.data import Batch
from depth_anything_ros.lab.training.sources import AlternatingSource, SharedSource


class Counting:
    """Give batches that hold their own number, from a start."""

    def __init__(self, start: int, count: int = 3) -> None:
        self._start = start
        self._count = count

    def __len__(self) -> int:
        return self._count

    def batch(self, step: int) -> Batch:
        return Batch(torch.zeros(1, 3, 1, 1), torch.full((1, 1, 1), self._start + step))


def numbers(source, count=5):
    return [int(source.batch(step).depth_m) for step in range(count)]


def test_sources_take_turns_and_each_goes_on_where_it_was():
    source = AlternatingSource((Counting(0), Counting(100, 4)))
    assert numbers(source) == [0, 100, 1, 101, 2]
    assert len(source) == 7


def test_processes_share_the_batches_without_gap_or_overlap():
    shares = [SharedSource(Counting(0), rank, 3) for rank in range(3)]
    assert [numbers(share, 2) for share in shares] == [[0, 3], [1, 4], [2, 5]]
    assert len(shares[0]) == 3
