"""What a benchmark says to people: tables and remarks, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from depth_anything_ros.lab.benchmark.plan import TRANSFORMERS
from depth_anything_ros.lab.benchmark.rows import (
    BenchmarkRow,
    LayerRow,
    LayerStatistics,
    TimedRow,
    size_text,
    timed_rows,
)
from depth_anything_ros.table import Table


@dataclass(frozen=True)
class _Column:
    """Describe a column of numbers; `optional` is left out where no row knows it."""

    heading: str
    value: Callable[[TimedRow], float | None]
    form: str
    factor: float = 1.0
    optional: bool = False

    def cell(self, row: TimedRow) -> str:
        value = self.value(row)
        if value is None:
            return '-'
        unit = self.form[-1] if self.form[-1] in '%x' else ''
        return f'{value * self.factor:{self.form.removesuffix(unit)}}{unit}'


_MODEL_COLUMNS = (
    _Column('encoder M', lambda timed: timed.counts.encoder_parameters, '.1f', 1e-6),
    _Column('decoder M', lambda timed: timed.counts.decoder_parameters, '.1f', 1e-6),
    _Column('parameters M', lambda timed: timed.counts.parameters, '.1f', 1e-6),
    _Column('encoder GMAC', lambda timed: timed.counts.encoder_macs, '.2f', 1e-9),
    _Column('decoder GMAC', lambda timed: timed.counts.decoder_macs, '.2f', 1e-9),
    _Column('GMAC', lambda timed: timed.counts.macs, '.2f', 1e-9),
)
_LATENCY_COLUMNS = (
    _Column('load s', lambda timed: timed.row.load_s, '.2f'),
    _Column('first ms', lambda timed: timed.row.first_frame_ms, '.1f'),
    _Column('runs', lambda timed: timed.row.runs, '.0f'),
    _Column('mean ms', lambda timed: timed.times.mean_ms, '.1f'),
    _Column('std', lambda timed: timed.times.std_ms, '.1f'),
    _Column('CoV', lambda timed: timed.times.cov, '.1f%', 100),
    _Column('min', lambda timed: timed.times.min_ms, '.1f'),
    _Column('p50', lambda timed: timed.times.p50_ms, '.1f'),
    _Column('p95', lambda timed: timed.times.p95_ms, '.1f'),
    _Column('p99', lambda timed: timed.times.p99_ms, '.1f'),
    _Column('max', lambda timed: timed.times.max_ms, '.1f'),
    _Column('fps', lambda timed: timed.times.fps, '.2f'),
    _Column('speed-up', lambda timed: timed.row.speedup, '.2fx', optional=True),
)
_OF_FIRST = _Column('of first', lambda timed: timed.row.times_first, '.2fx')
_COST_COLUMNS = (
    _Column('pre ms', lambda timed: timed.row.preprocess_ms, '.1f'),
    _Column('encoder', lambda timed: timed.row.encoder_ms, '.1f'),
    _Column('decoder', lambda timed: timed.row.decoder_ms, '.1f'),
    _Column('network', lambda timed: timed.row.network_ms, '.1f'),
    _Column('post', lambda timed: timed.row.postprocess_ms, '.1f'),
    _Column('GFLOP/s', lambda timed: timed.row.gflop_per_s, '.0f'),
    _Column('of peak', lambda timed: timed.row.share_of_peak, '.0f%', 100),
    _Column('max error', lambda timed: timed.row.max_error, '.1e', optional=True),
    _Column('memory MB', lambda timed: timed.row.peak_resident_bytes, '.0f', 1e-6, optional=True),
    _Column('GPU MB', lambda timed: timed.row.peak_device_bytes, '.0f', 1e-6, optional=True),
)
_ONE_GRAPH = (
    'encoder and decoder: told apart where torch runs the network; an exported one is one graph'
)


def group_lines(rows: Sequence[BenchmarkRow]) -> list[str]:
    """Tell of the rows that took turns: the models, their latency, where it goes, what failed."""
    done = timed_rows(rows)
    lines = [_heading(rows)]
    if done:
        latency = [*_LATENCY_COLUMNS, _OF_FIRST] if _are_many(done) else _LATENCY_COLUMNS
        lines += [
            *_models(done).lines(), '', *_table(done, latency).lines(), '',
            *_table(done, _COST_COLUMNS).lines(),
        ]  # fmt: skip
    return [*lines, *_remarks(rows, done), '']


def _heading(rows: Sequence[BenchmarkRow]) -> str:
    sizes = sorted({row.asked_size for row in rows})
    asked = 'the size of each model' if sizes == ['0'] else f'input {", ".join(sizes)}'
    runs = sorted({row.runs for row in rows if row.runs}, reverse=True)
    timed = f', {" or ".join(map(str, runs))} runs each' if runs else ''
    return f'{asked}; {rows[0].threads} threads{timed}, all in turns; medians of stages'


def _are_many(done: Sequence[TimedRow]) -> bool:
    return len({timed.row.model for timed in done}) > 1


def _models(done: Sequence[TimedRow]) -> Table:
    first: dict[tuple[object, ...], TimedRow] = {}
    for timed in done:
        first.setdefault((timed.row.model, timed.row.checkpoint, timed.size), timed)
    rows = [
        [timed.row.title, timed.row.weights, size_text(timed.size)]
        + [column.cell(timed) for column in _MODEL_COLUMNS]
        for timed in first.values()
    ]
    headings = [column.heading for column in _MODEL_COLUMNS]
    return Table(['model', 'weights', 'input', *headings], rows)


def _table(done: Sequence[TimedRow], columns: Sequence[_Column]) -> Table:
    shown = [
        column
        for column in columns
        if not column.optional or any(column.value(timed) is not None for timed in done)
    ]
    rows = [
        [timed.row.title, timed.row.backend, timed.row.precision.value, timed.row.device]
        + [column.cell(timed) for column in shown]
        for timed in done
    ]
    headings = [column.heading for column in shown]
    return Table(['model', 'backend', 'precision', 'device', *headings], rows)


def _remarks(rows: Sequence[BenchmarkRow], done: Sequence[TimedRow]) -> list[str]:
    """Return what a reader has to know beside the numbers, each thing once."""
    lines: dict[str, None] = {}
    if any(timed.row.encoder_ms is None for timed in done):
        lines[_ONE_GRAPH] = None
    for row in rows:
        asked, size = row.asked_size, row.input_size
        if size and asked != '0' and asked not in (size_text(size), str(min(size))):
            chosen = row.backend == TRANSFORMERS
            why = 'chosen by its image processor' if chosen else 'which is whole patches'
            lines[f'{row.model}: asked {asked}, timed at {size_text(size)}, {why}'] = None
        if row.first_model and _are_many(done):
            lines[f'of first: p50 over that of {row.first_model}, in the same library and '
                  'precision'] = None  # fmt: skip
        if row.note:
            lines[f'{row.model}: {row.note}'] = None
        if row.memory_failure:
            lines[row.memory_failure] = None
    failed = [row for row in rows if row.status == 'failed']
    for (title, reason), alike in groupby(failed, lambda row: (row.title, row.reason)):
        lines[f'{title}, {", ".join(row.way for row in alike)}: {reason}'] = None
    return list(lines)


def layer_lines(layers: Sequence[LayerRow]) -> list[str]:
    """Tell for each network what stands out among its layers; the CSV file has all of them."""
    rows = []
    for (title, size), of_network in groupby(layers, lambda row: (row.title, row.input_size)):
        own = [row.statistics for row in of_network]
        finite = [layer for layer in own if not layer.not_finite]
        wide = max(finite, key=_width, default=None)
        empty = max(own, key=lambda layer: layer.sparsity)
        rows.append([
            title, size_text(size), str(len(own)), str(len(own) - len(finite)),
            f'{_range(wide)} {wide.name}' if wide else '-',
            f'{empty.sparsity:.1%} {empty.name}', _spread(own[-1]),
        ])  # fmt: skip
    headings = [
        'model', 'input', 'layers', 'not finite', 'widest range', 'most zeros', 'last layer',
    ]  # fmt: skip
    return ['layers, in fp32 on the CPU', *Table(headings, rows).lines(), '']


def _spread(layer: LayerStatistics) -> str:
    if layer.not_finite:
        return f'{layer.not_finite} values not finite {layer.name}'
    return f'{_range(layer)} mean {layer.mean:.3g} std {layer.std:.3g} {layer.name}'


def _width(layer: LayerStatistics) -> float:
    return (layer.maximum or 0.0) - (layer.minimum or 0.0)


def _range(layer: LayerStatistics) -> str:
    return f'{layer.minimum:.3g}..{layer.maximum:.3g}'
