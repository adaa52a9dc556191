"""The rows that the options of the verb `benchmark` ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product

from depth_anything_ros.errors import CheckpointError, ConfigError, DepthAnythingError
from depth_anything_ros.inference import FILE_READERS
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import Selection, select
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest
from depth_anything_ros.lab.benchmark.plan import (
    AskedSize,
    Target,
    comparator_size,
    fitting_size,
    free_bytes,
    groups,
    too_large,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.local_file import local_file
from depth_anything_ros.models.network_folder import contract_of
from depth_anything_ros.types import Precision


def planned_groups(args: argparse.Namespace) -> list[list[Target]]:
    """Return what takes turns with what, size by size."""
    try:
        device = select('torch', 'fp32', args.device).device
    except DepthAnythingError:
        device = 'cpu'  # each row will say what is wrong with the device
    planned = []
    for asked in args.input_size:
        models = [
            _model_targets(args, name, asked, too_large(name, free_bytes(device)))
            for name in args.model
        ]
        models += [_folder_targets(args, name, asked) for name in args.folder]
        models += [
            _comparator_targets(args, name, asked, NetworkKind.TRANSFORMERS)
            for name in args.hub_model
        ]
        models += [
            _comparator_targets(args, name, asked, NetworkKind.DETECTOR) for name in args.detector
        ]
        planned += groups(models, free_bytes(device), args.apart)
    return planned


def _model_targets(
    args: argparse.Namespace, model: str, asked: AskedSize, hopeless: str
) -> list[Target]:
    """
    Return the rows of a model at one size, the baseline first.

    :param hopeless: why it cannot be loaded whatever runs it, '' where it perhaps can.
    """
    size, unfit = _sized(partial(fitting_size, MODELS[model]), asked)
    unfit = unfit or hopeless
    rows = [(name, precision) for name in args.backend for precision in args.precision]
    if isinstance(args.baseline, tuple):
        rows = [args.baseline, *(row for row in rows if row != args.baseline)]
    targets = []
    if args.baseline == 'eager':
        found = _request(args, model, size, 'torch', 'fp32', NetworkKind.EAGER, args.checkpoint)
        targets.append(_target(found, asked, unfit, baseline=True))
    for checkpoint in (args.checkpoint, *_packed_for(args, model)):
        for row in rows:
            found = _request(args, model, size, *row, NetworkKind.BACKEND, checkpoint)
            is_baseline = row == args.baseline and checkpoint == args.checkpoint
            targets.append(_target(found, asked, unfit, baseline=is_baseline))
    return targets


def _folder_targets(args: argparse.Namespace, folder: str, asked: AskedSize) -> list[Target]:
    """
    Return the rows of a network in a folder at one size; none is a baseline.

    :raises CheckpointError: if its contract cannot be read.
    """
    contract = contract_of(folder)
    size, unfit = _sized(partial(fitting_size, contract.spec), asked)
    return [
        _target(
            _request(args, contract.name, size, *row, NetworkKind.FOLDER, folder), asked, unfit,
            baseline=False,
        )
        for row in product([name for name in args.backend if name in FILE_READERS], args.precision)
    ]  # fmt: skip


def _comparator_targets(
    args: argparse.Namespace, model: str, asked: AskedSize, kind: NetworkKind
) -> list[Target]:
    """Return the rows of a comparator at one size, one a precision; none is a baseline."""
    size, unfit = _sized(comparator_size, asked)
    return [
        _target(
            _request(args, model, size, 'torch', precision, kind, ''), asked, unfit,
            baseline=False,
        )
        for precision in args.precision
    ]  # fmt: skip


def _sized(
    fit: Callable[[AskedSize], tuple[int, int] | None], asked: AskedSize
) -> tuple[tuple[int, int] | None, str]:
    """Return the (height, width) of the network's input, or why there is none of that size."""
    try:
        return fit(asked), ''
    except DepthAnythingError as error:
        return None, str(error)


def _target(
    found: tuple[NetworkRequest, str], asked: AskedSize, unfit: str, *, baseline: bool
) -> Target:
    """Return a row with the first reason, if any, why it cannot be opened."""
    request, failure = found
    return Target(request, asked, baseline, unfit or failure)


def _request(
    args: argparse.Namespace,
    model: str,
    size: tuple[int, int] | None,
    backend: str,
    precision: str,
    kind: NetworkKind,
    checkpoint: str,
) -> tuple[NetworkRequest, str]:
    """Return what to open, and why it cannot be opened where that is known."""
    failure = ''
    try:
        selection = select(backend, precision, args.device)
    except DepthAnythingError as error:
        selection, failure = Selection(backend, Precision(precision), args.device), str(error)
    options = NetworkOptions(
        model,
        checkpoint,
        args.weights,
        backend=selection.backend,
        precision=selection.precision.value,
        device=selection.device,
        input_size=size or 0,
        threads=args.threads,
        cache_dir=args.cache_dir,
    )
    return NetworkRequest(options, kind), failure


def _packed_for(args: argparse.Namespace, model: str) -> list[str]:
    """
    Return the packed files that are of a model, and those that cannot be read, which will say so.

    :raises ConfigError: if a file is of a model that is not timed.
    """
    found = []
    for name in args.compressed:
        try:
            header = CheckpointFile.read(local_file(name)).packed
        except CheckpointError:
            header = None
        if header is not None and header.model not in args.model:
            raise ConfigError(
                f"--compressed '{name}' was packed for model '{header.model}', which --model "
                f'does not name: {", ".join(args.model)}'
            )
        if header is None or header.model == model:
            found.append(name)
    return found
