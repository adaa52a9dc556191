"""The files of an evaluation on data sets: images.csv and the tables of report.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depth_anything_ros.escape import markdown
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.table import SCORE_DETAILS
from depth_anything_ros.files import write_text
from depth_anything_ros.lab.bootstrap import DRAWS, LEVEL
from depth_anything_ros.lab.datasets.comparison import COMPARED
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.table import UNKNOWN, Table, number

_METRIC_COLUMNS = ('abs_rel', 'rmse', 'silog', 'delta1')
ALL = 'all'


def write_images_csv(path: Path, images: Mapping[str, Sequence[ImageScores]]) -> None:
    """
    Write one line for every image and predictor; what is not known is empty.

    Columns: data, source, image, predictor, the metrics, pixels, coverage, scale, shift, problem.

    :param images: the scores by the name of the data.
    :raises OutputError: if the file cannot be written.
    """
    columns = ['data', 'source', 'image', 'predictor', *METRICS, *SCORE_DETAILS, 'problem']
    rows = [
        [data, image.source, image.name, name, *_numbers(image, name), image.problems.get(name)]
        for data, scored in images.items()
        for image in scored
        for name in (*image.scores, *image.problems)
    ]
    write_text(path, Table(columns, rows).csv())


def _numbers(image: ImageScores, name: str) -> list[str]:
    score = image.scores.get(name)
    if score is None:
        return [''] * (len(METRICS) + len(SCORE_DETAILS))
    values = [score.values[metric] for metric in METRICS]
    values += [getattr(score, detail) for detail in SCORE_DETAILS]
    return [f'{value:.9g}' for value in values]


def source_table(data: Mapping[str, Any]) -> Table:
    """
    Return the figures of one data set: each source, then all images.

    :param data: as `comparison.summarise` returns it.
    """
    compared = 'ratio' in data
    headings = ['source', 'images', 'failed', *_METRIC_COLUMNS]
    if compared:
        headings += [f'baseline {COMPARED}', 'ratio', f'{LEVEL:.0%} interval']
    groups = [*data['sources'].items(), (ALL, data)]
    rows = [
        [name, str(group['images']), str(group['failed'])]
        + [_number(group['metrics'][metric]) for metric in _METRIC_COLUMNS]
        + (_ratio_cells(group['ratio']) if compared else [])
        for name, group in groups
    ]
    return Table(headings, rows)


def _ratio_cells(ratio: Mapping[str, Any]) -> list[str]:
    interval = (
        UNKNOWN if ratio['low'] is None else f'{_number(ratio["low"])} … {_number(ratio["high"])}'
    )
    return [_number(ratio['baseline']), _number(ratio['value']), interval]


def _number(value: float | None) -> str:
    return number(value, '.3f')


def write_markdown(path: Path, summary: Mapping[str, Any]) -> None:
    """
    Write the tables of all data sets with what they mean.

    :param summary: as in summary.json of the verb `evaluate`.
    :raises OutputError: if the file cannot be written.
    """
    model, protocol = summary['model'], summary['protocol']
    lines = [
        f'# {markdown(model["name"])}: depth against truth',
        '',
        f'{model["weights"]} weights, {model["backend"]} {model["precision"]}, network input '
        f'{"×".join(map(str, model["input_size"]))} (height × width) for the last image. '
        f'Alignment {protocol["alignment"]}, truth within {protocol["min_depth_m"]:g} to '
        f'{protocol["max_depth_m"]:g} m; per image, then averaged over images.',
        '',
    ]
    for data in summary['data']:
        lines += [f'## {markdown(data["word"])}', '', *source_table(data).markdown(), '']
        if 'baseline' in data:
            lines += [_baseline_line(data['baseline'], protocol), '']
    warnings = [*summary['warnings'], *(w for data in summary['data'] for w in data['warnings'])]
    if warnings:
        lines += ['## Warnings', '', *(f'- {markdown(warning)}' for warning in warnings), '']
    write_text(path, '\n'.join(lines))


def _baseline_line(baseline: Mapping[str, Any], protocol: Mapping[str, Any]) -> str:
    candidates = ', '.join(
        f'{name} {_number(means[COMPARED])}' for name, means in baseline['candidates'].items()
    )
    made_of = f'{protocol["baseline_scenes"]} scenes of {markdown(protocol["baseline"])}'
    return (
        f'Ratio: mean {COMPARED} over that of the best image-independent predictor '
        f'({baseline["chosen"]}; candidates: {candidates}), made of {made_of} and aligned in the '
        f'same way. Interval: {DRAWS} bootstrap draws of sources, then of images in them; in the '
        'row of a source, of its images only.'
    )
