"""
The verb `evaluate`: score models on data sets, without ROS.

Each image is predicted, aligned to its truth and scored; numbers are means over images, for each
source (a sequence, a scene, a camera) and for all images of a data set. Several models are
compared image by image. With `--baseline` they are compared with the best predictor that does not
look at the image, made of those scenes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    picture_argument,
    progress,
    write_json,
    write_line,
    write_lines,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import (
    JudgedSplit,
    add_data_argument,
    parse_data,
)
from depth_anything_ros.cli.evaluation_targets import add_target_arguments, asked_targets
from depth_anything_ros.cli.gate_option import add_gate_argument, check_gate, open_gate
from depth_anything_ros.cli.predictor_options import count_argument
from depth_anything_ros.cli.protocol_options import (
    add_protocol_arguments,
    chosen_protocol,
    protocol_doubts,
)
from depth_anything_ros.cli.worker_options import add_worker_arguments, chosen_workers
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.home import expand_user
from depth_anything_ros.models.network_folder import is_network_folder
from depth_anything_ros.types import ConfidenceSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depth_anything_ros.evaluation.gate import Gate
    from depth_anything_ros.lab.datasets.baseline import Baseline
    from depth_anything_ros.lab.datasets.gallery import ExtremeImages, Gallery
    from depth_anything_ros.lab.datasets.protocols import Protocol
    from depth_anything_ros.lab.datasets.results import EvaluationSummary
    from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
    from depth_anything_ros.lab.evaluation.run import ChosenData, Scores
    from depth_anything_ros.lab.evaluation.targets import Target
    from depth_anything_ros.lab.evaluation.work import Plan

_SPLIT = 'test'
_BASELINE_SUFFIX = '.npz'
_SUMMARY = 'summary.json'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_target_arguments(parser)
    parser.add_argument(
        '--input-size', type=int, default=0, metavar='PX',
        help='shorter side of the network input of our models, the longer one for Depth Anything '
        "3 and VGGT (default: each one's own)",
    )  # fmt: skip
    add_data_argument(parser)
    parser.add_argument(
        '--source', action='append', default=[], metavar='NAME',
        help='score the images of this source only; may be given more than once',
    )  # fmt: skip
    parser.add_argument(
        '--baseline', metavar='WORD|FILE',
        help='training scenes, named like --data, for the image-independent predictor to '
        'compare with (simulator:SEED:500 is plenty), or the baseline.npz of an earlier --out',
    )  # fmt: skip
    add_protocol_arguments(parser)
    parser.add_argument(
        '--corrupt', action='append', default=[], metavar='KIND:LEVEL',
        help='score the models on pictures made worse too, and tell what that costs: noise, blur, '
        'dark, bright, jpeg, fog, frozen (columns) or dropped (lines), at level 1 to 5; KIND for '
        'all levels, all:LEVEL or all for every kind; may be given more than once',
    )  # fmt: skip
    add_worker_arguments(parser, 1, '%(default)s')
    add_gate_argument(parser)
    parser.add_argument(
        '--out', type=path_argument, metavar='DIR',
        help='folder for report.html, report.md, images.csv, summary.json, baseline.npz, pictures',
    )  # fmt: skip
    parser.add_argument(
        '--pictures', type=count_argument, default=1, metavar='N',
        help='draw the first N images of each source (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--grid',
        type=picture_argument,
        metavar='FILE',
        help='show these images small in one picture',
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Score the models on all data and write what was asked for.

    :return: 0, or 1 if in some data set no image could be scored by some model.
    :raises ConfigError: if an option is out of range or two do not go together.
    :raises DatasetError: if data cannot be opened, or the baseline's scenes cannot be read.
    :raises CheckpointError: if the weights cannot be had.
    :raises WorkerError: if processes or the cluster fail.
    :raises OutputError: if a file cannot be written.
    :raises GateError: if a bound of the gate is broken.
    :raises MissingDependencyError: if what writes or draws the files is not installed.
    """
    from depth_anything_ros.evaluation.protocol import AlignmentMode
    from depth_anything_ros.lab.datasets.corruptions import corruptions_of
    from depth_anything_ros.lab.evaluation.extremes import keep_extremes
    from depth_anything_ros.lab.evaluation.figures import evaluation_figures
    from depth_anything_ros.lab.evaluation.run import draw, score_data
    from depth_anything_ros.lab.evaluation.work import Plan, identities
    from depth_anything_ros.page.writer import check_page

    protocol = chosen_protocol(args)
    rule = protocol.rule
    if args.baseline and AlignmentMode.NONE in (rule.alignment, rule.metric_alignment):
        raise ConfigError('--baseline predicts no metres: use --align scale or scale_shift')
    check_outputs(args.grid, args.out / _SUMMARY if args.out else None)
    if args.out:
        check_page()
    targets = asked_targets(args, args.input_size or protocol.input_size)
    _check_confidence(protocol.rule.confidence, targets)
    plan = Plan(
        targets,
        protocol.rule,
        _torch_threads(args.threads, targets),
        corruptions_of(args.corrupt),
    )
    data = _open(args, protocol)
    gate = _gate(args, plan)
    with chosen_workers(args) as workers:
        # First, so that what cannot be loaded is told before the baseline takes its time.
        for _, models in workers.results(identities, [plan]):
            random = [label for label, model in models.items() if model.weights == 'random']
        if args.baseline:
            plan = replace(plan, baseline=_baseline(args.baseline, plan.rule))
        gallery = _gallery(args, plan, random)
        scores = score_data(plan, data, workers)
        if gallery is not None:
            draw(plan, data, scores, gallery, args.pictures, workers)
        shown = args.out is not None and args.pictures > 0
        extremes = keep_extremes(plan, data, scores, workers) if shown else {}
    summary = _summary(args, protocol, plan, data, scores, random)
    _show(summary)
    if scores.speed:
        write_line(scores.speed)
    _write(args, summary, scores, plan.baseline, gallery.pictures if gallery else [], extremes)
    check_gate(gate, evaluation_figures(summary.data))
    results = [found.whole for data in summary.data for found in data.models.values()]
    return int(any(found.failed == found.images for found in results))


