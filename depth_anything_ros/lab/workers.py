"""
Where long work is done: in this process, in others of this machine, on a Dask cluster.

Work is a function over keys, each call on its own. Who keeps results gives the keys that are left,
and so goes on where a run was stopped.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import chain, islice
from typing import Generic, NoReturn, ParamSpec, TypeVar

from depth_anything_ros.errors import ConfigError, MissingDependencyError, WorkerError

K = TypeVar('K')
R = TypeVar('R')
P = ParamSpec('P')

_LOGGER = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 10
_CALLS_AHEAD = 2
# As many as Dask allows.
_MOST_LOSSES = 3


class Workers:
    """
    Who computes: `count` calls given to the executor run at the same time.

    :param start: starts what runs the calls, and starts it anew when it has broken.
    :param count: how many calls run at the same time.
    :param here: whether they run in this process, on the thread that asks for their results.
    """

    def __init__(self, start: Callable[[], Executor], count: int, *, here: bool = False) -> None:
        self.here = here
        self._start = start
        self.count = count
        self.executor = start()

    def results(self, function: Callable[[K], R], keys: Iterable[K]) -> Iterator[tuple[K, R]]:
        """
        Yield each key with what the function returns for it, as they are done.

        A single worker keeps the order. Only a few calls are given out ahead. One that is lost
        with its process is made again.

        :param function: of a module, or a partial of one, which other processes import by its
            name; what it raises is raised here.
        :raises WorkerError: if the same call is lost three times.
        """
        calls: Iterator[_Call[K]] = map(_Call, keys)
        waiting: dict[Future[R], _Call[K]] = {}
        while True:
            for call in islice(calls, self.count * _CALLS_AHEAD - len(waiting)):
                waiting[self._submit(function, call.key)] = call
            if not waiting:
                return
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            if any(map(_is_lost, done)):
                # The pool has broken, and what else waits in it ends too.
                done, _ = wait(waiting)
            lost = [waiting.pop(future) for future in done if _is_lost(future)]
            for future in [future for future in waiting if future in done]:
                yield waiting.pop(future).key, future.result()
            if lost:
                self._restart(lost)
                calls = chain(lost, calls)

    def _submit(self, function: Callable[[K], R], key: K) -> Future[R]:
        try:
            return self.executor.submit(_call, function, key)
        except BrokenExecutor as error:
            future: Future[R] = Future()
            future.set_exception(error)
            return future

    def _restart(self, lost: Iterable[_Call[K]]) -> None:
        for call in lost:
            call.losses += 1
            if call.losses == _MOST_LOSSES:
                raise WorkerError(
                    f'a process ended before its work, {_MOST_LOSSES} times, perhaps for want of '
                    'memory; fewer processes take less'
                )
        _LOGGER.warning('a process ended before its work, which is done again')
        self.executor.shutdown(wait=True, cancel_futures=True)
        self.executor = self._start()


@dataclass(eq=False)
class _Call(Generic[K]):
    """A call to be made, and how often it was lost."""

    key: K
    losses: int = 0


class _Here(Executor):
    """Make each call when it is given, on the thread that gives it."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Return the call, done; what it raises is raised."""
        future: Future[R] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _is_lost(future: Future[R]) -> bool:
    return not future.cancelled() and isinstance(future.exception(), BrokenExecutor)


@contextmanager
def local_workers(jobs: int) -> Iterator[Workers]:
    """
    Compute in so many processes; a single one is this process.

    When the block is left by an error, calls not begun are cancelled and processes told to end.

    :raises ConfigError: if there is no process.
    """
    if jobs < 1:
        raise ConfigError(f'{jobs} processes; allowed: 1 or more')
    before = multiprocessing.active_children()
    # A fork of a process with threads (of torch, of OpenCV) may lock up.
    context = multiprocessing.get_context('spawn')
    start = partial(ProcessPoolExecutor, jobs, context, initializer=_prepare_process)
    workers = Workers(_Here if jobs == 1 else start, jobs, here=jobs == 1)
    try:
        yield workers
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()
        raise
    finally:
        workers.executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask_workers(address: str) -> Iterator[Workers]:
    """
    Compute on a Dask cluster whose workers have this package and see the same files.

    It makes calls again itself that are lost with a worker.

    :param address: of the scheduler, as `tcp://10.0.0.1:8786`.
    :raises MissingDependencyError: if dask.distributed is not installed.
    :raises WorkerError: if the cluster cannot be reached, has no worker or loses one too often.
    """
    try:
        distributed = import_module('distributed')
    except ImportError as error:
        raise MissingDependencyError('distributed', 'dask') from error
    try:
        client = distributed.Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(f"no Dask scheduler at '{address}': {error}") from error
    with client:
        threads = sum(client.ncores().values())
        if threads == 0:
            raise WorkerError(f"the Dask scheduler at '{address}' has no worker")
        workers = Workers(partial(client.get_executor, pure=False), threads)
        try:
            yield workers
        except (distributed.KilledWorker, CancelledError) as error:
            raise WorkerError(f"the cluster at '{address}' gave up: {error}") from error
        finally:
            workers.executor.shutdown(wait=False)


def _call(function: Callable[[K], R], key: K) -> R:
    """Call a function so that a process that is told to end leaves in order what it is at."""
    in_pool = multiprocessing.parent_process() is not None
    if not in_pool or threading.current_thread() is not threading.main_thread():
        return function(key)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return function(key)
    except SystemExit:
        os._exit(1)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(number)


def _prepare_process() -> None:
    """Take one core, leave Ctrl-C to the parent, and end with it however it ends."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Read by torch, should the work import it.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the parent does, which the pool leaves waiting for work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
