"""The processes of a run: one, or those that `torchrun` started, one for each GPU."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import torch
from torch import distributed

from depth_anything_ros.errors import BackendError


@dataclass(frozen=True)
class DistributedContext:
    """Which of how many processes this is, from 0, and where it computes."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Return whether this process writes the files."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process; all must ask at the same time."""
        if self.count == 1:
            return flag
        shared = torch.tensor(int(flag), device=self.device)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return bool(shared.item())

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean over the processes; all must ask at the same time."""
        if self.count == 1:
            return values
        distributed.all_reduce(values, distributed.ReduceOp.SUM)
        return values / self.count


def process_count() -> int:
    """Return how many processes `torchrun` started, 1 without it."""
    return int(os.environ.get('WORLD_SIZE', '1'))


@contextmanager
def join(device: str = 'auto') -> Iterator[DistributedContext]:
    """
    Join the other processes of the run, if `torchrun` started several.

    :param device: 'auto' (a GPU where there is one), 'cpu' or 'cuda'; with several GPUs each
        process takes the one of its local rank.
    :raises BackendError: if the device is not known or not there, or there are more processes
        than GPUs.
    """
    count = process_count()
    rank = int(os.environ.get('RANK', '0'))
    chosen = _device(device, int(os.environ.get('LOCAL_RANK', '0')))
    if count == 1:
        yield DistributedContext(0, 1, chosen)
        return
    distributed.init_process_group('nccl' if chosen.type == 'cuda' else 'gloo')
    try:
        yield DistributedContext(rank, count, chosen)
        # One that leaves while others still work ends in an abort, now and then.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


class StopRequest:
    """
    Remember that SIGINT or SIGTERM asked the run to stop; a second SIGINT stops at once.

    `number` is that of the signal; of a run that another process has stopped, that of SIGINT.
    """

    def __init__(self) -> None:
        self.received = False
        self.number: int = signal.SIGINT

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Catch the signals within the context; only the main thread may."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for number in before:
                signal.signal(number, self._receive)
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received, self.number = True, number


def _device(name: str, local_rank: int) -> torch.device:
    if name not in ('auto', 'cpu', 'cuda'):
        raise BackendError(f"unknown device '{name}'; known: auto, cpu, cuda")
    there = torch.cuda.is_available()
    if name == 'cuda' and not there:
        raise BackendError("device 'cuda' is not there: PyTorch finds no GPU")
    if name == 'cpu' or not there:
        return torch.device('cpu')
    if local_rank >= torch.cuda.device_count():
        raise BackendError(
            f'process {local_rank} of this machine has no GPU of its own: '
            f'there are {torch.cuda.device_count()}; start as many processes'
        )
    torch.cuda.set_device(local_rank)
    return torch.device('cuda', local_rank)
