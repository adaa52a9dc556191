"""The plots of a benchmark, as PNG bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from depth_anything_ros.evaluation.plots import to_png
from depth_anything_ros.lab.benchmark.rows import (
    BenchmarkRow,
    LayerRow,
    TimedRow,
    size_text,
    timed_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Colour = tuple[float, float, float, float]

_MARKERS = 'osD^vP*X<>hdp'
_STAGES: dict[str, tuple[str, Callable[[BenchmarkRow], float | None]]] = {
    'pre-processing': ('C0', lambda row: row.preprocess_ms),
    'encoder': ('C1', lambda row: row.encoder_ms),
    'decoder': ('C3', lambda row: row.decoder_ms),
    'network (one graph)': (
        '0.6',
        lambda row: row.network_ms if row.encoder_ms is None else None,
    ),
    'post-processing': ('C2', lambda row: row.postprocess_ms),
}


def draw(results: Sequence[BenchmarkRow], layers: Sequence[LayerRow]) -> dict[str, bytes]:
    """
    Return the plots that the rows allow, by the name of their file.

    Latency against resolution needs two sizes.

    :param results: rows of a benchmark, also those that failed.
    :param layers: rows that describe layers.
    """
    done = timed_rows(results)
    pictures = {}
    if done:
        if len({_pixels(timed) for timed in done}) > 1:
            pictures['latency_resolution.png'] = resolution_plot(done)
        pictures['latency_parameters.png'] = parameter_plot(done)
        pictures['latency_macs.png'] = operation_plot(done)
        for asked, rows in groupby(done, lambda timed: timed.row.asked_size):
            at = '' if asked == '0' else f'_{asked}'
            pictures[f'stages{at}.png'] = stage_plot(list(rows))
    for (title, size), of_network in groupby(
        layers, lambda row: (row.title, size_text(row.input_size))
    ):
        word = re.sub(r'[^\w.-]+', '_', title)
        pictures[f'layers_{word}_{size}.png'] = layer_plot(list(of_network))
    return pictures


def resolution_plot(done: Sequence[TimedRow]) -> bytes:
    """Return p50 over the pixels of the input, a line for each model and way of running it."""

    def paint(axes: Axes, rows: Sequence[TimedRow]) -> None:
        _lines(axes, rows, done, lambda row: _pixels(row) / 1e6)
        places = {_pixels(row) / 1e6: size_text(row.size) for row in rows}
        axes.set(xscale='log', xlabel='network input in pixels (height x width)')
        axes.set_xticks(*_apart(places), rotation=30, ha='right')
        axes.minorticks_off()

    return _latency_plot({'': done}, paint)


def parameter_plot(done: Sequence[TimedRow]) -> bytes:
    """Return p50 over the parameters of the networks, a panel for each size asked for."""

    def paint(axes: Axes, rows: Sequence[TimedRow]) -> None:
        _lines(axes, rows, done, lambda row: row.counts.parameters / 1e6)
        axes.set(xscale='log', xlabel='parameters in 10⁶')
        _plain_ticks(axes.xaxis)

    panels: dict[str, list[TimedRow]] = {}
    for timed in done:
        asked = timed.row.asked_size
        panels.setdefault('own size' if asked == '0' else f'input {asked}', []).append(timed)
    return _latency_plot(panels, paint)


def operation_plot(done: Sequence[TimedRow]) -> bytes:
    """Return p50 over multiply-accumulates, with what the machine's best rate would give."""

    def paint(axes: Axes, rows: Sequence[TimedRow]) -> None:
        _lines(axes, rows, done, lambda row: row.counts.macs / 1e9)
        operations = [row.counts.macs / 1e9 for row in rows]
        ends = [min(operations) / 1.5, max(operations) * 1.5]
        for (precision, device), peak in best_rates(rows).items():
            style = {'fp32': '-', 'bf16': '--', 'fp16': ':'}[precision]
            axes.plot(ends, [2e3 * end / peak for end in ends], style, color='0.7',
                      linewidth=1, zorder=0)  # fmt: skip
            axes.annotate(f'{precision} on {device} at {peak:.0f} GFLOP/s',
                          (ends[0], 2e3 * ends[0] / peak), size=7, color='0.45', va='top',
                          xytext=(14, 2), textcoords='offset points')  # fmt: skip
        axes.set(xscale='log', xlabel='multiply-accumulates in 10⁹')
        _plain_ticks(axes.xaxis)

    return _latency_plot({'': done}, paint)


