"""Where scores are computed: in this process, in others of this machine, on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from depth_anything_ros.errors import ConfigError, MissingDependencyError, WorkerError

_CONNECT_TIMEOUT_S = 10
_CONTINUE = 'what was scored is kept, and the same call goes on from there'


@dataclass(frozen=True)
class Workers:
    """Who computes: `count` calls given to the executor run at the same time."""

    executor: Executor
    count: int


@contextmanager
def local_workers(jobs: int) -> Iterator[Workers]:
    """
    Compute in so many processes; a single one is this process.

    Calls not begun when the block is left by an error are cancelled.

    :raises ConfigError: if there is no process.
    :raises WorkerError: if a process ends before its work.
    """
    if jobs < 1:
        raise ConfigError(f'{jobs} processes; allowed: 1 or more')
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
