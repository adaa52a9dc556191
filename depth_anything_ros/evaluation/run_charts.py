"""The charts of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from depth_anything_ros.evaluation.metrics import METRICS, Better, Group
from depth_anything_ros.evaluation.protocol import AlignmentMode, Means
from depth_anything_ros.evaluation.reliability import Reliability
from depth_anything_ros.evaluation.scale_track import ScaleTrack
from depth_anything_ros.evaluation.sparsification import Sparsification
from depth_anything_ros.evaluation.summary import Percentiles
from depth_anything_ros.evaluation.table import FrameTable, column
from depth_anything_ros.evaluation.view import band_edges_m
from depth_anything_ros.page.axis import Axis
from depth_anything_ros.page.chart import Chart, Mark, Series, Shape
from depth_anything_ros.page.parts import Bar, Bars
from depth_anything_ros.types import Float64Array, OutputKind

# Rules that follow the spread make 10,000 bars of one frame that took seconds.
_BINS = 60
# Latencies so many times this percentile would squeeze all others into one bar.
_MOST_PERCENTILE, _OUTLIER = 99.5, 1.5
_MARKED = ('p50', 'p95', 'p99')


def metric_chart(table: FrameTable, modes: Sequence[AlignmentMode], name: str) -> Chart:
    """Return a metric over the run, a line for each alignment that it is known for."""
    metric, (x, axis) = METRICS[name], _frame_axis(table)
    found = {mode: table.values(column(mode, name)) for mode in modes}
    return Chart(
        f'{metric.short or name} ({metric.better.value} is better)',
        axis,
        # Unaligned errors are so much larger that a linear axis would hide the others.
        Axis(metric.short or name, metric.unit, log=metric.better is Better.LOWER),
        [
            Series(mode.value, x, values, colour=colour_of(mode))
            for mode, values in found.items()
            if np.isfinite(values).any()
        ],
    )


def distance_chart(
    means: Mapping[str, Means], max_depth_m: float, colours: Sequence[int]
) -> Chart:
    """
    Return the mean error of each band of distance, a line for each predictor or alignment.

    :param means: the mean metrics of each.
    :param max_depth_m: far end of the last band.
    :param colours: of each.
    """
    names = [name for name, metric in METRICS.items() if metric.group is Group.DISTANCE]
    edges_m = [0.0, *band_edges_m(max_depth_m)]
    bands = {
        float(place): f'{near_m:g} … {far_m:g} m'
        for place, (near_m, far_m) in enumerate(pairwise(edges_m))
    }
    series = [
        Series(
            label,
            np.array(list(bands)),
            np.array([found.get(name) for name in names], np.float64),
            colour=colour,
        )
        for (label, found), colour in zip(means.items(), colours, strict=True)
    ]
    return Chart(
        'AbsRel by distance (lower is better)',
        Axis('distance of the truth', names=bands),
        Axis('AbsRel', log=True),
        series,
        note='Mean over the images that have at least 100 pixels in the band.',
    )


def sparsification_chart(curves: Mapping[str, Sparsification]) -> Chart:
    """
    Return how AbsRel falls while pixels are left out, the least sure first.

    Beside it are the best order and a random one, which leaves it as it is.

    :param curves: of each predictor.
    """
    series = []
    for place, (label, found) in enumerate(curves.items()):
        removed = 100.0 * found.removed
        series += [
            Series(f'{label}, least sure first', removed, found.error, colour=2 * place),
            Series(f'{label}, largest error first', removed, found.best, colour=2 * place + 1),
        ]
    return Chart(
        'AbsRel of the pixels that are left (lower is better)',
        Axis('pixels left out', '%', start=0.0),
        Axis('AbsRel', start=0.0),
        series,
        [Mark(f'{label}, at random', float(found.error[0])) for label, found in curves.items()],
        note='Where the two lines are close, the model knows where it errs; level, it does not.',
    )


def reliability_chart(curves: Mapping[str, Reliability]) -> Chart:
    """
    Return how many pixels lie within intervals of uncertainty, beside how many should.

    :param curves: of each predictor.
    """
    expected = 100.0 * next(iter(curves.values())).expected
    series = [
        Series(label, expected, 100.0 * found.observed, colour=place)
        for place, (label, found) in enumerate(curves.items())
    ]
    return Chart(
        'Pixels within an interval of uncertainty',
        Axis('that should be', '%', start=0.0),
        Axis('that are', '%', start=0.0),
        [*series, Series('as it should be', expected, expected, colour=len(series))],
        note='Below the straight line uncertainty is too small, above it too large.',
    )


def latency_charts(table: FrameTable, percentiles_ms: Percentiles) -> list[Chart]:
    """Return latency over the run and its histogram, the percentiles marked; [] if not known."""
    x, axis = _frame_axis(table)
    values_ms = table.values('latency_ms')
    known_ms = values_ms[np.isfinite(values_ms)]
    if not known_ms.size:
        return []
    marked = {name: value for name in _MARKED if (value := percentiles_ms[name]) is not None}
    first_ms, last_ms = known_ms.min(), known_ms.max()
    most_ms = float(np.percentile(known_ms, _MOST_PERCENTILE))
    shown_ms = most_ms if last_ms > _OUTLIER * most_ms else last_ms
    bins = int(np.clip(2 * math.sqrt(known_ms.size), 10, _BINS))
    counts, edges = np.histogram(known_ms, bins, (first_ms, max(shown_ms, first_ms + 1e-3)))
    beyond = known_ms.size - counts.sum()
    return [
        Chart(
            'Latency over the run',
            axis,
            Axis('latency', 'ms', start=0.0),
            [Series('latency', x, values_ms, Shape.DOTS)],
            [Mark(name, value) for name, value in marked.items()],
        ),
        Chart(
            'Histogram of latency',
            Axis('latency', 'ms'),
            Axis('frames', start=0.0),
            [Series('frames', edges, counts.astype(np.float64), Shape.BARS)],
            [
                Mark(name, value, upright=True)
                for name, value in marked.items()
                if value <= edges[-1]
            ],
            note=f'{beyond} frames took longer, up to {last_ms:.4g} ms' if beyond else '',
        ),
    ]


def scale_charts(
    table: FrameTable,
    modes: Sequence[AlignmentMode],
    published: ScaleTrack,
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH,
) -> list[Chart]:
    """
    Return scale and shift over the run: what the truth of each frame asks for, what was used.

    :param published: by the depth node, left out where stamps do not grow.
    :param kind: of what they bring to metres.
    :return: nothing where neither is known.
    """
    x, axis = _frame_axis(table)
    stamps_ns = published.stamps_ns()
    charts = []
    metres = 'm' if kind.is_line_of_depth else '1/m'
    for name, unit in (('scale', f'{metres} per unit of the output'), ('shift', metres)):
        series = []
        if AlignmentMode.SCALE_SHIFT in modes and len(table):
            fitted = table.values(column(AlignmentMode.SCALE_SHIFT, name))
            series.append(Series('fitted to the truth of the frame', x, fitted, colour=0))
        if len(stamps_ns) and axis.unit:
            used = published.values(name)
            series.append(
                Series('used by the depth node', table.seconds(stamps_ns), used, colour=1)
            )
        if series:
            charts.append(Chart(name.title(), axis, Axis(name, unit), series))
    return charts


def stage_bars(stages_ms: Mapping[str, Percentiles]) -> Bars:
    """Return the durations of the depth node's stages."""
    bars = [
        Bar(name, values.get('p50'), {mark: values.get(mark) for mark in _MARKED[1:]})
        for name, values in stages_ms.items()
    ]
    return Bars('Stages of the depth node', _MARKED[0], 'ms', bars)


def _frame_axis(table: FrameTable) -> tuple[Float64Array, Axis]:
    """Return where the frames lie: in seconds, or by their number where stamps do not grow."""
    seconds = table.seconds()
    if len(seconds) > 1 and (np.diff(seconds) > 0).all():
        return seconds, Axis('stamp since the first frame', 's')
    return np.arange(len(seconds), dtype=np.float64), Axis('frame')


def colour_of(mode: AlignmentMode) -> int:
    """Return the colour of an alignment, the same in all charts."""
    return list(AlignmentMode).index(mode)
