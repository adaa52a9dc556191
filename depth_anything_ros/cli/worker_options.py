"""What the verbs ask alike that share their work out: processes, or a Dask cluster."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_anything_ros.lab.workers import Workers


def add_worker_arguments(parser: argparse.ArgumentParser, jobs: int, told: str) -> None:
    """
    Add `--jobs N` and `--dask ADDRESS`.

    :param jobs: the default.
    :param told: the default in words.
    """
    parser.add_argument(
        '--jobs', type=int, default=jobs, metavar='N',
        help=f'processes; one that ends early has its work done again (default: {told})',
    )  # fmt: skip
    parser.add_argument(
        '--dask', metavar='ADDRESS',
        help='compute on a Dask cluster instead, whose workers see the same files; ADDRESS is '
        "its scheduler's, as tcp://10.0.0.1:8786",
    )  # fmt: skip


def chosen_workers(args: argparse.Namespace) -> AbstractContextManager[Workers]:
    """Return what the options of :func:`add_worker_arguments` ask for."""
    from depth_anything_ros.lab.workers import dask_workers, local_workers

    return dask_workers(args.dask) if args.dask else local_workers(args.jobs)
