"""The files of an evaluation on data sets: images.csv and the tables of report.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path

from depth_anything_ros.escape import markdown
from depth_anything_ros.evaluation.metrics import METRICS, chosen_metrics
from depth_anything_ros.evaluation.protocol import FrameScore, Means
from depth_anything_ros.evaluation.table import SCORE_DETAILS
from depth_anything_ros.files import write_text
from depth_anything_ros.lab.bootstrap import DRAWS, LEVEL
from depth_anything_ros.lab.datasets.comparison import COMPARED
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import (
    BaselineRatio,
    BaselineResult,
    DataResult,
    EvaluationProtocol,
    EvaluationSummary,
)
from depth_anything_ros.table import UNKNOWN, Table, number, shown

_METRIC_COLUMNS = ('abs_rel', 'rmse', 'silog', 'delta1')
ALL = 'all'


def write_images_csv(path: Path, images: Mapping[str, Sequence[ImageScores]]) -> None:
    """
    Write one line for every image and predictor; what is not known is empty.

    Columns: data, source, image, predictor, the metrics that were scored, pixels, coverage, scale,
    shift, problem.

    :param images: the scores by the name of the data.
    :raises OutputError: if the file cannot be written.
    """
    found = {
        metric
        for scored in images.values()
        for image in scored
        for score in image.scores.values()
        for metric in score.values
    }
    metrics = [name for name in METRICS if name in found.union(chosen_metrics())]
    columns = ['data', 'source', 'image', 'predictor', *metrics, *SCORE_DETAILS, 'problem']
    rows = [
        [
            data,
            image.source,
            image.name,
            name,
            *_numbers(image.scores.get(name), metrics),
            image.problems.get(name),
        ]
        for data, scored in images.items()
        for image in scored
        for name in (*image.scores, *image.problems)
    ]
    write_text(path, Table(columns, rows).csv())


def _numbers(score: FrameScore | None, metrics: Sequence[str]) -> list[str]:
    if score is None:
        return [''] * (len(metrics) + len(SCORE_DETAILS))
    values = [score.values.get(metric, nan) for metric in metrics]
    values += [getattr(score, detail) for detail in SCORE_DETAILS]
    return ['' if isnan(value) else f'{value:.9g}' for value in values]


def source_table(data: DataResult) -> Table:
    """Return the figures of one data set: each source, then all images."""
    compared = data.whole.ratio is not None
    metrics = _shown_metrics(data.whole.metrics.means)
    headings = ['source', 'images', 'failed', *(_heading(name) for name in metrics)]
    if compared:
        headings += [f'baseline {COMPARED}', 'ratio', f'{LEVEL:.0%} interval']
    rows = [
        [name, str(found.images), str(found.failed)]
        + [_number(found.metrics.means.get(metric)) for metric in metrics]
        + ([] if found.ratio is None else _ratio_cells(found.ratio))
        for name, found in (*data.sources.items(), (ALL, data.whole))
    ]
    return Table(headings, rows)


def _shown_metrics(means: Means) -> list[str]:
    """Return the metrics of a table: the most usual and those asked for, if they have values."""
    known = [name for name in METRICS if means.get(name) is not None]
    shown = [name for name in known if name in _METRIC_COLUMNS or METRICS[name].on_request]
    return shown or list(_METRIC_COLUMNS)


def _heading(name: str) -> str:
    return name if name in _METRIC_COLUMNS else METRICS[name].heading


def _ratio_cells(ratio: BaselineRatio) -> list[str]:
    known = ratio.low is not None
    interval = f'{_number(ratio.low)} … {_number(ratio.high)}' if known else UNKNOWN
    return [_number(ratio.baseline), _number(ratio.value), interval]


def _number(value: float | None) -> str:
    return number(value, '.3f')


def write_markdown(path: Path, summary: EvaluationSummary) -> None:
    """
    Write the tables of all data sets with what they mean.

    :param summary: of all data.
    :raises OutputError: if the file cannot be written.
    """
    model, protocol = summary.model, summary.protocol
    lines = [
        f'# {markdown(model.name)}: depth against truth',
        '',
        f'{model.weights} weights, {model.backend} {model.precision}, network input '
        f'{shown(model.input_size)} (height × width) for the last image. '
        f'Protocol {protocol_text(protocol)}; per image, then averaged over images.',
        '',
        f'Source of the protocol: {markdown(protocol.source)}.',
        '',
    ]
    for data in summary.data:
        lines += [f'## {markdown(data.word)}', '', *source_table(data).markdown(), '']
        if data.baseline is not None:
            lines += [_baseline_line(data.baseline, protocol), '']
    warnings = [*summary.warnings, *(text for data in summary.data for text in data.warnings)]
    if warnings:
        lines += ['## Warnings', '', *(f'- {markdown(warning)}' for warning in warnings), '']
    write_text(path, '\n'.join(lines))


def protocol_text(protocol: EvaluationProtocol) -> str:
    """Return the name of a protocol with its parts, and which of them are not its own."""
    changed = f', not its own {" and ".join(protocol.changed)}' if protocol.changed else ''
    return f'{protocol.name}{changed}: {protocol.rule.text}'


def _baseline_line(baseline: BaselineResult, protocol: EvaluationProtocol) -> str:
    candidates = ', '.join(
        f'{name} {_number(found.means[COMPARED])}' for name, found in baseline.candidates.items()
    )
    made_of = f'{protocol.baseline_scenes} scenes of {markdown(protocol.baseline)}'
    return (
        f'Ratio: mean {COMPARED} over that of the best image-independent predictor '
        f'({baseline.chosen}; candidates: {candidates}), made of {made_of} and aligned in the '
        f'same way. Interval: {DRAWS} bootstrap draws of sources, then of images in them; in the '
        'row of a source, of its images only.'
    )
