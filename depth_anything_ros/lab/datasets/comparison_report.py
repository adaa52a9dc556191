"""The files of an evaluation on data sets: images.csv and the tables of report.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path

from depth_anything_ros.escape import markdown
from depth_anything_ros.evaluation.ground import ground_text
from depth_anything_ros.evaluation.metrics import METRICS, Better, chosen_metrics, is_detail
from depth_anything_ros.evaluation.obstacle_table import obstacle_table
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.evaluation.table import SCORE_DETAILS
from depth_anything_ros.files import write_text
from depth_anything_ros.lab.bootstrap import DRAWS, LEVEL
from depth_anything_ros.lab.datasets.comparison import some
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import (
    DataResult,
    Difference,
    Estimate,
    EvaluationProtocol,
    EvaluationSummary,
    Ratio,
)
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.table import UNKNOWN, Table, number, shown
from depth_anything_ros.types import ModelIdentity

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
    """Return the figures of one data set: each source, then all images; a row for each model."""
    metrics = _shown_metrics(data)
    several = len(data.models) > 1
    compared = any(found.whole.ratio is not None for found in data.models.values())
    interval = f'{LEVEL:.0%} interval'
    headings = ['source', *(['model'] if several else []), 'images', 'failed']
    headings += [_heading(name) for name in metrics]
    headings += [f'baseline {data.judged_by}', 'ratio', interval] if compared else []
    headings += [f'{data.judged_by} − {next(iter(data.models))}', interval] if several else []
    sources = next(iter(data.models.values())).sources
    rows = []
    for source in (*sources, ALL):
        for model, result in data.models.items():
            found = result.whole if source == ALL else result.sources[source]
            row = [source, *([model] if several else []), str(found.images), str(found.failed)]
            row += [_number(found.metrics.means.get(metric)) for metric in metrics]
            row += _ratio_cells(found.ratio) if compared else []
            row += _difference_cells(found.difference, data.judged_by) if several else []
            rows.append(row)
    return Table(headings, rows)


def corruption_table(data: DataResult) -> Table | None:
    """Return what pictures made worse cost each model, None where there are none."""
    metrics = _shown_metrics(data)
    interval = f'{LEVEL:.0%} interval'
    rows = [
        [corruption, model, str(found.images), str(found.failed)]
        + [_number(found.metrics.means.get(metric)) for metric in metrics]
        + _loss_cells(found.ratio.estimate, METRICS[data.judged_by].better)
        for model, result in data.models.items()
        for corruption, found in (result.corrupted or {}).items()
    ]
    headings = ['pictures', 'model', 'images', 'failed', *(_heading(name) for name in metrics)]
    return Table([*headings, f'{data.judged_by} worse by', interval], rows) if rows else None


def _shown_metrics(data: DataResult) -> list[str]:
    """Return the metrics of a table: the most usual and those asked for, if they have values."""
    means = [found.whole.metrics.means for found in data.models.values()]
    known = [name for name in METRICS if any(found.get(name) is not None for found in means)]
    asked = {name for name in known if METRICS[name].on_request and not is_detail(name)}
    shown = [name for name in known if name in asked.union(_METRIC_COLUMNS, [data.judged_by])]
    return shown or list(_METRIC_COLUMNS)


def _heading(name: str) -> str:
    return name if name in _METRIC_COLUMNS else METRICS[name].heading


def obstacle_tables(data: DataResult, rule: ScoringRule) -> list[Table]:
    """Return obstacles by distance and size, none where nothing is known of them."""
    means = {label: found.whole.metrics.means for label, found in data.models.items()}
    table = None if rule.obstacles is None else obstacle_table(means, rule.obstacles, 'model')
    return [] if table is None else [table]


def ground_texts(data: DataResult) -> list[str]:
    """Return where the ground of obstacles is known from, none where none are looked for."""
    grounds = (found.whole.metrics.ground for found in data.models.values())
    # That of one model and another is the same, but for images that one has no score for.
    return [ground_text(found, 'images') for found in grounds if found is not None][:1]


def _ratio_cells(ratio: Ratio | None) -> list[str]:
    if ratio is None:
        return [UNKNOWN] * 3
    return [_number(ratio.reference), *_estimate_cells(ratio.estimate, '.3f')]


def _difference_cells(difference: Difference | None, metric: str) -> list[str]:
    if difference is None or metric not in difference.metrics:
        return [UNKNOWN] * 2
    return _estimate_cells(difference.metrics[metric], '+.4f')


def _loss_cells(ratio: Estimate, better: Better) -> list[str]:
    """Return by which share a metric is worse: above the ratio 1, or below it."""
    lower = better is Better.LOWER
    ends = (ratio.low, ratio.high) if lower else (ratio.high, ratio.low)
    losses = (
        None if value is None else value - 1 if lower else 1 - value
        for value in (ratio.value, *ends)
    )  # fmt: skip
    return _estimate_cells(Estimate(*losses), '+.1%')


def _estimate_cells(estimate: Estimate, form: str) -> list[str]:
    low, high = number(estimate.low, form), number(estimate.high, form)
    known = estimate.low is not None
    return [number(estimate.value, form), f'{low} … {high}' if known else UNKNOWN]


def _number(value: float | None) -> str:
    return number(value, '.3f')


def write_markdown(path: Path, summary: EvaluationSummary) -> None:
    """
    Write the tables of all data sets with what they mean.

    :param summary: of all data.
    :raises OutputError: if the file cannot be written.
    """
    protocol = summary.protocol
    lines = [
        f'# {markdown(", ".join(summary.models))}: depth against truth',
        '',
        *(_model_line(label, model) for label, model in summary.models.items()),
        '',
        f'Protocol {protocol_text(protocol)}; per image, then averaged over images.',
        '',
        f'Source of the protocol: {markdown(protocol.source)}.',
        '',
    ]
    for data in summary.data:
        lines += [f'## {markdown(data.word)}', '', *source_table(data).markdown(), '']
        for table in obstacle_tables(data, protocol.rule):
            lines += ['### Obstacles', '', *table.markdown(), '']
        for text in ground_texts(data):
            lines += [markdown(text), '']
        if text := baseline_text(data, protocol):
            lines += [markdown(text), '']
        for verdict in data.verdicts:
            lines += [f'{markdown(verdict)}.', '']
        if (worse := corruption_table(data)) is not None:
            lines += ['### Pictures made worse', '', *worse.markdown(), '']
    if warnings := summary_warnings(summary):
        lines += ['## Warnings', '', *(f'- {markdown(warning)}' for warning in warnings), '']
    write_text(path, '\n'.join(lines))


def summary_warnings(summary: EvaluationSummary) -> list[str]:
    """Return all warnings, each once, of several data sets with the names of those it is about."""
    words: dict[str, list[str]] = {}
    for data in summary.data:
        for text in data.warnings:
            words.setdefault(text, []).append(data.word)
    several = len(summary.data) > 1
    return [
        *summary.warnings,
        *(f'{some(found)}: {text}' if several else text for text, found in words.items()),
    ]


def protocol_text(protocol: EvaluationProtocol) -> str:
    """Return the name of a protocol with its parts, and which of them are not its own."""
    changed = f', not its own {" and ".join(protocol.changed)}' if protocol.changed else ''
    return f'{protocol.name}{changed}: {protocol.rule.text}'


def _model_line(label: str, model: ModelIdentity) -> str:
    return (
        f'- {markdown(label)}: {model.weights} weights, {model.backend} {model.precision}, '
        f'network input {shown(model.input_size)} (height × width) for the last image.'
    )


def baseline_text(data: DataResult, protocol: EvaluationProtocol) -> str:
    """Return what the ratios to a baseline are, in words; '' without one."""
    baseline, metric = data.baseline, data.judged_by
    if baseline is None:
        return ''
    candidates = ', '.join(
        f'{name} {_number(found.means.get(metric))}' for name, found in baseline.candidates.items()
    )
    made_of = f'{protocol.baseline_scenes} scenes of {protocol.baseline}'
    return (
        f'Ratio: mean {metric} over that of the best image-independent predictor '
        f'({baseline.chosen}; candidates: {candidates}), made of {made_of} and aligned in the '
        f'same way. Interval: {DRAWS} bootstrap draws of sources, then of images in them; in the '
        'row of a source, of its images only.'
    )
