"""
The verb `evaluate`: score a model on data sets, without ROS.

Each image is predicted, aligned to its truth and scored; numbers are means over images, for each
source (a sequence, a scene, a camera) and for all images of a data set. With `--baseline` the
model is compared with the best predictor that does not look at the image, made of those scenes.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.cli.predictor_options import (
    add_predictor_arguments,
    count_argument,
    open_predictor,
)
from depth_anything_ros.cli.protocol_options import (
    add_protocol_arguments,
    chosen_protocol,
    protocol_doubts,
)
from depth_anything_ros.errors import ConfigError

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.datasets import Dataset
    from depth_anything_ros.lab.datasets.baseline import Baseline
    from depth_anything_ros.lab.datasets.gallery import Gallery
    from depth_anything_ros.lab.datasets.offline import ImageScores, Predict
    from depth_anything_ros.lab.datasets.protocols import Protocol
    from depth_anything_ros.lab.datasets.results import EvaluationSummary
    from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule

_SPLIT = 'test'
_BASELINE_SUFFIX = '.npz'
_SUMMARY = 'summary.json'


@dataclass(frozen=True)
class _Data:
    """
    A data set, its word, the name of its pictures and the places of its images.

    `warnings` tell what is odd about its depth.
    """

    word: str
    label: str
    dataset: Dataset
    indices: list[int]
    warnings: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_predictor_arguments(parser)
    parser.add_argument(
        '--input-size', type=int, default=0, metavar='PX',
        help="shorter side of the network input (default: the model's own)",
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
        '--out', type=Path, metavar='DIR',
        help='folder for images.csv, summary.json, report.md, baseline.npz and pictures',
    )  # fmt: skip
    parser.add_argument(
        '--pictures', type=count_argument, default=1, metavar='N',
        help='draw the first N images of each source (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--grid', type=Path, metavar='FILE', help='show these images small in one picture'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Score the model on all data and write what was asked for.

    :return: 0, or 1 if in some data set no image could be scored.
    :raises ConfigError: if an option is out of range or two do not go together.
    :raises DatasetError: if data cannot be opened, or the baseline's scenes cannot be read.
    :raises CheckpointError: if the weights cannot be had.
    :raises OutputError: if a file cannot be written.
    """
    import torch

    from depth_anything_ros.evaluation.protocol import AlignmentMode
    from depth_anything_ros.lab.datasets.comparison import MODEL
    from depth_anything_ros.lab.datasets.gallery import Gallery

    protocol = chosen_protocol(args)
    rule = protocol.rule
    if args.baseline and AlignmentMode.NONE in (rule.alignment, rule.metric_alignment):
        raise ConfigError('--baseline predicts no metres: use --align scale or scale_shift')
    if args.threads:
        torch.set_num_threads(args.threads)
    check_outputs(args.grid, args.out / _SUMMARY if args.out else None)
    data = _open(args, protocol)
    predictor = open_predictor(args, args.input_size or protocol.input_size)
    baseline = _baseline(args.baseline, rule) if args.baseline else None
    predictors: dict[str, Predict] = {MODEL: predictor.predict}
    if baseline is not None:
        predictors.update({item.name: item for item in baseline.maps})
    gallery = Gallery(
        args.pictures,
        args.out / 'pictures' if args.out else None,
        args.grid,
        model=args.model,
        rule=rule,
        random=predictor.identity.weights == 'random',
    )
    images = [(item, _score(item, predictors, rule, gallery)) for item in data]
    gallery.finish()
    summary = _summary(args, predictor, protocol, baseline, images)
    _show(summary)
    _write(args, summary, {item.word: scored for item, scored in images}, baseline)
    return int(any(data.whole.failed == data.whole.images for data in summary.data))