def best_rates(rows: Sequence[TimedRow]) -> dict[tuple[str, str], float]:
    """Return the best rates in GFLOP/s by precision and device; some rows are held to none."""
    return {
        (row.precision.value, row.device): row.peak_gflop_per_s
        for row, *_ in rows
        if row.peak_gflop_per_s is not None
    }


def stage_plot(done: Sequence[TimedRow]) -> bytes:
    """Return the median stages of rows at one size as stacked bars, in ms and as shares."""
    labels = [f'{_label(timed)}, {size_text(timed.size)}' for timed in done]
    places = range(len(done))

    def paint(figure: Figure) -> None:
        absolute, relative = figure.subplots(1, 2, sharey=True)
        for axes in (absolute, relative):
            left = [0.0] * len(done)
            for label, (colour, _) in _STAGES.items():
                values = [_stage_ms(timed.row, label) for timed in done]
                if axes is relative:
                    values = [
                        100 * value / sum(_stage_ms(timed.row, stage) for stage in _STAGES)
                        for value, timed in zip(values, done, strict=True)
                    ]
                if any(values):
                    axes.barh(places, values, left=left, height=0.7, label=label, color=colour)
                left = [start + value for start, value in zip(left, values, strict=True)]
            axes.grid(alpha=0.3, axis='x')
            axes.set_axisbelow(True)
        absolute.set_yticks(places, labels, size=8)
        absolute.set_ylim(len(done) - 0.4, -0.6)
        absolute.set(xlabel='median duration in ms')
        relative.set(xlabel='share in %', xlim=(0, 100))
        figure.legend(*absolute.get_legend_handles_labels(), loc='outside upper center', ncol=5,
                      frameon=False, fontsize='small')  # fmt: skip

    return to_png(paint, 1.4 + 0.24 * max(len(done), 3))


def layer_plot(rows: Sequence[LayerRow]) -> bytes:
    """Return range, mean, std and share of zeros of the layers of one network, in their order."""
    layers = [row.statistics for row in rows]

    def known(values: Iterable[float | None]) -> list[float]:
        return [math.nan if value is None else value for value in values]

    def paint(figure: Figure) -> None:
        spread, zeros = figure.subplots(2, 1, sharex=True, gridspec_kw={'height_ratios': (3, 1)})
        places = range(1, len(layers) + 1)
        means, stds = known(layer.mean for layer in layers), known(layer.std for layer in layers)
        ends = (
            known(layer.minimum for layer in layers), known(layer.maximum for layer in layers)
        )  # fmt: skip
        spread.fill_between(places, *ends, step='mid', alpha=0.25,
                            label='least to greatest')  # fmt: skip
        deviations = list(zip(means, stds, strict=True))
        spread.fill_between(places, [mean - std for mean, std in deviations],
                            [mean + std for mean, std in deviations], step='mid', alpha=0.5,
                            color='C1', label='mean ± std')  # fmt: skip
        spread.step(places, means, where='mid', color='k', linewidth=1, label='mean')
        spread.set_yscale('symlog', linthresh=1.0)
        spread.set(ylabel='output, no unit')
        zeros.bar(places, [100 * layer.sparsity for layer in layers], width=1.0, color='C2')
        zeros.set(ylabel='zeros in %', xlabel='convolutions and linear layers in their order')
        in_encoder = sum(row.part == 'encoder' for row in rows)
        for axes in (spread, zeros):
            axes.axvline(in_encoder + 0.5, color='0.4', linestyle='--', linewidth=1)
            axes.grid(alpha=0.3)
        spread.annotate('decoder →', (in_encoder + 0.5, 1), xycoords=('data', 'axes fraction'),
                        xytext=(4, -12), textcoords='offset points', size=8)  # fmt: skip
        first = rows[0]
        spread.set_title(f'{first.title}, {first.weights} weights, fp32, '
                         f'{size_text(first.input_size)}', size=10)  # fmt: skip
        spread.legend(loc='lower left', fontsize='small', ncol=3)

    return to_png(paint, 5.0)


