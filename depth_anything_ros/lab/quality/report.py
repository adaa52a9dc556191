"""What a scoring run leaves: samples.csv, statistics tables, a plot of the scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from depth_anything_ros.escape import plot
from depth_anything_ros.evaluation.plots import new_figure, save_figure
from depth_anything_ros.files import write_json, write_text
from depth_anything_ros.lab.quality.scores import DepthScore
from depth_anything_ros.lab.quality.selection import (
    DataStatistics,
    Reason,
    ScoredSample,
    defined_scores,
    statistics,
)
from depth_anything_ros.table import Table, number

# The three panels of the paper's figure 5.
PLOTTED = {
    'total': 'total score',
    'distribution': 'depth distribution score',
    'gradient': 'gradient continuity score',
}
SUMMARY = 'all'
_SCORE_COLUMNS = tuple(field.name for field in fields(DepthScore))
_BAR_WIDTH = 0.6


def write_samples(path: Path, samples: Iterable[ScoredSample]) -> None:
    """
    Write a CSV file with a row for every sample.

    Columns: data, name, source, the fields of DepthScore (empty where undefined), kept (1 or 0),
    reasons (separated by spaces) and failure.

    :raises OutputError: if it cannot be written.
    """
    columns = ('data', 'name', 'source', *_SCORE_COLUMNS, 'kept', 'reasons', 'failure')
    rows = [
        (
            sample.data,
            sample.name,
            sample.source,
            *_score_cells(sample.score),
            int(sample.kept),
            ' '.join(reason.value for reason in sample.reasons),
            ' '.join(sample.failure.split()),
        )
        for sample in samples
    ]
    write_text(path, Table(columns, rows).csv())


def tabulate(samples: Mapping[str, Sequence[ScoredSample]]) -> list[DataStatistics]:
    """Return the statistics of each data set, and of all together where there are several."""
    rows = [statistics(label, found) for label, found in samples.items()]
    if len(rows) > 1:
        rows.append(statistics(SUMMARY, [item for found in samples.values() for item in found]))
    return rows


def statistics_table(rows: Sequence[DataStatistics]) -> Table:
    """Return the statistics for people; undefined means are a dash."""
    columns = ['data set', 'total', 'good', 'bad', *(reason.value for reason in Reason)]
    columns += ['mean total', 'mean distribution', 'mean gradient']
    cells = []
    for row in rows:
        counts = (row.total, row.good, row.bad, *(row.dropped[reason] for reason in Reason))
        means = (row.mean_total, row.mean_distribution, row.mean_gradient)
        cells.append(
            [
                row.data,
                *map(str, counts),
                *(number(_known(mean), '.3f') for mean in means),
            ]
        )
    return Table(columns, cells)


def statistics_records(rows: Sequence[DataStatistics]) -> list[Mapping[str, object]]:
    """Return the statistics as plain dicts for JSON; undefined means are None."""
    return [
        {
            'data': row.data,
            'total': row.total,
            'good': row.good,
            'bad': row.bad,
            'dropped': {reason.value: row.dropped[reason] for reason in Reason},
            'mean_total': _known(row.mean_total),
            'mean_distribution': _known(row.mean_distribution),
            'mean_gradient': _known(row.mean_gradient),
        }
        for row in rows
    ]


def write_statistics(folder: Path, rows: Sequence[DataStatistics]) -> None:
    """
    Write statistics.md, statistics.csv and statistics.json into a folder.

    The CSV has a column for each reason where the JSON has `dropped`.

    :raises OutputError: if a file cannot be written.
    """
    lines = statistics_table(rows).markdown()
    write_text(folder / 'statistics.md', ''.join(f'{line}\n' for line in lines))
    records = statistics_records(rows)
    flat = [
        {name: value for name, value in record.items() if name != 'dropped'}
        | {reason.value: row.dropped[reason] for reason in Reason}
        for row, record in zip(rows, records, strict=True)
    ]
    table = Table(list(flat[0]), [list(row.values()) for row in flat])
    write_text(folder / 'statistics.csv', table.csv())
    write_json(folder / 'statistics.json', records)


def write_plot(path: Path, samples: Mapping[str, Sequence[ScoredSample]]) -> None:
    """
    Draw the three scores of each data set as boxes: quartiles, 5th and 95th percentile, mean.

    Source: figure 5 of the AnyDepth paper.

    :param path: of the PNG file.
    :raises MissingDependencyError: if matplotlib is not installed.
    :raises OutputError: if it cannot be written.
    """
    labels = list(samples)
    scores = [defined_scores(samples[label]) for label in labels]
    figure = new_figure((10, 3.6), 120, layout='constrained')
    panels = figure.subplots(1, len(PLOTTED), sharex=True, sharey=True)
    for panel, (name, title) in zip(panels, PLOTTED.items(), strict=True):
        panel.boxplot(
            [[getattr(score, name) for score in found] for found in scores],
            positions=range(len(labels)),
            widths=_BAR_WIDTH,
            whis=(5, 95),
            showfliers=False,
            showmeans=True,
            medianprops={'color': 'C0'},
            meanprops={'marker': 'D', 'markerfacecolor': 'C1', 'markeredgecolor': 'C1'},
        )
        panel.set(title=title, ylim=(0, 1))
        panel.grid(axis='y', alpha=0.3)
        panel.set_xticks(range(len(labels)), list(map(plot, labels)), rotation=20, ha='right')
    figure.supxlabel('larger is better; box: quartiles, whiskers: 5 and 95 %, diamond: mean')
    save_figure(path, figure)


def _score_cells(score: DepthScore | None) -> list[str]:
    if score is None:
        return [''] * len(_SCORE_COLUMNS)
    return ['' if math.isnan(value) else f'{value:.6g}' for value in astuple(score)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
