"""The plots of a benchmark, as PNG bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from depth_anything_ros.evaluation.plots import to_png
from depth_anything_ros.lab.benchmark.tables import name_of, size_text

Record = dict[str, Any]

_MARKERS = 'osD^vP*X<>hdp'
_STAGES = {
    'preprocess_ms': ('pre-processing', 'C0'),
    'encoder_ms': ('encoder', 'C1'),
    'decoder_ms': ('decoder', 'C3'),
    'network_ms': ('network (one graph)', '0.6'),
    'postprocess_ms': ('post-processing', 'C2'),
}


def draw(results: Sequence[Record], layers: Sequence[Record]) -> dict[str, bytes]:
    """
    Return the plots that the rows allow, by the name of their file.

    Latency against resolution needs two sizes.

    :param results: rows of a benchmark, also those that failed.
    :param layers: rows that describe layers.
    """
    done = [record for record in results if record['status'] == 'ok']
    pictures = {}
    if done:
        if len({_pixels(record) for record in done}) > 1:
            pictures['latency_resolution.png'] = resolution_plot(done)
        pictures['latency_parameters.png'] = parameter_plot(done)
        pictures['latency_macs.png'] = operation_plot(done)
        for asked, rows in groupby(done, lambda record: record['asked_size']):
            at = '' if asked == '0' else f'_{asked}'
            pictures[f'stages{at}.png'] = stage_plot(list(rows))
    for (name, size), rows in groupby(
        layers, lambda row: (name_of(row), size_text(row['input_size']))
    ):
        word = re.sub(r'[^\w.-]+', '_', name)
        pictures[f'layers_{word}_{size}.png'] = layer_plot(list(rows))
    return pictures


def resolution_plot(done: Sequence[Record]) -> bytes:
    """Return p50 over the pixels of the input, a line for each model and way of running it."""

    def paint(axes: Any, rows: Sequence[Record]) -> None:
        _lines(axes, rows, done, lambda row: _pixels(row) / 1e6)
        places = {_pixels(row) / 1e6: size_text(row['input_size']) for row in rows}
        axes.set(xscale='log', xlabel='network input in pixels (height x width)')
        axes.set_xticks(*_apart(places), rotation=30, ha='right')
        axes.minorticks_off()

    return _latency_plot({'': done}, paint)


def parameter_plot(done: Sequence[Record]) -> bytes:
    """Return p50 over the parameters of the networks, a panel for each size asked for."""

    def paint(axes: Any, rows: Sequence[Record]) -> None:
        _lines(axes, rows, done, lambda row: row['parameters'] / 1e6)
        axes.set(xscale='log', xlabel='parameters in 10⁶')
        _plain_ticks(axes.xaxis)

    panels: dict[str, list[Record]] = {}
    for row in done:
        asked = row['asked_size']
        panels.setdefault('own size' if asked == '0' else f'input {asked}', []).append(row)
    return _latency_plot(panels, paint)


def operation_plot(done: Sequence[Record]) -> bytes:
    """Return p50 over multiply-accumulates, with what the machine's best rate would give."""

    def paint(axes: Any, rows: Sequence[Record]) -> None:
        _lines(axes, rows, done, lambda row: row['macs'] / 1e9)
        operations = [row['macs'] / 1e9 for row in rows]
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


def best_rates(rows: Sequence[Record]) -> dict[tuple[str, str], float]:
    """Return the best rates in GFLOP/s by precision and device; some rows are held to none."""
    return {
        (row['precision'], row['device']): row['peak_gflop_per_s']
        for row in rows
        if row['peak_gflop_per_s'] is not None
    }


