"""Bags recorded by several processes or a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.recording.bag import record_bag
from depth_anything_ros.lab.recording.results import BagRecord, RecordJob
from depth_anything_ros.lab.workers import Workers


def record_here(job: RecordJob, step: Callable[[], object] = lambda: None) -> BagRecord:
    """
    Record a bag in this process; what is wrong with it is the `failure` of the answer.

    The network is loaded once for each thread.

    :param step: called after each image.
    """
    try:
        return record_bag(job, _predictor(job.config.network), step)
    except DepthAnythingError as error:
        return BagRecord(str(job.bag), str(job.out), str(error))


def record_by_workers(jobs: Iterable[RecordJob], workers: Workers) -> Iterator[BagRecord]:
    """
    Record bags, as many at a time as there are workers; yield results as they come.

    The bag of a worker that is lost is recorded again.

    :raises WorkerError: if a bag is lost three times.
    """
    # A worker may be lost after it has put the bag into its place.
    again = [replace(job, replace=True) for job in jobs]
    for _, record in workers.results(record_here, again):
        yield record


# Backends are not shared by threads.
_loaded_here = threading.local()


def _predictor(options: NetworkOptions) -> Predictor:
    kept: dict[NetworkOptions, Predictor] = _loaded_here.__dict__.setdefault('predictors', {})
    if options not in kept:
        kept.clear()
        kept[options] = create_predictor(options)
    return kept[options]
