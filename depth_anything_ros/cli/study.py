"""
The verb `study`: measure what each recipe of `compress` costs a model, and where it breaks.

DIR gets `report.md` with its plots and pictures, `study.csv`, `study.json`, `files/` (the packed
checkpoints) and `journal.jsonl` (results as they come).
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.compression_options import (
    COMPARED,
    add_calibration_arguments,
    add_parent_arguments,
    calibration_data,
    network_inputs,
)
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
from depth_anything_ros.cli.obstacle_options import (
    add_obstacle_arguments,
    chosen_mounting,
    chosen_obstacles,
)
from depth_anything_ros.cli.protocol_options import (
    add_named_protocol,
    named_protocol,
    protocol_doubts,
)
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.files import make_folder
from depth_anything_ros.inference.devices import AUTO, DEVICE_NAMES
from depth_anything_ros.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from depth_anything_ros.inference.selection import Selection
    from depth_anything_ros.lab.compression.recipe import Recipe
    from depth_anything_ros.lab.compression.study import Study, StudyConfig, StudyInputs
    from depth_anything_ros.lab.compression.study_results import StudySettings, StudySummary
    from depth_anything_ros.lab.datasets.protocols import Protocol
    from depth_anything_ros.models.checkpoint import Weights

_SPLIT = 'test'
_BACKENDS = ('auto:fp32', 'auto')
_AMOUNTS = tuple(f'0.{tenths}' for tenths in range(1, 10))
_RECIPES = (
    'int16_static',
    'fp16',
    'int8_dynamic',
    'int8_static',
    *(f'prune({amount})' for amount in _AMOUNTS),
    *(f'prune({amount}, global)' for amount in _AMOUNTS),
    'prune(0.2)+int16_static',
    'prune(0.2, global)+int8_static',
    'prune(0.3, global)+int8_static',
    'prune(0.5, global)+int8_static',
)
_PICTURED = 7
_LEAST = {'input_size': 0, 'runs': 1, 'threads': 0, 'calibration_images': 1, 'views': 1}
_OF_ROS = ('ros_distro', 'rmw', 'rclpy')

_EPILOG = """examples:
  the whole study of the model that ships, on rooms it has never seen:
    depth_anything_ros study --model tiny --data simulator:90001:200 --out study
  your recipes, your frames, two backends (the first one scores):
    depth_anything_ros study --model depth_anything_v2_vits --data rgbd_folder:my_frames \\
      --recipes 'int16_static;int8_static;prune(0.3)+int8_static' --calibration bag:run1 \\
      --backend openvino:fp32 --backend openvino:bf16 --out study
  table 1 and figures 4 to 6 of "Depth Anything V2 Mini", aligned scores beside (the scripts of
  that paper prune on the first 200 frames: nyu_depth_v2/0-199:FILE):
    depth_anything_ros study --model depth_anything_v2_vits --backend torch:fp32 \\
      --protocol seed000 --data nyu_depth_v2:nyu_depth_v2_labeled.mat --out table1