def stage_plot(done: Sequence[Record]) -> bytes:
    """Return the median stages of rows at one size as stacked bars, in ms and as shares."""
    labels = [f'{_label(row)}, {size_text(row["input_size"])}' for row in done]
    places = range(len(done))

    def paint(figure: Any) -> None:
        absolute, relative = figure.subplots(1, 2, sharey=True)
        for axes in (absolute, relative):
            left = [0.0] * len(done)
            for name, (label, colour) in _STAGES.items():
                values = [_stage_ms(row, name) for row in done]
                if axes is relative:
                    values = [
                        100 * value / sum(_stage_ms(row, stage) for stage in _STAGES)
                        for value, row in zip(values, done, strict=True)
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


def layer_plot(layers: Sequence[Record]) -> bytes:
    """Return range, mean, std and share of zeros of the layers of one network, in their order."""

    def paint(figure: Any) -> None:
        spread, zeros = figure.subplots(2, 1, sharex=True, gridspec_kw={'height_ratios': (3, 1)})
        places = range(1, len(layers) + 1)

        def of(name: str) -> list[float]:
            return [math.nan if row[name] is None else row[name] for row in layers]

        spread.fill_between(places, of('minimum'), of('maximum'), step='mid', alpha=0.25,
                            label='least to greatest')  # fmt: skip
        deviations = list(zip(of('mean'), of('std'), strict=True))
        spread.fill_between(places, [mean - std for mean, std in deviations],
                            [mean + std for mean, std in deviations], step='mid', alpha=0.5,
                            color='C1', label='mean ± std')  # fmt: skip
        spread.step(places, of('mean'), where='mid', color='k', linewidth=1, label='mean')
        spread.set_yscale('symlog', linthresh=1.0)
        spread.set(ylabel='output, no unit')
        zeros.bar(places, [100 * value for value in of('sparsity')], width=1.0, color='C2')
        zeros.set(ylabel='zeros in %', xlabel='convolutions and linear layers in their order')
        in_encoder = sum(row['part'] == 'encoder' for row in layers)
        for axes in (spread, zeros):
            axes.axvline(in_encoder + 0.5, color='0.4', linestyle='--', linewidth=1)
            axes.grid(alpha=0.3)
        spread.annotate('decoder →', (in_encoder + 0.5, 1), xycoords=('data', 'axes fraction'),
                        xytext=(4, -12), textcoords='offset points', size=8)  # fmt: skip
        first = layers[0]
        spread.set_title(f'{name_of(first)}, {first["weights"]} weights, fp32, '
                         f'{size_text(first["input_size"])}', size=10)  # fmt: skip
        spread.legend(loc='lower left', fontsize='small', ncol=3)

    return to_png(paint, 5.0)


def _lines(
    axes: Any,
    rows: Sequence[Record],
    done: Sequence[Record],
    place: Callable[[Record], float],
) -> None:
    """Draw p50 of each model and way of running it, as in the legend; a line joins its sizes."""
    models, ways = _models(done), _ways(done)
    for label, of_label in groupby(sorted(rows, key=_label), _label):
        ordered = sorted(of_label, key=place)
        first = ordered[0]
        axes.plot([place(row) for row in ordered], [row['p50_ms'] for row in ordered],
                  color=models[name_of(first)], marker=ways[_way(first)], markersize=5.5,
                  linewidth=1.2, alpha=0.85, linestyle='--' if first['baseline'] else '-',
                  label=label)  # fmt: skip


def _models(done: Sequence[Record]) -> dict[str, Any]:
    """Return the models with their colours."""
    from matplotlib import colormaps

    names = dict.fromkeys(name_of(row) for row in done)
    table: Any = colormaps['tab10' if len(names) <= 10 else 'tab20']
    colours = table.colors
    return {name: colours[place % len(colours)] for place, name in enumerate(names)}


def _ways(done: Sequence[Record]) -> dict[str, str]:
    """Return the ways of running with their markers."""
    names = dict.fromkeys(_way(row) for row in done)
    return {name: _MARKERS[place % len(_MARKERS)] for place, name in enumerate(names)}


def _network(row: Record) -> str:
    return f'{name_of(row)} {size_text(row["input_size"])}'


def _way(row: Record) -> str:
    device = '' if row['device'] == 'cpu' else f' {row["device"]}'
    return f'{row["backend"]} {row["precision"]}{device}'


def _label(row: Record) -> str:
    return f'{name_of(row)}, {_way(row)}'


def _pixels(row: Record) -> int:
    height, width = row['input_size']
    return int(height * width)


def _stage_ms(row: Record, name: str) -> float:
    if name == 'network_ms' and row['encoder_ms'] is not None:
        return 0.0
    return float(row[name] or 0.0)


def _latency_plot(
    panels: Mapping[str, Sequence[Record]], paint: Callable[[Any, Sequence[Record]], None]
) -> bytes:
    """Return panels with p50 upwards; colours name models, markers what runs them."""
    done = [row for rows in panels.values() for row in rows]

    def picture(figure: Any) -> None:
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


def _plain_ticks(axis: Any) -> None:
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
