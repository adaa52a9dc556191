"""A page in Markdown of what networks cost: parameters, operations, latency, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from depth_anything_ros.lab.benchmark.network import PartCounts
from depth_anything_ros.lab.benchmark.operations import count_operations, count_parameters
from depth_anything_ros.lab.benchmark.rows import (
    BenchmarkResult,
    BenchmarkRow,
    NetworkCounts,
    size_text,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.table import UNKNOWN, Table, number

COUNTED = 'counted only'

_COUNTS = (
    'network', 'input', 'encoder M', 'decoder M', 'parameters', 'encoder GMAC', 'decoder GMAC',
    'GMAC',
)  # fmt: skip
_TIMES = ('weights', 'library', 'p50 ms', 'of peak', 'peak memory MB')
_HEAD = """# Networks

What the networks of the package cost, each of them once: rows that run the same tensors, as the
metric models of Depth Anything V2 and the relative ones, cost the same. `./dev networks` makes
this page anew, `./dev networks --count` in a minute and without times.

"""
_COUNTED = """*Parameters* are those of encoder and depth head; a head for the camera is not run
for depth and not among them. *GMAC* are multiply-accumulates for one image, in thousand millions.
*Input* is height × width, whole patches nearest to what was asked for.
"""
_MEASURED = """*Of peak* is the rate of operations over the best that a library's convolution
reached in the same run. *Peak memory* is resident, of a fresh process that loads the network and
runs it three times, Python and libraries included. *random* weights mean nothing and cost the same
time.
"""


def networks_page(result: BenchmarkResult) -> str:
    """
    Return the page of a benchmark.

    Parameters and operations of a network of the package that could not be timed are counted all
    the same; why it could not is told below the table.
    """
    rows = [counted(row) for row in result.results]
    failed: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.status == 'failed' and row.reason != COUNTED:
            failed.setdefault(row.reason, {})[f'`{row.model}`'] = None
    notes = {f'- `{row.model}`: {row.note}': None for row in rows if row.note}
    lines = [_HEAD + _machine(result), '', _COUNTED]
    if _any_timed(rows):
        lines.append(_MEASURED)
    lines += networks_table(rows).markdown()
    if failed:
        lines += ['', 'Not timed, and why:', '']
        lines += [f'- {", ".join(models)}: {reason}' for reason, models in failed.items()]
    if notes:
        lines += ['', *notes]
    return '\n'.join(lines) + '\n'


def networks_table(rows: Sequence[BenchmarkRow]) -> Table:
    """Return what networks cost, a row each; without times where none was timed."""
    if not _any_timed(rows):
        return Table(_COUNTS, [_counts(row) for row in rows])
    return Table(_COUNTS + _TIMES, [_counts(row) + _times(row) for row in rows])


def _machine(result: BenchmarkResult) -> str:
    if not _any_timed(result.results):
        return (
            'Parameters and operations are counted, and the same everywhere. Times belong to one\n'
            'machine: none was measured for this page.'
        )
    found = result.environment
    libraries = [
        f'{name} {found[name]}' for name in ('torch', 'openvino', 'onnxruntime') if name in found
    ]
    complete = '' if result.complete else ' It was interrupted.'
    return (
        f'Measured on {found["cpu"]}, {found["cores"]} cores, with {result.threads} threads, '
        f'{result.runs} runs of each after {result.warmup} more; {", ".join(libraries)}.{complete}'
    )


def counted(row: BenchmarkRow) -> BenchmarkRow:
    """
    Return a row with its counts, which one that was not timed lacks.

    Those of a network of another library stay unknown.
    """
    if row.counts or row.input_size is None or row.model not in MODELS:
        return row
    spec = MODELS[row.model]
    parts, operations = count_parameters(spec), count_operations(spec, *row.input_size)
    made = PartCounts(operations.total, operations.encoder, operations.decoder)
    return replace(row, counts=NetworkCounts.of(parts, made))


def _any_timed(rows: Sequence[BenchmarkRow]) -> bool:
    return any(row.timed for row in rows)


def _counts(row: BenchmarkRow) -> list[object]:
    size = size_text(row.input_size).replace('x', '×') if row.input_size else UNKNOWN
    counts = row.counts
    if counts is None:
        return [row.model, size, *[UNKNOWN] * 6]
    return [
        row.model,
        size,
        _scaled(counts.encoder_parameters, 1e-6, '.2f'),
        _scaled(counts.decoder_parameters, 1e-6, '.2f'),
        f'{counts.parameters:,}',
        _scaled(counts.encoder_macs, 1e-9, '.1f'),
        _scaled(counts.decoder_macs, 1e-9, '.1f'),
        _scaled(counts.macs, 1e-9, '.1f'),
    ]


def _times(row: BenchmarkRow) -> list[object]:
    return [
        row.weights,
        row.way,
        number(row.times.p50_ms if row.times else None, '.0f'),
        number(row.share_of_peak, '.0%'),
        _scaled(row.peak_resident_bytes, 1e-6, '.0f'),
    ]


def _scaled(count: int | None, factor: float, form: str) -> str:
    return number(None if count is None else count * factor, form)