def _lines(
    axes: Axes,
    rows: Sequence[TimedRow],
    done: Sequence[TimedRow],
    place: Callable[[TimedRow], float],
) -> None:
    """Draw p50 of each model and way of running it, as in the legend; a line joins its sizes."""
    models, ways = _models(done), _ways(done)
    for label, of_label in groupby(sorted(rows, key=_label), _label):
        ordered = sorted(of_label, key=place)
        first = ordered[0]
        axes.plot([place(row) for row in ordered], [row.times.p50_ms for row in ordered],
                  color=models[first.row.title], marker=ways[_way(first)], markersize=5.5,
                  linewidth=1.2, alpha=0.85, linestyle='--' if first.row.baseline else '-',
                  label=label)  # fmt: skip


def _models(done: Sequence[TimedRow]) -> dict[str, Colour]:
    """Return the models with their colours."""
    from matplotlib import colormaps

    names = dict.fromkeys(timed.row.title for timed in done)
    table = colormaps['tab10' if len(names) <= 10 else 'tab20']
    colours = [table(place) for place in range(table.N)]
    return {name: colours[place % len(colours)] for place, name in enumerate(names)}


def _ways(done: Sequence[TimedRow]) -> dict[str, str]:
    """Return the ways of running with their markers."""
    names = dict.fromkeys(_way(row) for row in done)
    return {name: _MARKERS[place % len(_MARKERS)] for place, name in enumerate(names)}


def _way(timed: TimedRow) -> str:
    return timed.row.way


def _label(timed: TimedRow) -> str:
    return f'{timed.row.title}, {_way(timed)}'


def _pixels(timed: TimedRow) -> int:
    height, width = timed.size
    return height * width


def _stage_ms(row: BenchmarkRow, stage: str) -> float:
    _, value = _STAGES[stage]
    return value(row) or 0.0


def _latency_plot(
    panels: Mapping[str, Sequence[TimedRow]], paint: Callable[[Axes, Sequence[TimedRow]], None]
) -> bytes:
    """Return panels with p50 upwards; colours name models, markers what runs them."""
    done = [row for rows in panels.values() for row in rows]

    def picture(figure: Figure) -> None:
        from matplotlib.lines import Line2D

        drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, rows) in zip(drawn, panels.items(), strict=True):
            paint(axes, rows)
            axes.set(yscale='log')
            axes.set_title(title, size=9)
            axes.grid(alpha=0.3, which='both')
        drawn[0].set_ylabel('p50 of the network in ms')
        _plain_ticks(drawn[0].yaxis)
        handles = [Line2D([], [], color=colour, linewidth=3, label=name)
                   for name, colour in _models(done).items()]  # fmt: skip
        handles += [Line2D([], [], color='k', marker=marker, linestyle='', label=way)
                    for way, marker in _ways(done).items()]  # fmt: skip
        figure.legend(handles=handles, loc='outside right upper', fontsize='small', frameon=False)

    return to_png(picture, 5.0)


def _plain_ticks(axis: Axis) -> None:
    """Write 200 instead of 2·10²; between the tens 2 and 5 only, where there is little room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axis.set_minor_formatter(NullFormatter())


def _apart(places: dict[float, str]) -> tuple[list[float], list[str]]:
    """Return places and names of ticks, of neighbours closer than a tenth the first only."""
    kept: dict[float, str] = {}
    for place, name in sorted(places.items()):
        if not kept or place > 1.1 * max(kept):
            kept[place] = name
    return list(kept), list(kept.values())
