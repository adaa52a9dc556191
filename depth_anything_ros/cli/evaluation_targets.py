"""The models that the options of the verb `evaluate` ask for, in the order they are given."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.predictor_options import (
    MODEL_NAMES,
    Named,
    NetworkChoice,
    add_network_arguments,
    check_asked,
    network_options,
)
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models.hub import HUB
from depth_anything_ros.models.network_folder import contract_of, is_network_folder

if TYPE_CHECKING:
    from depth_anything_ros.lab.evaluation.targets import Target


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name models and what runs them; `args.named` lists them in order."""
    parser.set_defaults(named=())
    parser.add_argument(
        '--model', action=Named, choices=MODEL_NAMES, metavar='NAME',
        help='name of a model, or hub:ID as --hub-model ID; of several, all are scored on the '
        'same images, and the others are compared with the first',
    )  # fmt: skip
    parser.add_argument(
        '--checkpoint', action=Named, default='', metavar='FILE',
        help='local file of the weights of the --model before it, of several each is scored; or a '
        'folder with a network of your own, which needs no --model',
    )  # fmt: skip
    parser.add_argument(
        '--hub-model', action=Named, metavar='ID',
        help='depth model of transformers beside them, by its id on the Hugging Face hub or its '
        'folder, with its own image processor and input size',
    )  # fmt: skip
    add_network_arguments(parser)


@dataclass
class _Asked:
    """
    A model and the checkpoints of it that are asked for.

    A folder has no name of a model; that of a model of transformers begins with hub:.
    """

    name: str
    checkpoints: list[str] = field(default_factory=list)

    @property
    def takes_checkpoints(self) -> bool:
        """Return whether it is a model of ours, whose weights may come from files."""
        return bool(self.name) and not self.name.startswith(HUB)


def asked_targets(args: argparse.Namespace, input_size: int) -> list[Target]:
    """
    Return the models in the order they are asked for.

    :param input_size: shorter side of the network input of our models, 0 for their own.
    :raises ConfigError: if there is none, one is asked for twice, it is not clear whose a
        checkpoint is, or an option is out of range.
    :raises CheckpointError: if a checkpoint is no file of weights, or a folder has no contract.
    """
    from depth_anything_ros.lab.evaluation.targets import Target

    words = [
        (item, checkpoint)
        for item in _models(args.named)
        for checkpoint in item.checkpoints or ['']
    ]
    labels = _labels(words)
    for label, count in Counter(labels).items():
        if count > 1:
            raise ConfigError(f"'{label}' is asked for {count} times; allowed: once")
    threads = _threads(args)
    targets = [
        Target(label, _options(args, item, checkpoint, input_size, threads))
        for label, (item, checkpoint) in zip(labels, words, strict=True)
    ]
    for target in targets:
        check_asked(target.options)
    return targets


def _options(
    args: argparse.Namespace, item: _Asked, checkpoint: str, input_size: int, threads: int
) -> NetworkOptions:
    """Return how a network runs; one of transformers has its own size and no backend of ours."""
    options = network_options(args, NetworkChoice(item.name, checkpoint), input_size, threads)
    return replace(options, backend='auto', input_size=0) if options.hub_model else options


def _models(asked: Sequence[tuple[str, str]]) -> list[_Asked]:
    found: list[_Asked] = []
    early = []
    for option, value in asked:
        if option == 'checkpoint' and is_network_folder(value):
            found.append(_Asked('', [value]))
        elif option != 'checkpoint':
            found.append(_Asked(HUB * (option == 'hub_model') + value))
        elif found and found[-1].takes_checkpoints:
            found[-1].checkpoints.append(value)
        else:
            early.append(value)
    own = [item for item in found if item.takes_checkpoints]
    if not found:
        raise ConfigError(
            'evaluate needs a model: --model NAME, --checkpoint FOLDER or --hub-model ID'
        )
    if early:
        if len(own) != 1:
            raise ConfigError(
                f"--checkpoint '{early[0]}' does not follow a --model; write it behind the one "
                'that it is of'
            )
        own[0].checkpoints[:0] = early
    return found


def _labels(words: Sequence[tuple[_Asked, str]]) -> list[str]:
    """
    Return the shortest names that tell models apart: checkpoints by file, else by path.

    A folder has the name in its contract.
    """
    short = [_short(item.name, checkpoint) for item, checkpoint in words]
    counts = Counter(short)
    return [
        label if counts[label] == 1 else _label(item.name or label, checkpoint)
        for label, (item, checkpoint) in zip(short, words, strict=True)
    ]


def _short(model: str, checkpoint: str) -> str:
    return _label(model, Path(checkpoint).name) if model else contract_of(checkpoint).name


def _label(model: str, checkpoint: str) -> str:
    model = model.removeprefix(HUB)
    return f'{model} ({checkpoint})' if checkpoint else model


def _threads(args: argparse.Namespace) -> int:
    """
    Return the CPU threads of a network in one of the processes, 0 for the library's choice.

    With other threads torch adds in another order and gives other numbers, so that it keeps as
    many as in one process; the others give the same with any.
    """
    from depth_anything_ros.inference.selection import select

    threads: int = args.threads
    if threads or args.jobs == 1 or args.dask:
        return threads
    if select(args.backend, args.precision, args.device).backend == 'torch':
        return 0
    jobs: int = args.jobs
    return max(1, (os.cpu_count() or 1) // max(1, jobs))
