"""The page of an evaluation on data sets: report.html beside report.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.run_charts import distance_chart
from depth_anything_ros.json_text import record
from depth_anything_ros.lab.datasets.comparison import COMPARED
from depth_anything_ros.lab.datasets.comparison_report import (
    baseline_text,
    corruption_table,
    obstacle_tables,
    protocol_text,
    source_table,
)
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
_ERROR = METRICS[COMPARED].short


def write_evaluation_page(
    path: Path,
    summary: EvaluationSummary,
    images: Mapping[str, Sequence[ImageScores]],
    pictures: Sequence[Path],
) -> None:
    """
    Write a page of the tables of all data sets, with charts of their images.

    :param images: the scores by the word of the data.
    :param pictures: files, linked by their path relative to the page.
    :raises MissingDependencyError: if Jinja2 is not installed.
    :raises OutputError: if the file cannot be written.
    """
    warnings = [*summary.warnings, *(text for data in summary.data for text in data.warnings)]
    page = Page(
        title=f'Depth against truth: {", ".join(summary.models)}',
        lead=(
            f'Protocol {protocol_text(summary.protocol)}; per image, then averaged over images. '
            f'Source of the protocol: {summary.protocol.source}.'
        ),
        warnings=warnings,
        figures=_figures(summary),
        sections=[
            *(
                Section(data.word, _data(summary, data, images[data.word]))
                for data in summary.data
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
            number(found.whole.metrics.means.get(COMPARED), '.3g'),
            f'{_ERROR}, {label}',
            data.word if several else f'{found.whole.metrics.images} images',
        )
        for data in summary.data
        for label, found in data.models.items()
    ]


def _data(
    summary: EvaluationSummary, data: DataResult, images: Sequence[ImageScores]
) -> list[Part]:
    """Return what is known of one data set: its tables, its charts, its extreme images."""
    errors = {label: _errors(images, label) for label in data.models}
    means = {label: found.whole.metrics.means for label, found in data.models.items()}
    worse, protocol = corruption_table(data), summary.protocol
    baseline = data.baseline and baseline_text(data.baseline, protocol)
    charts = [_by_image(errors), _by_share(errors)]
    if protocol.rule.max_depth_m < UNBOUNDED_M:
        charts.append(distance_chart(means, protocol.rule.max_depth_m, range(len(means))))
    return [
        Grid(source_table(data), 'Scores by source'),
        *(Grid(table, 'Obstacles') for table in obstacle_tables(data, protocol.rule)),
        *(Note(f'{verdict}.') for verdict in data.verdicts),
        *([Note(baseline)] if baseline else []),
        *([Grid(worse, 'Pictures made worse')] if worse is not None else []),
        Charts(charts),
        Fold('Worst and best images', _extremes(images, errors)),
    ]


def _errors(images: Sequence[ImageScores], label: str) -> Float64Array:
    """Return the compared metric of each image, (n,), NaN without a score."""
    found = (image.scores.get(label) for image in images)
    return np.array([np.nan if score is None else score.values[COMPARED] for score in found])


def _by_image(errors: Mapping[str, Float64Array]) -> Chart:
    series = [
        Series(label, np.arange(1.0, len(values) + 1), values, Shape.DOTS, colour)
        for colour, (label, values) in enumerate(errors.items())
    ]
    return Chart(f'{_ERROR} of each image', Axis('image'), Axis(_ERROR, log=True), series)


def _by_share(errors: Mapping[str, Float64Array]) -> Chart:
    series = []
    for colour, (label, values) in enumerate(errors.items()):
        known = np.sort(values[np.isfinite(values)])
        share = 100.0 * np.arange(1, len(known) + 1) / max(len(known), 1)
        series.append(Series(label, share, known, colour=colour))
    return Chart(
        f'{_ERROR} that a share of the images stays below',
        Axis('images', '%', start=0.0),
        Axis(_ERROR, log=True),
        series,
    )


def _extremes(images: Sequence[ImageScores], errors: Mapping[str, Float64Array]) -> list[Part]:
    """Return the images of the largest and of the smallest error of the first model."""
    label, first = next(iter(errors.items()))
    order = [int(place) for place in np.argsort(-first) if np.isfinite(first[place])]
    headings = ['image', 'source', *(f'{_ERROR}, {label}' for label in errors)]
    return [
        Grid(
            Table(headings, [_row(images[place], errors, place) for place in places]),
            f'{name} images of {label}',
        )
        for name, places in (('Worst', order[:_EXTREMES]), ('Best', order[::-1][:_EXTREMES]))
    ]


def _row(image: ImageScores, errors: Mapping[str, Float64Array], place: int) -> list[object]:
    found = [float(values[place]) for values in errors.values()]
    return [image.name, image.source, *(value if isfinite(value) else None for value in found)]
