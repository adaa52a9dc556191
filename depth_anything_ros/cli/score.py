"""
The verb `score`: how good the depth of data sets is to train on, and which samples to keep.

OUT gets `journal.jsonl` (outcomes as they come), `samples.csv` (all samples), `kept.txt` (those
to train on), `statistics.md`, `.csv` and `.json`, `scores.png` and `examples_DATASET.png`.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    path_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.cli.worker_options import add_worker_arguments, chosen_workers
from depth_anything_ros.errors import ConfigError, WorkerError
from depth_anything_ros.files import make_folder

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets.origin import OpenData
    from depth_anything_ros.lab.quality.journal import Entry
    from depth_anything_ros.lab.quality.scores import ScoreConfig
    from depth_anything_ros.lab.quality.selection import ScoredSample

_JOURNAL = 'journal.jsonl'
_WARNINGS_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_data_argument(parser, required=False)
    parser.add_argument(
        '--out', type=path_argument, metavar='DIR',
        help='folder for the results; a run that was stopped goes on from what is in it',
    )  # fmt: skip
    parser.add_argument(
        '--restart', action='store_true', help='forget what an earlier run left in DIR'
    )
    add_worker_arguments(parser, os.cpu_count() or 1, 'one for each core')
    parser.add_argument(
        '--bins', type=int, default=20, metavar='K', help='bins of the histogram (default 20)'
    )
    parser.add_argument(
        '--far', type=float, default=100.0, metavar='M',
        help='depth beyond so many metres counts as unknown (default 100)',
    )  # fmt: skip
    parser.add_argument(
        '--least-valid', type=float, default=0.2, metavar='SHARE',
        help='share of pixels that must have valid depth (default 0.2)',
    )  # fmt: skip
    parser.add_argument(
        '--drop', type=float, default=0.2, metavar='SHARE',
        help='share of samples of a data set that each score drops (default 0.2)',
    )  # fmt: skip
    parser.add_argument(
        '--benchmark', type=int, metavar='N',
        help='only time how many made 640x480 maps in memory are scored in a second, with N '
        'maps for each process',
    )  # fmt: skip
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Score the data, write the results and show the statistics.

    :raises ConfigError: if an option is missing or out of range.
    :raises DatasetError: if a data set or the journal cannot be read.
    :raises WorkerError: if processes or the cluster fail.
    """
    from depth_anything_ros.evaluation.plots import check_plots
    from depth_anything_ros.lab.quality.scores import ScoreConfig
    from depth_anything_ros.lab.quality.selection import SelectionConfig, select

    config = ScoreConfig(args.bins, args.far)
    selection = SelectionConfig(args.least_valid, args.drop)
    if args.benchmark is not None:
        return _benchmark(args, config)
    if not (args.data and args.out):
        raise ConfigError('score needs --data and --out, or --benchmark')
    check_plots()
    make_folder(args.out)
    data, scored = _score(args, config)
    samples = {label: select(found, selection) for label, found in scored.items()}
    _warn_of_failures(samples)
    records = _write_results(args.out, data, samples, config)
    settings: dict[str, object] = {**vars(config), **vars(selection)}
    write_json(args.json, {'settings': settings, 'data': records})
    return 0


def _score(
    args: argparse.Namespace, config: ScoreConfig
) -> tuple[list[OpenData], dict[str, list[ScoredSample]]]:
    from depth_anything_ros.lab.datasets.origin import Origin, open_data
    from depth_anything_ros.lab.quality.journal import ScoreJournal
    from depth_anything_ros.lab.quality.run import score_data

    data = open_data([Origin(word, parse_data) for word in args.data])
    seen = 0

    def show(entries: Iterable[Entry], total: int) -> Iterator[Entry]:
        nonlocal seen
        for entry in progress(entries, total, 'scoring'):
            seen += 1
            yield entry

    with (
        ScoreJournal(args.out / _JOURNAL, config, args.restart) as journal,
    ):
        try:
            with chosen_workers(args) as workers:
                start_s = time.perf_counter()
                scored = score_data(data, config, journal, workers, show)
                duration_s = time.perf_counter() - start_s
        except (KeyboardInterrupt, WorkerError):
            write_warning('stopped; the same call goes on from here')
            raise
    rate = f', {seen / duration_s:.1f} a second' if seen else ''
    total = sum(map(len, scored.values()))
    write_line(f'{total} samples, {seen} of them scored now in {duration_s:.1f} s{rate}')
    return data, scored


def _warn_of_failures(samples: dict[str, list[ScoredSample]]) -> None:
    failures = [item for found in samples.values() for item in found if item.failure]
    for item in failures[:_WARNINGS_SHOWN]:
        write_warning(f'{item.data} {item.name}: {item.failure}')
    if len(failures) > _WARNINGS_SHOWN:
        more = len(failures) - _WARNINGS_SHOWN
        write_warning(f'{more} more samples cannot be read; samples.csv names them')


def _write_results(
    out: Path,
    data: list[OpenData],
    samples: dict[str, list[ScoredSample]],
    config: ScoreConfig,
) -> list[Mapping[str, object]]:
    from depth_anything_ros.lab.quality import report
    from depth_anything_ros.lab.quality.examples import write_examples
    from depth_anything_ros.lab.quality.kept import write_kept

    rows = report.tabulate(samples)
    report.write_samples(out / 'samples.csv', [item for one in samples.values() for item in one])
    write_kept(
        out / 'kept.txt',
        {
            item.origin.word: [sample.name for sample in samples[item.label] if sample.kept]
            for item in data
        },
    )
    report.write_statistics(out, rows)
    report.write_plot(out / 'scores.png', samples)
    for item in data:
        name = re.sub(r'[^\w.-]+', '_', item.label)
        write_examples(out / f'examples_{name}.png', item.dataset, samples[item.label], config)
    write_table(report.statistics_table(rows))
    write_line(f'results in {out}')
    return report.statistics_records(rows)


def _benchmark(args: argparse.Namespace, config: ScoreConfig) -> int:
    from depth_anything_ros.lab.quality.timing import HEIGHT, WIDTH, scores_per_second

    if args.benchmark < 1:
        raise ConfigError(f'--benchmark {args.benchmark}; allowed: 1 or more maps')
    with chosen_workers(args) as workers:
        rate = scores_per_second(workers, config, args.benchmark)
    write_line(f'{rate:.0f} depth maps of {WIDTH}x{HEIGHT} a second, {workers.count} at a time')
    write_json(args.json, {'maps_per_s': rate, 'width': WIDTH, 'height': HEIGHT,
                           'workers': workers.count})  # fmt: skip
    return 0
