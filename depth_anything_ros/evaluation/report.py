"""The files of a run: frames.csv, summary.json, report.html and pictures."""

from __future__ import annotations

import math
import os
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from depth_anything_ros.escape import html
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.plots import (
    latency_plot,
    metric_plot,
    stage_plot,
    why_no_plots,
)
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.evaluation.stability import Stability
from depth_anything_ros.evaluation.summary import RunSummary, ScoreTable
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.files import write_json, write_text
from depth_anything_ros.json_text import keys, record
from depth_anything_ros.table import Table, shown
from depth_anything_ros.types import ModelIdentity

FRAMES, SUMMARY, PAGE = 'frames.csv', 'summary.json', 'report.html'

_STYLE = """
body { font-family: sans-serif; max-width: 1060px; margin: 2em auto; color: #222; }
table { border-collapse: collapse; margin: 0.6em 0; }
th, td { border: 1px solid #ccc; padding: 0.25em 0.7em; text-align: right; }
th:first-child, td:first-child { text-align: left; }
th { background: #f2f2f2; }
.warning { background: #fde8e8; border-left: 6px solid #c22; padding: 0.6em 1em; margin: 0.4em 0; }
.note { color: #666; font-size: 90%; }
img { max-width: 100%; }
"""


def write_frames_csv(path: Path, table: FrameTable, rows: int | None = None) -> None:
    """
    Write one line per frame; the columns are those of :class:`FrameTable`.

    :param rows: how many of the frames, from the first on; None is all.
    :raises OutputError: if the file cannot be written.
    """
    write_text(path, Table(table.header(), table.rows(0, rows)).csv())


def write_summary(path: Path, summary: RunSummary) -> None:
    """
    Write a summary as JSON; numbers that are not finite become null.

    :raises OutputError: if the file cannot be written.
    """
    write_json(path, _finite(summary))


def write_report(
    path: Path, summary: RunSummary, table: FrameTable, pictures: Sequence[Path]
) -> None:
    """
    Write a page that holds its plots and links to the pictures.

    Without the library that draws them the page has no plots.

    :param path: the HTML file; folders on the way are made.
    :param summary: of the run.
    :param table: the frames.
    :param pictures: PNG files, linked by their path relative to the page.
    :raises OutputError: if the file cannot be written.
    """
    modes = [AlignmentMode(name) for name in summary.metrics]
    stages_ms, frames = summary.stages_ms, record(summary.frames)
    model = record(summary.model) if summary.model else dict.fromkeys(keys(ModelIdentity))
    parts = [
        f'<h1>Depth evaluation: {html(shown(model["name"]))}</h1>',
        *(f'<p class="warning">{html(warning)}</p>' for warning in summary.warnings),
        '<h2>Frames and latency</h2>',
        Table(['', *frames], [['frames', *frames.values()]]).html(),
        Table(
            ['', *summary.latency_ms, 'rate'],
            [
                [
                    'latency (capture → arrival) in ms',
                    *summary.latency_ms.values(),
                    f'{shown(summary.rate_hz)} Hz',
                ]
            ],
        ).html(),
        _image(
            partial(latency_plot, table.seconds(), table.values('latency_ms'), summary.latency_ms)
        ),
        '<h2>Metrics</h2>',
        _metrics_table(summary.metrics),
        _stability_table(summary.stability),
        _image(partial(metric_plot, table, modes, ('abs_rel', 'rmse', 'delta1'))),
    ]
    if stages_ms:
        parts += [
            '<h2>Stages of the depth node</h2>',
            Table(
                ['ms', *next(iter(stages_ms.values()))],
                [[name, *values.values()] for name, values in stages_ms.items()],
            ).html(),
            _image(partial(stage_plot, stages_ms)),
        ]
    parts += ['<h2>Model</h2>', Table(['', ''], list(model.items())).html()]
    environment = list(summary.environment.items())
    parts += ['<h2>Environment</h2>', Table(['', ''], environment).html()]
    parts += _gallery(path, pictures)
    body = '\n'.join(parts)
    write_text(
        path,
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>Depth evaluation</title><style>{_STYLE}</style></head>\n'
        f'<body>\n{body}\n</body></html>\n',
    )


def _metrics_table(metrics: Mapping[str, ScoreTable]) -> str:
    rows = [[name, *scores.means.values(), scores.frames] for name, scores in metrics.items()]
    names = [name for scores in [*metrics.values()][:1] for name in (*scores.means, 'frames')]
    notes = ''.join(
        f'<li>{name}{f" in {metric.unit}" if metric.unit else ""}, {metric.better.value} is '
        f'better: {html(metric.formula)}</li>'
        for name, metric in METRICS.items()
        if name in names
    )
    return (
        Table(['alignment', *names], rows).html()
        + '<p class="note">Per image, then averaged over images. <b>none</b> takes the numbers '
        'as metres (meaningless for a relative model); <b>scale</b> and <b>scale_shift</b> are '
        'fitted to the truth of each image; <b>online</b> is metric depth as published.</p>'
        f'<ul class="note">{notes}</ul>'
    )


def _stability_table(stability: Mapping[str, Stability]) -> str:
    rows = [[name, *record(found).values()] for name, found in stability.items()]
    return (
        Table(
            ['change from frame to frame', 'in m', 'as a share of depth', 'frames', 'gap in s'],
            rows,
        ).html()
        + '<p class="note">Mean absolute change of the prediction where the truth stays within '
        '2 %; with a still camera that is everywhere. Frames after a longer gap than 1.5 times '
        'the median do not count. Compare runs of the same gap only: a run in lockstep loses no '
        'frame.</p>'
    )


def _gallery(page: Path, pictures: Sequence[Path]) -> list[str]:
    if not pictures:
        return []
    links = [quote(Path(os.path.relpath(picture, page.parent)).as_posix()) for picture in pictures]
    return [
        '<h2>Pictures</h2>',
        *(
            f'<p><a href="{html(link)}"><img src="{html(link)}" loading="lazy" '
            f'alt="{html(Path(link).stem)}"></a></p>'
            for link in links
        ),
    ]


def _image(draw: Callable[[], bytes]) -> str:
    if why_no_plots():
        return ''
    png = draw()
    return f'<img alt="plot" src="data:image/png;base64,{b64encode(png).decode("ascii")}">'


def _finite(value: object) -> object:
    """Return plain lists, dicts, text and numbers; what is not finite is None."""
    if is_dataclass(value):
        value = record(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