def _open(args: argparse.Namespace, protocol: Protocol) -> list[_Data]:
    """
    Open the data sets; those that share a name show their words in the names of pictures.

    :raises DatasetError: if a data set cannot be opened or lacks one of the sources.
    """
    from depth_anything_ros.lab.datasets import Truth
    from depth_anything_ros.lab.datasets.offline import chosen_indices

    warnings: dict[str, list[str]] = {word: [] for word in args.data}
    datasets = {
        word: parse_data(
            word,
            protocol.split_of(word, _SPLIT),
            announce=warnings[word].append,
            truths=(Truth.DEPTH, Truth.ORDER),
        )
        for word in args.data
    }
    for word, dataset in datasets.items():
        warnings[word] += protocol_doubts(args, protocol, dataset.name)
    names = Counter(dataset.name for dataset in datasets.values())
    return [
        _Data(
            word,
            dataset.name if names[dataset.name] == 1 else word,
            dataset,
            chosen_indices(dataset, args.source),
            warnings[word],
        )
        for word, dataset in datasets.items()
    ]


def _baseline(word: str, rule: ScoringRule) -> Baseline:
    """
    Make or read the baseline.

    :raises ConfigError: if the one read was made for another range.
    """
    from depth_anything_ros.lab.datasets.baseline import MAP_SIZE, average_scenes, read_baseline

    if Path(word).suffix == _BASELINE_SUFFIX:
        baseline = read_baseline(Path(word))
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


def _score(
    data: _Data, predictors: dict[str, Predict], rule: ScoringRule, gallery: Gallery
) -> list[ImageScores]:
    from depth_anything_ros.lab.datasets.offline import score_images

    scored = []
    found = score_images(data.dataset, data.indices, predictors, rule)
    for image in progress(found, len(data.indices), data.dataset.name):
        gallery.add(data.label, image)
        scored.append(image.scores)
    return scored


def _summary(
    args: argparse.Namespace,
    predictor: Predictor,
    protocol: Protocol,
    baseline: Baseline | None,
    images: Sequence[tuple[_Data, list[ImageScores]]],
) -> EvaluationSummary:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab import bootstrap
    from depth_anything_ros.lab.datasets.comparison import summarise
    from depth_anything_ros.lab.datasets.results import (
        Bootstrap,
        EvaluationProtocol,
        EvaluationSummary,
    )

    candidates = [item.name for item in baseline.maps] if baseline else []
    random = predictor.identity.weights == 'random'
    return EvaluationSummary(
        data=[summarise(data.word, scored, candidates, data.warnings) for data, scored in images],
        model=predictor.identity,
        protocol=EvaluationProtocol(
            name=protocol.name,
            source=protocol.source,
            changed=protocol.changed,
            rule=protocol.rule,
            sources=args.source,
            baseline=baseline.origin if baseline else None,
            baseline_scenes=baseline.scenes if baseline else None,
            bootstrap=Bootstrap(bootstrap.DRAWS, bootstrap.LEVEL, bootstrap.SEED),
        ),
        environment=environment(),
        warnings=['random weights: the depth means nothing'] if random else [],
    )


def _show(summary: EvaluationSummary) -> None:
    from depth_anything_ros.lab.datasets.comparison_report import source_table

    for data in summary.data:
        write_line(data.word)
        write_table(source_table(data))
        if data.baseline is not None:
            write_line(f'baseline: {data.baseline.chosen} of {summary.protocol.baseline}')
        for warning in data.warnings:
            write_warning(warning)
    for warning in summary.warnings:
        write_warning(warning)


def _write(
    args: argparse.Namespace,
    summary: EvaluationSummary,
    images: dict[str, list[ImageScores]],
    baseline: Baseline | None,
) -> None:
    from depth_anything_ros.lab.datasets.baseline import write_baseline
    from depth_anything_ros.lab.datasets.comparison_report import write_images_csv, write_markdown

    write_json(args.json, summary)
    if args.out is None:
        return
    write_json(args.out / _SUMMARY, summary)
    write_images_csv(args.out / 'images.csv', images)
    write_markdown(args.out / 'report.md', summary)
    if baseline is not None:
        write_baseline(args.out / f'baseline{_BASELINE_SUFFIX}', baseline)
