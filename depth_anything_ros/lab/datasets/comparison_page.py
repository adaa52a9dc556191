"""The page of an evaluation on data sets: report.html beside report.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from depth_anything_ros.evaluation.frame_card import frame_cards
from depth_anything_ros.evaluation.mean_doubts import MeanDoubts
from depth_anything_ros.evaluation.metrics import METRICS, Better, Group, Metric
from depth_anything_ros.evaluation.reliability import Reliability
from depth_anything_ros.evaluation.run_charts import (
    distance_chart,
    reliability_chart,
    sparsification_chart,
)
from depth_anything_ros.evaluation.sparsification import Sparsification, mean_curves
from depth_anything_ros.json_text import record
from depth_anything_ros.lab.datasets.comparison import worst_first
from depth_anything_ros.lab.datasets.comparison_report import (
    baseline_text,
    corruption_table,
    ground_texts,
    obstacle_tables,
    protocol_text,
    source_table,
    summary_warnings,
)
from depth_anything_ros.lab.datasets.gallery import ExtremeImages
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import DataResult, EvaluationSummary
from depth_anything_ros.lab.datasets.scoring_rule import UNBOUNDED_M
from depth_anything_ros.page.axis import Axis
from depth_anything_ros.page.chart import Chart, Series, Shape
from depth_anything_ros.page.parts import (
    Charts,
    Facts,
    Figure,
    Fold,
    Gallery,
    Grid,
    Note,
    Page,
    Part,
    Section,
)
from depth_anything_ros.page.writer import write_page
from depth_anything_ros.table import Table, number
from depth_anything_ros.types import Float64Array

# Of the worst and of the best images, in a table.
_EXTREMES = 10
_RANKING = (
    'By AbsRel of {}, of different sources where there are enough. Clouds are seen from the right '
    'and above.'
)
_DANGERS = (
    'By the shares of obstacles missed, and of near cells seen through, together. What the camera '
    'cannot see is neither missed nor false.'
)


def write_evaluation_page(
    path: Path,
    summary: EvaluationSummary,
    images: Mapping[str, Sequence[ImageScores]],
    pictures: Sequence[Path],
    extremes: Mapping[str, ExtremeImages],
) -> None:
    """
    Write a page of the tables of all data sets, with charts of their images.

    :param images: the scores by the word of the data.
    :param pictures: files, linked by their path relative to the page.
    :param extremes: the worst and best images by the word of the data.
    :raises MissingDependencyError: if Jinja2 is not installed.
    :raises OutputError: if the file cannot be written.
    """
    page = Page(
        title=f'Depth against truth: {", ".join(summary.models)}',
        lead=(
            f'Protocol {protocol_text(summary.protocol)}; per image, then averaged over images. '
            f'Source of the protocol: {summary.protocol.source}.'
        ),
        warnings=summary_warnings(summary),
        figures=_figures(summary),
        sections=[
            *(
                section
                for data in summary.data
                for section in (
                    Section(data.word, _data(summary, data, images[data.word])),
                    *_cards(summary, data.word, extremes.get(data.word, ExtremeImages())),
                )
            ),
            Section('Pictures', [Gallery.linking(pictures, path.parent)] if pictures else []),
            *(
                Section(f'Model {label}', [Facts(record(model))])
                for label, model in summary.models.items()
            ),
            Section('Environment', [Facts(summary.environment)]),
        ],
    )
    write_page(path, page)


def _figures(summary: EvaluationSummary) -> list[Figure]:
    several = len(summary.data) > 1
    return [
        Figure(
            number(found.whole.metrics.means.get(data.judged_by), '.3g'),
            f'{METRICS[data.judged_by].short}, {label}',
            data.word if several else f'{found.whole.metrics.images} images',
        )
        for data in summary.data
        for label, found in data.models.items()
    ]


def _data(
    summary: EvaluationSummary, data: DataResult, images: Sequence[ImageScores]
) -> list[Part]:
    """Return what is known of one data set: its tables, its charts, its extreme images."""
    metric = METRICS[data.judged_by]
    values = {label: _values(images, label, metric.name) for label in data.models}
    means = {label: found.whole.metrics.means for label, found in data.models.items()}
    worse, protocol = corruption_table(data), summary.protocol
    baseline = baseline_text(data, protocol)
    charts = [_by_image(values, metric), _by_share(values, metric)]
    if protocol.rule.max_depth_m < UNBOUNDED_M and metric.group is not Group.ORDER:
        charts.append(distance_chart(means, protocol.rule.max_depth_m, range(len(means))))
    charts += _doubts(images, list(data.models))
    return [
        Grid(source_table(data), 'Scores by source'),
        *(Grid(table, 'Obstacles') for table in obstacle_tables(data, protocol.rule)),
        *map(Note, ground_texts(data)),
        *(Note(f'{verdict}.') for verdict in data.verdicts),
        *([Note(baseline)] if baseline else []),
        *([Grid(worse, 'Pictures made worse')] if worse is not None else []),
        Charts(charts),
        Fold('Worst and best images', _extremes(images, values, metric)),
    ]


def _cards(summary: EvaluationSummary, word: str, shown: ExtremeImages) -> Iterator[Section]:
    """Yield the sections of the worst and of the best images."""
    of_what = f'of {word}' if len(summary.data) > 1 else ''
    for name, frames, unfolded in (('Worst', shown.worst, 1), ('Best', shown.best, 0)):
        if frames:
            note = Note(_RANKING.format(next(iter(summary.models))))
            cards = frame_cards(frames, unfolded)
            yield Section(f'{name} images {of_what}'.rstrip(), [note, *cards])
    if shown.dangers:
        cards = frame_cards(shown.dangers)
        yield Section(f'Obstacles missed {of_what}'.rstrip(), [Note(_DANGERS), *cards])


def _values(images: Sequence[ImageScores], label: str, metric: str) -> Float64Array:
    """Return a metric of each image, (n,), NaN where it is not known."""
    found = (image.scores.get(label) for image in images)
    return np.array([np.nan if score is None else score.values[metric] for score in found])


def _doubts(images: Sequence[ImageScores], labels: Sequence[str]) -> Iterator[Chart]:
    """Yield the charts of the models that tell how sure they are, or how far off."""
    curves: dict[str, Sparsification] = {}
    found: dict[str, Reliability] = {}
    for label in labels:
        scores = [image.scores[label] for image in images if label in image.scores]
        if sure := [score.sparsification for score in scores if score.sparsification]:
            curves[label] = mean_curves(sure)
        doubts = MeanDoubts()
        for score in scores:
            doubts.add(score)
        if doubts.sparsification is not None and doubts.reliability is not None:
            curves[f'{label} by σ'] = doubts.sparsification
            found[label] = doubts.reliability
    if curves:
        yield sparsification_chart(curves)
    if found:
        yield reliability_chart(found)


def _by_image(found: Mapping[str, Float64Array], metric: Metric) -> Chart:
    series = [
        Series(label, np.arange(1.0, len(values) + 1), values, Shape.DOTS, colour)
        for colour, (label, values) in enumerate(found.items())
    ]
    return Chart(f'{metric.short} of each image', Axis('image'), _axis(metric), series)


def _by_share(found: Mapping[str, Float64Array], metric: Metric) -> Chart:
    series = []
    for colour, (label, values) in enumerate(found.items()):
        known = np.sort(values[np.isfinite(values)])
        share = 100.0 * np.arange(1, len(known) + 1) / max(len(known), 1)
        series.append(Series(label, share, known, colour=colour))
    return Chart(
        f'{metric.short} that a share of the images stays below',
        Axis('images', '%', start=0.0),
        _axis(metric),
        series,
    )


def _axis(metric: Metric) -> Axis:
    return Axis(metric.short, metric.unit, log=metric.better is Better.LOWER)


def _extremes(
    images: Sequence[ImageScores], found: Mapping[str, Float64Array], metric: Metric
) -> list[Part]:
    """Return the worst and the best images of the first model."""
    label = next(iter(found))
    order = worst_first(images, label, metric.name)
    headings = ['image', 'source', *(f'{metric.short}, {label}' for label in found)]
    return [
        Grid(
            Table(headings, [_row(images[place], found, place) for place in places]),
            f'{name} images of {label}',
        )
        for name, places in (('Worst', order[:_EXTREMES]), ('Best', order[::-1][:_EXTREMES]))
    ]


def _row(image: ImageScores, found: Mapping[str, Float64Array], place: int) -> list[object]:
    values = [float(each[place]) for each in found.values()]
    return [image.name, image.source, *(value if isfinite(value) else None for value in values)]
