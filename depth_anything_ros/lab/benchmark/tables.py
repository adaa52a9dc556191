"""The tables of a benchmark, on the terminal and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from depth_anything_ros import files
from depth_anything_ros.lab.benchmark.plan import TRANSFORMERS
from depth_anything_ros.lab.terminal import write_line, write_table

Record = dict[str, Any]

_MODEL_COLUMNS = {
    'encoder_parameters': ('encoder M', 1e-6, '.1f'),
    'decoder_parameters': ('decoder M', 1e-6, '.1f'),
    'parameters': ('parameters M', 1e-6, '.1f'),
    'encoder_macs': ('encoder GMAC', 1e-9, '.2f'),
    'decoder_macs': ('decoder GMAC', 1e-9, '.2f'),
    'macs': ('GMAC', 1e-9, '.2f'),
}
_LATENCY_COLUMNS = {
    'load_s': ('load s', 1, '.2f'),
    'first_frame_ms': ('first ms', 1, '.1f'),
    'runs': ('runs', 1, '.0f'),
    'mean_ms': ('mean ms', 1, '.1f'),
    'std_ms': ('std', 1, '.1f'),
    'cov': ('CoV', 100, '.1f%'),
    'min_ms': ('min', 1, '.1f'),
    'p50_ms': ('p50', 1, '.1f'),
    'p95_ms': ('p95', 1, '.1f'),
    'p99_ms': ('p99', 1, '.1f'),
    'max_ms': ('max', 1, '.1f'),
    'fps': ('fps', 1, '.2f'),
    'speedup': ('speed-up', 1, '.2fx'),
    'times_first': ('of first', 1, '.2fx'),
}
_COST_COLUMNS = {
    'preprocess_ms': ('pre ms', 1, '.1f'),
    'encoder_ms': ('encoder', 1, '.1f'),
    'decoder_ms': ('decoder', 1, '.1f'),
    'network_ms': ('network', 1, '.1f'),
    'postprocess_ms': ('post', 1, '.1f'),
    'gflop_per_s': ('GFLOP/s', 1, '.0f'),
    'share_of_peak': ('of peak', 100, '.0f%'),
    'max_error': ('max error', 1, '.1e'),
    'peak_resident_bytes': ('memory MB', 1e-6, '.0f'),
    'peak_device_bytes': ('GPU MB', 1e-6, '.0f'),
}
_OPTIONAL = ('speedup', 'max_error', 'peak_resident_bytes', 'peak_device_bytes')
_FILE_FORMS: tuple[Callable[[Path], str], ...] = (
    lambda path: path.stem,
    lambda path: f'{path.parent.name}/{path.name}',
    str,
)
_ONE_GRAPH = (
    'encoder and decoder: told apart where torch runs the network; an exported one is one graph'
)


def show_group(records: Sequence[Record]) -> None:
    """Show the rows that took turns: the models, their latency, where it goes, what failed."""
    done = [record for record in records if record['status'] == 'ok']
    write_line(_heading(records))
    if done:
        _show_models(done)
        write_line()
        many = len({record['model'] for record in done}) > 1
        _show_rows(done, _LATENCY_COLUMNS, () if many else ('times_first',))
        write_line()
        _show_rows(done, _COST_COLUMNS, ())
    for line in _remarks(records):
        write_line(line)
    write_line()


def _heading(records: Sequence[Record]) -> str:
    sizes = sorted({record['asked_size'] for record in records})
    asked = 'the size of each model' if sizes == ['0'] else f'input {", ".join(sizes)}'
    runs = sorted({record['runs'] for record in records if record['runs']}, reverse=True)
    timed = f', {" or ".join(map(str, runs))} runs each' if runs else ''
    return f'{asked}; {records[0]["threads"]} threads{timed}, all in turns; medians of stages'


def _show_models(done: Sequence[Record]) -> None:
    rows = []
    seen = set()
    for record in done:
        key = (record['model'], record['checkpoint'], tuple(record['input_size']))
        if key not in seen:
            seen.add(key)
            rows.append(
                [name_of(record), record['weights'], size_text(record['input_size'])]
                + [_cell(record[name], *form) for name, form in _MODEL_COLUMNS.items()]
            )
    headings = [heading for heading, *_ in _MODEL_COLUMNS.values()]
    write_table(['model', 'weights', 'input', *headings], rows)


def _show_rows(
    done: Sequence[Record],
    columns: Mapping[str, tuple[str, float, str]],
    left_out: tuple[str, ...],
) -> None:
    shown = {
        name: form
        for name, form in columns.items()
        if name not in left_out
        and (name not in _OPTIONAL or any(record[name] is not None for record in done))
    }
    rows = [
        [name_of(record), record['backend'], record['precision'], record['device']]
        + [_cell(record[name], *form) for name, form in shown.items()]
        for record in done
    ]
    headings = [heading for heading, *_ in shown.values()]
    write_table(['model', 'backend', 'precision', 'device', *headings], rows)


def _remarks(records: Sequence[Record]) -> list[str]:
    """Return what a reader has to know beside the numbers, each thing once."""
    lines: dict[str, None] = {}
    if any(record['status'] == 'ok' and record['encoder_ms'] is None for record in records):
        lines[_ONE_GRAPH] = None
    many = len({record['model'] for record in records if record['status'] == 'ok'}) > 1
    for record in records:
        asked, size = record['asked_size'], record['input_size']
        if size and asked != '0' and asked not in (size_text(size), str(min(size))):
            chosen = record['backend'] == TRANSFORMERS
            why = 'chosen by its image processor' if chosen else 'which is whole patches'
            lines[f'{record["model"]}: asked {asked}, timed at {size_text(size)}, {why}'] = None
        if record['first_model'] and many:
            lines[f'of first: p50 over that of {record["first_model"]}, in the same library and '
                  'precision'] = None  # fmt: skip
        if record['note']:
            lines[f'{record["model"]}: {record["note"]}'] = None
        if record['memory_failure']:
            lines[record['memory_failure']] = None
    failed = [record for record in records if record['status'] == 'failed']
    for (model, reason), rows in groupby(failed, lambda row: (name_of(row), row['reason'])):
        names = ', '.join(f'{row["backend"]} {row["precision"]}' for row in rows)
        lines[f'{model}, {names}: {reason}'] = None
    return list(lines)


def show_layers(layers: Sequence[Record]) -> None:
    """Show for each network what stands out among its layers; the CSV file has all of them."""
    rows = []
    for (name, size), of_network in groupby(
        layers, lambda layer: (name_of(layer), tuple(layer['input_size']))
    ):
        own = list(of_network)
        finite = [layer for layer in own if not layer['not_finite']]
        wide = max(finite, key=lambda layer: layer['maximum'] - layer['minimum'], default=None)
        empty = max(own, key=lambda layer: layer['sparsity'])
        rows.append([
            name, size_text(size), str(len(own)), str(len(own) - len(finite)),
            f'{_range(wide)} {wide["name"]}' if wide else '-',
            f'{empty["sparsity"]:.1%} {empty["name"]}', _spread(own[-1]),
        ])  # fmt: skip
    write_line('layers, in fp32 on the CPU')
    write_table(
        ['model', 'input', 'layers', 'not finite', 'widest range', 'most zeros', 'last layer'],
        rows,
    )
    write_line()


def _spread(layer: Record) -> str:
    if layer['not_finite']:
        return f'{layer["not_finite"]} values not finite {layer["name"]}'
    return f'{_range(layer)} mean {layer["mean"]:.3g} std {layer["std"]:.3g} {layer["name"]}'


def _range(layer: Record) -> str:
    return f'{layer["minimum"]:.3g}..{layer["maximum"]:.3g}'


def write_csv(path: Path, rows: Sequence[Record]) -> None:
    """
    Write rows as CSV, one column a key; sizes and shapes are written as 256x336.

    :param path: the file; folders on the way are made.
    :param rows: all with the same keys.
    :raises OutputError: if it cannot be written.
    """
    cells = [
        [size_text(value) if isinstance(value, list) else value for value in row.values()]
        for row in rows
    ]
    files.write_csv(path, list(rows[0]) if rows else [], cells)


def name_of(record: Record) -> str:
    """Return the model of a row with what tells its checkpoint from that of others."""
    recipe = record.get('recipe', '')
    file = '' if record['file'] == recipe else record['file']
    return ' '.join(word for word in (record['model'], recipe, file) if word)


def tell_files_apart(records: Sequence[Record]) -> None:
    """
    Name the checkpoints of rows as shortly as tells them apart, in `file`.

    By the stem of the file; with its folder and suffix, or its whole path, where another has
    the same.

    :param records: rows with `checkpoint`, empty for that of the model.
    """
    paths = {record['checkpoint']: Path(record['checkpoint']) for record in records}
    for record in records:
        path = paths[record['checkpoint']]
        for form in _FILE_FORMS:
            record['file'] = form(path)
            if [form(other) for other in paths.values()].count(record['file']) == 1:
                break


def size_text(size: Sequence[int]) -> str:
    """Return a size as height x width."""
    return 'x'.join(map(str, size))


def _cell(value: float | None, _: str, factor: float, form: str) -> str:
    if value is None:
        return '-'
    unit = form[-1] if form[-1] in '%x' else ''
    return f'{value * factor:{form.removesuffix(unit)}}{unit}'
