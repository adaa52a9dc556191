"""Where long work is done: in this process, in others of this machine, on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn, TypeVar

from depth_anything_ros.errors import ConfigError, MissingDependencyError, WorkerError

_CONNECT_TIMEOUT_S = 10
_CONTINUE = 'what is finished is kept, and the same call goes on from there'
# So many lost workers in a row, without a result between them, are no accident.
_LOSSES = 3

T = TypeVar('T')
R = TypeVar('R')


@dataclass(frozen=True)
class Workers:
    """Who computes: `count` calls given to the executor run at the same time."""

    executor: Executor
    count: int


@contextmanager
def local_workers(jobs: int) -> Iterator[Workers]:
    """
    Compute in so many processes; a single one is this process.

    When the block is left by an error, calls not begun are cancelled and processes told to end.

    :raises ConfigError: if there is no process.
    :raises WorkerError: if a process ends before its work.
    """
    if jobs < 1:
        raise ConfigError(f'{jobs} processes; allowed: 1 or more')
    before = multiprocessing.active_children()
    executor: Executor
    if jobs == 1:
        executor = ThreadPoolExecutor(1)
    else:
        # A fork of a process with threads (of torch, of OpenCV) may lock up.
        context = multiprocessing.get_context('spawn')
        executor = ProcessPoolExecutor(jobs, context, initializer=_prepare_process)
    try:
        yield Workers(executor, jobs)
    except BrokenExecutor as error:
        raise WorkerError(
            f'a process ended before its work, perhaps for want of memory; {_CONTINUE}'
        ) from error
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in before:
                process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def dask_workers(address: str) -> Iterator[Workers]:
    """
    Compute on a Dask cluster whose workers have this package and see the same files.

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
        executor = client.get_executor(pure=False)
        try:
            yield Workers(executor, threads)
        except (distributed.KilledWorker, CancelledError) as error:
            raise WorkerError(
                f"the cluster at '{address}' gave up: {error}; {_CONTINUE}"
            ) from error
        finally:
            executor.shutdown(wait=False)


def completed(
    opened: Callable[[], AbstractContextManager[Workers]],
    function: Callable[[T], R],
    items: Iterable[T],
) -> Iterator[R]:
    """
    Call a function for each item by workers, and yield the results as they come.

    What a process was at that ended before its work is done again by others; a Dask cluster sees
    to that itself.

    :param opened: makes the workers; called again where some were lost.
    :param function: of a module, as its name is sent; so are the items.
    :raises WorkerError: if workers are lost again and again, or as `opened` does.
    """
    waiting, losses = list(items), 0
    while waiting:
        with opened() as workers:
            futures = {workers.executor.submit(_call, function, item): item for item in waiting}
            lost: BrokenExecutor | None = None
            for future in as_completed(futures):
                problem = future.exception()
                if isinstance(problem, BrokenExecutor):
                    lost = problem
                    continue
                result = future.result()
                waiting.remove(futures[future])
                losses = 0
                yield result
            losses += lost is not None
            if lost is not None and losses == _LOSSES:
                raise lost


def _call(function: Callable[[T], R], item: T) -> R:
    """Call a function so that a process that is told to end leaves in order what it is at."""
    in_pool = multiprocessing.parent_process() is not None
    if not in_pool or threading.current_thread() is not threading.main_thread():
        return function(item)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return function(item)
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
    # Read by torch, should a data set import it.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the parent does, which the pool leaves waiting for work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
