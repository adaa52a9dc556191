"""The stream of batches that a run learns from, prepared by this process or ahead by others."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import cycle, islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import cv2
import torch

from depth_anything_ros.errors import DatasetError, DepthAnythingError, WorkerError
from depth_anything_ros.lab.training.data import SKIP_LIMIT, Batch

if TYPE_CHECKING:
    from types import TracebackType

    from depth_anything_ros.lab.training.data import BatchSource

_logger = logging.getLogger(__name__)


def load_batches(
    source: BatchSource,
    first_step: int,
    last_step: int,
    workers: int,
    skip_limit: int = SKIP_LIMIT,
) -> Generator[Batch]:
    """
    Iterate over the batches of steps first_step to last_step - 1, in order.

    Samples that cannot be read are named in the log, once each. Worker processes end when the
    iterator is closed, or this process ends in whatever way. SIGINT and SIGTERM do not reach
    them: either may have gone to all processes of a run, which then can still finish its step.

    :param source: picklable where there are workers.
    :param workers: processes that prepare batches ahead, one thread each; 0 is this process.
    :param skip_limit: different samples that may be skipped.
    :raises DatasetError: if more are, or the source raises it.
    :raises WorkerError: if a worker ends before its work.
    """
    seen: set[str] = set()
    with closing(_prepared(source, range(first_step, last_step), workers)) as batches:
        for batch in batches:
            for message in batch.skipped:
                if message not in seen:
                    seen.add(message)
                    _logger.warning('skipped sample %d: %s', len(seen), message)
            if len(seen) > skip_limit:
                raise DatasetError(
                    f'{len(seen)} samples cannot be read, {skip_limit} are allowed; '
                    f'the last: {batch.skipped[-1]}'
                )
            yield batch


def _prepared(source: BatchSource, steps: range, workers: int) -> Generator[Batch]:
    if not workers:
        yield from map(source.batch, steps)
        return
    with ExitStack() as stack:
        shares = [steps[place::workers] for place in range(workers)]
        started = [stack.enter_context(_Worker(source, share)) for share in shares if share]
        for worker in islice(cycle(started), len(steps)):
            yield worker.take()


class _Worker:
    """
    A process that prepares the batches of some steps.

    It holds one finished batch, in a pipe that nobody else has an end of: as nothing is shared,
    it may be killed at any time, and when this process has ended its next batch goes nowhere
    and it ends too.
    """

    def __init__(self, source: BatchSource, steps: range) -> None:
        # A fork would inherit the locks of OpenCV's and torch's threads without the threads.
        context = multiprocessing.get_context('spawn')
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_prepare, args=(source, steps, sender), name='loading', daemon=True
        )
        with sender, _held_back(signal.SIGINT, signal.SIGTERM):
            self._process.start()
        # Before the end of Python, which asks politely and waits.
        atexit.register(self._process.kill)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        atexit.unregister(self._process.kill)
        self._process.kill()
        self._process.join()
        self._receiver.close()

    def take(self) -> Batch:
        """Return the next batch."""
        try:
            item = self._receiver.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise WorkerError(
                'a process that prepares batches ended before its work with status '
                f'{self._process.exitcode}, perhaps for want of memory; fewer workers need less'
            ) from error
        if isinstance(item, DepthAnythingError):
            raise item
        pixels, depth_m, skipped = item
        return Batch(torch.from_numpy(pixels), torch.from_numpy(depth_m), skipped)


def _prepare(source: BatchSource, steps: range, sender: Connection) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for step in steps:
        item: object
        try:
            batch = source.batch(step)
            # As tensors they would pass through shared memory, whose files both sides must tend.
            item = (batch.pixels.numpy(), batch.depth_m.numpy(), batch.skipped)
        except DepthAnythingError as error:
            item = error
        try:
            sender.send(item)
        except BrokenPipeError:
            return  # the run has ended


@contextmanager
def _held_back(*numbers: signal.Signals) -> Iterator[None]:
    """Hold signals back in this thread; processes started meanwhile never get them."""
    resource_tracker.ensure_running()  # the first process starts it, which would let them pass
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
