"""The verb `results`: what the models that ship and every recipe score, as a page made anew."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import TYPE_CHECKING

from depth_anything_ros.cli.compression_options import (
    CALIBRATION,
    CALIBRATION_IMAGES,
    calibration_data,
    network_inputs,
)
from depth_anything_ros.cli.console import (
    check_outputs,
    path_argument,
    progress,
    write_line,
)
from depth_anything_ros.cli.data_argument import JudgedSplit
from depth_anything_ros.cli.predictor_options import count_from_one
from depth_anything_ros.files import write_text
from depth_anything_ros.table import Table, number

if TYPE_CHECKING:
    from torch import Tensor

    from depth_anything_ros.lab.datasets import Dataset
    from depth_anything_ros.lab.datasets.offline import ImageScores
    from depth_anything_ros.lab.evaluation.shipped import Version
    from depth_anything_ros.models.spec import ModelSpec

# World 2: rounding decides no colour in it.
SIMULATED = 'simulator/2:90003:24:320x240'
ABSOLUTE, RELATIVE = 0.001, 0.005
"""What processors may differ by in a number of the page: the sum of the two."""

_THREADS = 1
_METRICS = ('abs_rel', 'rmse', 'silog', 'delta1')

_HEAD = f"""# Results

What the models that ship with the package score, as they are and after each recipe of
[Compress](compress.md). `./dev results` makes this page anew. A test compares it with what the
code gives, where a number may differ by {ABSOLUTE} and {RELATIVE:.1%} of itself, as processors
round differently.

The networks run in PyTorch on the CPU in float32; layers of `int8_static` and `int8_dynamic` round
what they read as in other backends, but multiply floats. Ranges of `int8_static` were found on
`{CALIBRATION}`, as `compress` does by itself. Scale and shift are fitted to each image in
inverse depth, truth within 0.2 to 8 m is scored, and each image counts the same; one that failed
is in no mean. The size is that of the file.
"""
_SIMULATED_HEAD = f"""Rooms that no model was trained on: `--data {SIMULATED}` of
[`evaluate`](evaluate.md#data-sets-through-the-network-alone)."""
_REAL_HEAD = (
    'Dense frames of real cameras that the index of their folder calls fit for metrics, five of '
    'each sequence: `--data rgbd_folder/real:FOLDER`. Nothing was trained on them or chosen by '
    'them. They belong to their data sets and are no part of the package. The sources, and how '
    'many of each:'
)


_EPILOG = """`./dev results` writes docs/results.md with it. --real takes frames of yours, too, in
a folder as docs/datasets.md describes it: the tables then say what each recipe costs on them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.add_argument(
        '--out',
        type=path_argument,
        required=True,
        metavar='FILE',
        help='the page to write, in Markdown',
    )
    parser.add_argument(
        '--real', type=path_argument, metavar='FOLDER',
        help='real RGB-D frames with an index.json; without, the page has none',
    )  # fmt: skip
    parser.add_argument(
        '--jobs', type=count_from_one, default=2, metavar='N',
        help='processes that score; the numbers are the same with any (default: %(default)s)',
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """
    Compress the models, score all, and write the page.

    :raises DatasetError: if the real frames cannot be read.
    :raises WorkerError: if processes fail.
    :raises OutputError: if the page cannot be written.
    """
    import torch

    from depth_anything_ros.lab.datasets.origin import Origin, open_data
    from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
    from depth_anything_ros.lab.evaluation.run import ChosenData, score_data
    from depth_anything_ros.lab.evaluation.work import Plan
    from depth_anything_ros.lab.workers import local_workers

    check_outputs(args.out)
    # With more, torch adds in another order.
    torch.set_num_threads(_THREADS)
    words = [SIMULATED, *([f'rgbd_folder/real:{args.real.absolute()}'] if args.real else [])]
    data = open_data([Origin(word, JudgedSplit('test')) for word in words])
    with (
        TemporaryDirectory() as folder,
        local_workers(args.jobs) as workers,
    ):
        versions = list(_versions(Path(folder)))
        plan = Plan([version.target for version in versions], ScoringRule(), _THREADS)
        chosen = [ChosenData(item, range(len(item.dataset))) for item in data]
        scores = score_data(plan, chosen, workers)
        lines = [_HEAD, '## Simulated rooms', '', _SIMULATED_HEAD, '']
        lines += _tables('simulated rooms', versions, scores.images[SIMULATED])
        for item in data[1:]:
            text = f'{_REAL_HEAD} {_sources(item.dataset)}.'
            lines += ['## Real frames', '', *wrap(text, 99, break_on_hyphens=False), '']
            lines += _tables('real frames', versions, scores.images[item.origin.word])
    write_text(args.out, '\n'.join(lines))
    write_line(f'wrote {args.out}')
    return 0


def _versions(folder: Path) -> Iterator[Version]:
    """Give the models that ship and write what recipes make of them, shown as progress."""
    from depth_anything_ros.lab.datasets.remembered import RememberedDataset
    from depth_anything_ros.lab.evaluation.shipped import (
        recipe_chains,
        shipped_models,
        versions_of,
    )

    looked_at = RememberedDataset(calibration_data(CALIBRATION))

    def images(spec: ModelSpec) -> list[Tensor]:
        return list(network_inputs(looked_at, CALIBRATION_IMAGES, spec))

    models, chains = shipped_models(), recipe_chains()
    found = (version for model in models for version in versions_of(model, chains, folder, images))
    return progress(found, len(models) * (1 + len(chains)), 'recipes')


def _sources(dataset: Dataset) -> str:
    counts = Counter(dataset.source(index) for index in range(len(dataset)))
    return ', '.join(f'`{source}` {count}' for source, count in counts.items())


def _tables(
    title: str, versions: Sequence[Version], images: Sequence[ImageScores]
) -> Iterator[str]:
    """Yield the lines of a table for each model."""
    from depth_anything_ros.lab.datasets.comparison import summarise

    results = summarise('', images, [version.target.label for version in versions]).models
    for model in dict.fromkeys(version.model for version in versions):
        rows = []
        for version in versions:
            if version.model == model:
                found = results[version.target.label].whole
                means = [number(found.metrics.means[name], '.3f') for name in _METRICS]
                size = f'{version.path.stat().st_size / 1e6:.2f}'
                rows.append([version.recipe, size, *means, found.images, found.failed])
        yield from (f'### {model}: {title}', '')
        yield from Table(['recipe', 'file, MB', *_METRICS, 'images', 'failed'], rows).markdown()
        yield ''
