"""The verb `info`: which models there are, and what each needs and gives."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from depth_anything_ros.cli.console import add_json_argument, write_json, write_line, write_table
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.spec import ModelSpec

_COLUMNS = ['model', 'parameters', 'licence', 'input', 'output', 'file on the Hugging Face hub']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the table of models, and all that is known of them as JSON where asked."""
    rows = list(MODELS.values())
    write_table(_COLUMNS, [_cells(row) for row in rows])
    write_line()
    write_line(
        'input: shorter side in pixels the model was trained at. relative: inverse depth '
        'without unit; metric: metres, up to the given distance.'
    )
    write_json(args.json, {'models': [_answer(row) for row in rows]})
    return 0


def _cells(row: ModelSpec) -> list[str]:
    return [
        row.name,
        f'{row.parameters / 1e6:.1f} M',
        row.licence,
        str(row.input_size),
        'relative' if row.max_depth_m is None else f'metric, {row.max_depth_m:g} m',
        f'{row.hub_repo}/{row.hub_file}',
    ]


def _answer(row: ModelSpec) -> dict[str, Any]:
    return {**asdict(row), 'output_kind': row.output_kind.value}