def _check_confidence(source: str | None, targets: Sequence[Target]) -> None:
    """Check that some model tells the confidence that is asked for, before the work."""
    if source == ConfidenceSource.MODEL and not any(target.tells_confidence for target in targets):
        names = ', '.join(target.label for target in targets)
        raise ConfigError(
            f'--confidence model: no model asked for tells how sure it is ({names}); take '
            '--confidence flip, which any model can, or a model that tells, as depth_anything_3'
        )


def _torch_threads(asked: int, targets: Sequence[Target]) -> int:
    """Return how many threads torch takes in every process, 0 where none needs it or has it."""
    folders = all(is_network_folder(target.options.checkpoint) for target in targets)
    if folders or find_spec('torch') is None:
        return 0
    import torch

    if asked:
        torch.set_num_threads(asked)
    return torch.get_num_threads()


def _open(args: argparse.Namespace, protocol: Protocol) -> list[ChosenData]:
    """
    Open the data sets; those that share a name show their words in the names of pictures.

    :raises DatasetError: if a data set cannot be opened or lacks one of the sources.
    """
    from depth_anything_ros.lab.datasets.offline import chosen_indices
    from depth_anything_ros.lab.datasets.origin import Origin, open_data
    from depth_anything_ros.lab.evaluation.run import ChosenData

    origins = [Origin(word, JudgedSplit(protocol.split_of(word, _SPLIT))) for word in args.data]
    return [
        ChosenData(item, chosen_indices(item.dataset, args.source)) for item in open_data(origins)
    ]


def _baseline(word: str, rule: ScoringRule) -> Baseline:
    """
    Make or read the baseline.

    :raises ConfigError: if the one read was made for another range.
    """
    from depth_anything_ros.lab.datasets.baseline import MAP_SIZE, average_scenes, read_baseline

    file = expand_user(word)
    if file.suffix == _BASELINE_SUFFIX:
        baseline = read_baseline(file)
        if (baseline.min_depth_m, baseline.max_depth_m) != (rule.min_depth_m, rule.max_depth_m):
            raise ConfigError(
                f"'{word}' was made for {baseline.min_depth_m:g} to {baseline.max_depth_m:g} m, "
                f'not for --range {rule.min_depth_m:g}:{rule.max_depth_m:g}'
            )
        return baseline
    # Averaged over scenes, more pixels than the map has cells would change nothing.
    scenes = parse_data(word, simulated_size=MAP_SIZE)
    samples = (scenes[index] for index in range(len(scenes)))
    shown = progress(samples, len(scenes), 'baseline')
    return average_scenes(shown, word, rule.min_depth_m, rule.max_depth_m)


