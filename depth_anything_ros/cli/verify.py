"""The verb `verify`: whether the contract of a network in a folder says what it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.cli.predictor_options import count_argument, count_from_one
from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.inference import FILE_READERS
from depth_anything_ros.models.network_folder import is_network_folder
from depth_anything_ros.table import Table

if TYPE_CHECKING:
    from depth_anything_ros.lab.verification.trial import Image
    from depth_anything_ros.lab.verification.verdict import Candidate, Verdict

_SPLIT = 'test'
_COLUMNS = ['contract, but for', 'abs_rel', 'of its', '95 %', 'rank']
_SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument('folder', metavar='FOLDER', help='folder with a network and network.json')
    add_data_argument(parser)
    parser.add_argument(
        '--images', type=count_from_one, default=40, metavar='N',
        help='images that are tried, evenly out of all (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--backend', choices=('auto', *FILE_READERS), default='auto', help='that runs the network'
    )
    parser.add_argument(
        '--threads', type=count_argument, default=0, metavar='N',
        help="CPU threads (0: the library's choice)",
    )  # fmt: skip
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Try the alternatives, show how each fits and say what is wrong.

    :return: 0 where no other contract fits clearly better, 1 where one does or nothing fits.
    :raises CheckpointError: if the folder cannot be read.
    :raises BackendError: if the network cannot run as its contract says.
    :raises DatasetError: if data cannot be read, or there are too few images.
    """
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.inference.file_network import load_folder
    from depth_anything_ros.inference.options import NetworkOptions
    from depth_anything_ros.lab.verification.run import verify

    if not is_network_folder(args.folder):
        raise CheckpointError(f"'{args.folder}' is no folder")
    options = NetworkOptions(
        '', args.folder, backend=args.backend, precision='fp32', threads=args.threads
    )
    network = load_folder(options)
    images = list(_images(args))
    verdict = verify(network, images, lambda all: progress(all, len(all), 'ways to read it'))
    _show(verdict)
    write_json(
        args.json,
        {
            'environment': environment(),
            'model': network.identity,
            'data': args.data,
            'verdict': verdict,
            'right': verdict.is_right,
        },
    )
    return 0 if verdict.is_right else 1


def _images(args: argparse.Namespace) -> Iterator[Image]:
    """Yield images with known depth, as many of each data set, evenly out of all."""
    import numpy as np

    from depth_anything_ros.lab.verification.trial import Image

    each = max(1, args.images // len(args.data))
    for word in args.data:
        dataset = parse_data(word, _SPLIT)
        chosen = np.unique(np.linspace(0, len(dataset) - 1, each).round().astype(int)).tolist()
        for index in progress(chosen, len(chosen), word):
            sample = dataset[index]
            if sample.valid.any():
                yield Image(dataset.source(index), sample)


def _show(verdict: Verdict) -> None:
    shown = verdict.candidates[:_SHOWN]
    own = [one for one in verdict.candidates[_SHOWN:] if not one.changes]
    write_table(Table(_COLUMNS, [_row(one) for one in (*shown, *own)]))
    for note in verdict.notes:
        write_warning(note)
    if not verdict.follows:
        write_line(
            f'cannot tell: read in none of {len(verdict.candidates)} ways does the network follow '
            f'the depth of these {verdict.images} images'
        )
        return
    for finding in verdict.findings:
        write_line(f'wrong: {_words(finding.changes)} fits: {finding.words}')
    if verdict.is_right:
        write_line(f'right: no other contract fits {verdict.images} images clearly better')


def _row(one: Candidate) -> list[object]:
    within = f'{one.interval.low:.3f} to {one.interval.high:.3f}' if one.interval else ''
    return [_words(one.changes) or '–', f'{one.error:.4f}', f'{one.ratio:.3f}', within,
            f'{one.rank:+.2f}']  # fmt: skip


def _words(changes: Mapping[str, object]) -> str:
    """Return keys with their values as the file has them."""
    return ', '.join(f'{key} {_value(value)}' for key, value in changes.items())


def _value(value: object) -> str:
    if value is None:
        return 'null'
    if isinstance(value, Enum):
        return str(value.value)
    return f'[{", ".join(map(str, value))}]' if isinstance(value, tuple) else str(value)