The same call goes on from what a run that was stopped left in DIR; with more recipes or data it
adds them. Quote recipes. Every recipe leaves a checkpoint in DIR/files; delete what you do not
use. Scores are of the first backend: int8 rounds differently in each.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_parent_arguments(parser, 'the scores of random weights mean nothing; sizes and times do')
    parser.add_argument(
        '--recipes', action='append', default=[], metavar='CHAINS',
        help='recipes as `compress` takes them, separated by ; (default: each number format, '
             'pruning by layer and global at 10 to 90 %%, and some of both)',
    )  # fmt: skip
    parser.add_argument(
        '--recipe', action='append', default=[], dest='recipes', metavar='CHAIN',
        help='one more recipe; may be given more than once',
    )  # fmt: skip
    add_data_argument(parser)
    parser.add_argument(
        '--out', type=path_argument, required=True, metavar='DIR',
        help='folder for the results; a run that was stopped goes on from what is in it',
    )  # fmt: skip
    parser.add_argument(
        '--restart', action='store_true', help='forget what an earlier run left in DIR'
    )
    parser.add_argument(
        '--backend', action='append', default=[], metavar='WORD',
        help='what runs the networks, NAME or NAME:PRECISION; may be given more than once, and '
             f'the first one scores (default: {" and ".join(_BACKENDS)})',
    )  # fmt: skip
    parser.add_argument('--device', default='auto', help=DEVICE_NAMES)
    parser.add_argument(
        '--input-size', type=int, default=0, metavar='PX',
        help='shorter side of the network input, the longer one for Depth Anything 3 and '
        "VGGT (default: the model's own)",
    )  # fmt: skip
    parser.add_argument(
        '--threads', type=int, default=0, metavar='N',
        help="CPU threads (0: the library's choice); 1 where other programs use the cores",
    )  # fmt: skip
    add_calibration_arguments(parser)
    parser.add_argument(
        '--views', type=int, default=4, metavar='N',
        help='simulated views that SQNR is taken over (default %(default)s)',
    )  # fmt: skip
    add_named_protocol(parser)
    add_obstacle_arguments(parser)
    parser.add_argument(
        '--runs', type=int, default=50, metavar='N', help='timed runs (default %(default)s)'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Measure what is missing, write the report and show its tables.

    :raises ConfigError: if an option is out of range or no multiple, or names no data.
    :raises UnknownNameError: if there is no recipe, data set or backend of a name.
    :raises CompressionError: if a recipe cannot be read, or the weights are quantised already.
    :raises DatasetError: if data cannot be read, or DIR holds another study.
    :raises CheckpointError: if the weights cannot be had.
    :raises MissingDependencyError: if the library of a backend, or that of the plots, is not
        installed.
    :raises BackendError: if a backend cannot run here as asked.
    """
    import torch

    from depth_anything_ros.evaluation.plots import check_plots
    from depth_anything_ros.lab.compression.study import Study
    from depth_anything_ros.lab.compression.study_results import open_journal
    from depth_anything_ros.models.checkpoint import load_weights

    check_plots()
    protocol = named_protocol(args)
    config = _config(args, protocol)
    chains = _chains(args.recipes)
    if args.threads:
        torch.set_num_threads(args.threads)
    inputs = _inputs(args, protocol)
    parent = load_weights(MODELS[args.model], args.checkpoint, args.weights)
    make_folder(args.out)
    settings = _settings(args, parent, config, protocol.name)
    with open_journal(args.out / 'journal.jsonl', settings, args.restart) as journal:
        study = Study(args.out, parent, chains, inputs, config, journal, progress)
        try:
            study.run()
        except KeyboardInterrupt:
            write_warning('stopped; the same call goes on from here')
            raise
        doubts = [
            f'{word}: {doubt}'
            for word, dataset in inputs.data.items()
            for doubt in protocol_doubts(args, protocol, dataset.name)
        ]
        summary = _summary(args, study, parent, settings, doubts)
        _write(args, study, inputs, summary)
    shutil.rmtree(study.cache_dir, ignore_errors=True)
    _show(summary, args.out)
    return 0


def _config(args: argparse.Namespace, protocol: Protocol) -> StudyConfig:
    from depth_anything_ros.lab.compression.study import StudyConfig

    for option, least in _LEAST.items():
        if getattr(args, option) < least:
            raise ConfigError(
                f'--{option.replace("_", "-")} {getattr(args, option)}; allowed: {least} or more'
            )
    rule = replace(protocol.rule, obstacles=chosen_obstacles(args), mounting=chosen_mounting(args))
    return StudyConfig(
        _selections(args.backend or _BACKENDS, args.device),
        args.input_size or protocol.input_size,
        rule,
        runs=args.runs,
        threads=args.threads,
    )


def _selections(words: list[str] | tuple[str, ...], device: str) -> tuple[Selection, ...]:
    from depth_anything_ros.inference.selection import select

    found = []
    for word in words:
        name, _, precision = word.partition(':')
        found.append(select(name, precision or AUTO, device))
    return tuple(dict.fromkeys(found))


def _chains(texts: list[str]) -> list[tuple[Recipe, ...]]:
    from depth_anything_ros.lab.compression.chain import parse_chain

    words = [word.strip() for text in texts for word in text.split(';')]
    return [parse_chain(word) for word in words or _RECIPES if word]


def _inputs(args: argparse.Namespace, protocol: Protocol) -> StudyInputs:
    from depth_anything_ros.lab.compression.study import StudyInputs
    from depth_anything_ros.lab.datasets.remembered import RememberedDataset

    spec, count = MODELS[args.model], args.calibration_images
    room_bytes = (1 << 30) // len(args.data)
    data = {
        word: RememberedDataset(parse_data(word, protocol.split_of(word, _SPLIT)), room_bytes)
        for word in args.data
    }
    looked_at = calibration_data(args.calibration)

    def calibration() -> list[Tensor]:
        images = network_inputs(looked_at, count, spec)
        return list(progress(images, count, 'calibration'))

    def compared() -> Iterator[Tensor]:
        return network_inputs(parse_data(_compared(args)), args.views, spec)

    return StudyInputs(data, compared, calibration, _calibration_name(args))


def _calibration_name(args: argparse.Namespace) -> str:
    return f'{args.calibration} (at most {args.calibration_images} images)'


def _compared(args: argparse.Namespace) -> str:
    return f'{COMPARED}:{args.views}'


def _settings(
    args: argparse.Namespace, parent: Weights, config: StudyConfig, protocol: str
) -> StudySettings:
    """Return what all results of a study depend on, machine and versions included."""
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.compression.study_results import Conditions, StudySettings

    machine = environment()
    conditions = Conditions(
        input_size=config.input_size,
        min_depth_m=config.rule.min_depth_m,
        max_depth_m=config.rule.max_depth_m,
        calibration=_calibration_name(args),
        compared=_compared(args),
        runs=config.runs,
        threads=config.threads,
        environment={name: machine[name] for name in machine if name not in _OF_ROS},
        protocol=protocol,
        obstacles=chosen_obstacles(args),
        mounting=config.rule.mounting,
    )
    return StudySettings(args.model, parent.spec.output, parent.key, conditions)


def _summary(
    args: argparse.Namespace,
    study: Study,
    parent: Weights,
    settings: StudySettings,
    doubts: list[str],
) -> StudySummary:
    from depth_anything_ros.lab.compression.study import label
    from depth_anything_ros.lab.compression.study_report import findings, warnings
    from depth_anything_ros.lab.compression.study_results import (
        StudyModel,
        StudyProtocol,
        StudySummary,
    )

    results = study.results()
    backends = [label(selection) for selection in study.config.selections]
    return StudySummary(
        StudyModel(args.model, parent.origin, parent.sha256, study.spec.licence),
        StudyProtocol(args.data, backends, settings.output, settings.conditions),
        results,
        {word: findings(results, word) for word in args.data},
        [*doubts, *warnings(results, parent.origin == 'random')],
    )


def _write(
    args: argparse.Namespace, study: Study, inputs: StudyInputs, summary: StudySummary
) -> None:
    from depth_anything_ros.lab.compression.study_pictures import draw_first, draw_misses, evenly
    from depth_anything_ros.lab.compression.study_report import write_csv, write_report

    write_json(args.out / 'study.json', summary)
    write_json(args.json, summary)
    write_csv(args.out / 'study.csv', summary.recipes)
    shown = evenly(study.names, _PICTURED)
    pictures, missed = {}, {}
    for number, (word, dataset) in enumerate(inputs.data.items(), 1):
        path = args.out / f'first_{number}.png'
        if draw_first(path, study, dataset, progress(shown, len(shown), 'picture')):
            pictures[word] = path
        path = args.out / f'obstacles_{number}.png'
        if draw_misses(path, study, dataset, word, summary.recipes):
            missed[word] = path
    write_report(args.out / 'report.md', summary, pictures, missed)


def _show(summary: StudySummary, out: Path) -> None:
    from depth_anything_ros.lab.compression.study_report import cost_table, score_table
    from depth_anything_ros.lab.compression.study_table import MINI, PAPER, table_1

    results = summary.recipes
    write_table(cost_table(results))
    for word in summary.protocol.data:
        write_line()
        write_line(word)
        write_table(score_table(results, word))
        if summary.protocol.conditions.protocol == MINI:
            write_line(f'table 1 of {PAPER}, beside aligned scores')
            write_table(table_1(summary.model.name, results, word))
        for text in summary.findings[word]:
            write_line(text)
    for text in summary.warnings:
        write_warning(text)
    write_line(f'results in {out}')