def _gate(args: argparse.Namespace, plan: Plan) -> Gate | None:
    """
    Return the gate, None where there is none.

    :raises ConfigError: if it cannot be read, or names a figure that there will not be.
    """
    from depth_anything_ros.evaluation.gate import plain
    from depth_anything_ros.evaluation.metrics import chosen_metrics
    from depth_anything_ros.evaluation.protocol import ORDER
    from depth_anything_ros.lab.evaluation.figures import EVALUATION, expected_figures

    known = expected_figures(
        args.data,
        [target.label for target in plan.targets],
        baselines=['baseline'] if args.baseline else [],
        corruptions=[item.name for item in plan.corruptions],
        metrics=[*chosen_metrics(plan.rule.metrics or ()), ORDER],
    )
    return open_gate(args, known, EVALUATION, plain(plan.rule))


def _gallery(args: argparse.Namespace, plan: Plan, random: list[str]) -> Gallery | None:
    """Return what draws pictures, None where none are asked for."""
    from depth_anything_ros.lab.datasets.gallery import Gallery

    folder = args.out / 'pictures' if args.out else None
    if not args.pictures or (folder is None and args.grid is None):
        return None
    labels = [target.label for target in plan.targets]
    return Gallery(labels, folder, args.grid, rule=plan.rule, random=random)


def _summary(
    args: argparse.Namespace,
    protocol: Protocol,
    plan: Plan,
    data: list[ChosenData],
    scores: Scores,
    random: list[str],
) -> EvaluationSummary:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab import bootstrap
    from depth_anything_ros.lab.datasets import warning_of
    from depth_anything_ros.lab.datasets.comparison import summarise
    from depth_anything_ros.lab.datasets.results import (
        Bootstrap,
        EvaluationProtocol,
        EvaluationSummary,
    )

    baseline = plan.baseline
    warnings = {
        item.data.origin.word: [
            *filter(None, (warning_of(item.data.dataset),)),
            *protocol_doubts(args, protocol, item.data.dataset.name),
        ]
        for item in data
    }
    return EvaluationSummary(
        data=[
            summarise(
                word,
                images,
                [target.label for target in plan.targets],
                baselines=[item.name for item in baseline.maps] if baseline else [],
                corruptions=[item.name for item in plan.corruptions],
                warnings=warnings[word],
            )
            for word, images in scores.images.items()
        ],
        models=scores.models,
        protocol=EvaluationProtocol(
            name=protocol.name,
            source=protocol.source,
            changed=protocol.changed,
            rule=protocol.rule,
            sources=args.source,
            baseline=baseline.origin if baseline else None,
            baseline_scenes=baseline.scenes if baseline else None,
            bootstrap=Bootstrap(bootstrap.DRAWS, bootstrap.LEVEL, bootstrap.SEED),
            ground=protocol.rule.ground,
        ),
        environment=environment(),
        warnings=[
            *(f'{label}: random weights: the depth means nothing' for label in random),
            *scores.warnings,
        ],
    )


def _show(summary: EvaluationSummary) -> None:
    from depth_anything_ros.lab.datasets.comparison_report import (
        corruption_table,
        ground_texts,
        obstacle_tables,
        source_table,
        summary_warnings,
    )

    for data in summary.data:
        write_line(data.word)
        write_table(source_table(data))
        for table in obstacle_tables(data, summary.protocol.rule):
            write_table(table)
        write_lines(ground_texts(data))
        write_lines(data.verdicts)
        if (worse := corruption_table(data)) is not None:
            write_table(worse)
        if data.baseline is not None:
            write_line(f'baseline: {data.baseline.chosen} of {summary.protocol.baseline}')
    for warning in summary_warnings(summary):
        write_warning(warning)


def _write(
    args: argparse.Namespace,
    summary: EvaluationSummary,
    scores: Scores,
    baseline: Baseline | None,
    pictures: list[Path],
    extremes: dict[str, ExtremeImages],
) -> None:
    from depth_anything_ros.lab.datasets.baseline import write_baseline
    from depth_anything_ros.lab.datasets.comparison_page import write_evaluation_page
    from depth_anything_ros.lab.datasets.comparison_report import write_images_csv, write_markdown

    write_json(args.json, summary)
    if args.out is None:
        return
    write_json(args.out / _SUMMARY, summary)
    write_images_csv(args.out / 'images.csv', scores.images)
    write_markdown(args.out / 'report.md', summary)
    page = args.out / 'report.html'
    write_evaluation_page(page, summary, scores.images, pictures, extremes)
    if baseline is not None:
        write_baseline(args.out / f'baseline{_BASELINE_SUFFIX}', baseline)
