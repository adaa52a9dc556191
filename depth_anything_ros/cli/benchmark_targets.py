"""The rows that the options of the verb `benchmark` ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

from depth_anything_ros.errors import CheckpointError, ConfigError, DepthAnythingError
from depth_anything_ros.inference import FILE_READERS
from depth_anything_ros.inference.devices import AUTO, Device, runs_on
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

Way = tuple[str, str, str]
"""Backend, precision and device."""


def planned_groups(args: argparse.Namespace) -> list[list[Target]]:
    """Return what takes turns with what, size by size."""
    try:
        device = select('torch', 'fp32', _torch_device(args)).device
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
    rows = _ways(args, args.backend)
    baseline = None
    if isinstance(args.baseline, tuple):
        baseline = next(
            (row for row in rows if row[:2] == args.baseline), (*args.baseline, args.device[0])
        )
        rows = [baseline, *(row for row in rows if row != baseline)]
    targets = []
    if args.baseline == 'eager':
        plain = ('torch', 'fp32', _torch_device(args))
        found = _request(args, model, size, plain, NetworkKind.EAGER, args.checkpoint)
        targets.append(_target(found, asked, unfit, baseline=True))
    for checkpoint in (args.checkpoint, *_packed_for(args, model)):
        for row in rows:
            found = _request(args, model, size, row, NetworkKind.BACKEND, checkpoint)
            is_baseline = row == baseline and checkpoint == args.checkpoint
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
            _request(args, contract.name, size, row, NetworkKind.FOLDER, folder), asked, unfit,
            baseline=False,
        )
        for row in _ways(args, [name for name in args.backend if name in FILE_READERS])
    ]  # fmt: skip


def _comparator_targets(
    args: argparse.Namespace, model: str, asked: AskedSize, kind: NetworkKind
) -> list[Target]:
    """Return the rows of a comparator at one size, one a precision; none is a baseline."""
    size, unfit = _sized(comparator_size, asked)
    device = _torch_device(args)
    return [
        _target(
            _request(args, model, size, ('torch', precision, device), kind, ''), asked, unfit,
            baseline=False,
        )
        for precision in args.precision
    ]  # fmt: skip


def _ways(args: argparse.Namespace, backends: Sequence[str]) -> list[Way]:
    """
    Return in what networks are timed; of several devices a backend takes those it runs on.

    :raises ConfigError: if none runs on one of them.
    """
    if len(args.device) == 1:
        return list(product(backends, args.precision, args.device))
    for device in args.device:
        if not any(runs_on(backend, device) for backend in backends):
            raise ConfigError(f'device {device}: --backend names none that runs there')
    return [
        way for way in product(backends, args.precision, args.device) if runs_on(way[0], way[2])
    ]


def _torch_device(args: argparse.Namespace) -> str:
    """Return where torch runs what is compared with: on the first device, or that in its place."""
    first: str = args.device[0]
    return first if first == AUTO else Device.parse(first).torch_name


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
    way: Way,
    kind: NetworkKind,
    checkpoint: str,
) -> tuple[NetworkRequest, str]:
    """Return what to open, and why it cannot be opened where that is known."""
    backend, precision, device = way
    failure = ''
    try:
        selection = select(backend, precision, device)
    except DepthAnythingError as error:
        selection, failure = Selection(backend, Precision(precision), device), str(error)
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
