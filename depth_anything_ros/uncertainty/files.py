"""Tables of errors in files: beside the weights that they hold for, or named by a parameter."""

from __future__ import annotations

from pathlib import Path

from depth_anything_ros.errors import CheckpointError, broken_form
from depth_anything_ros.files import write_json
from depth_anything_ros.home import expand_user
from depth_anything_ros.json_text import from_json, parse_json
from depth_anything_ros.types import ModelIdentity, OutputKind
from depth_anything_ros.uncertainty.table import ErrorTable

GENERIC = Path(__file__).with_name('generic.json')
SUFFIX = '.sigma.json'
_CURE = 'make one with the verb calibrate-uncertainty, or name none'


def table_beside(weights: Path) -> Path:
    """Return where the table of a file of weights is, if there is any."""
    return weights.with_name(weights.name + SUFFIX)


def find_table(
    identity: ModelIdentity, output: OutputKind, weights: Path | None, told: str = ''
) -> ErrorTable:
    """
    Return the table of errors of a network.

    :param identity: of the network, and `output` what it gives.
    :param weights: their file, None for random ones.
    :param told: file of the table; '' takes the one beside the weights, else the generic one.
    :raises CheckpointError: if the table cannot be read, or is of other weights or another output.
    """
    if told:
        path = expand_user(told)
    elif weights is not None and table_beside(weights).is_file():
        path = table_beside(weights)
    else:
        return read_table(GENERIC)
    table = read_table(path)
    check_table(table, path, identity, output)
    return table


def read_table(path: Path) -> ErrorTable:
    """
    Return the table in a file.

    :raises CheckpointError: if it cannot be read, or is none.
    """
    try:
        return from_json(ErrorTable, parse_json(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"'{path}' is no table of errors: {broken_form(error)}; {_CURE}"
        ) from error


def write_table(table: ErrorTable, path: Path) -> None:
    """
    Write a table.

    :raises OutputError: if it cannot be written.
    """
    write_json(path, table)


def check_table(
    table: ErrorTable, path: Path, identity: ModelIdentity, output: OutputKind
) -> None:
    """
    Check that a table is of a network.

    :raises CheckpointError: naming both, if not.
    """
    if table.generic:
        return
    own = f"model '{identity.name}'"
    if table.output is not None and table.output is not output:
        raise CheckpointError(
            f"the table of errors '{path}' is of a network that gives {table.output.value}, "
            f'{own} gives {output.value}; {_CURE}'
        )
    if table.sha256 != identity.sha256:
        weights = f'weights {identity.sha256}' if identity.sha256 else 'random weights'
        raise CheckpointError(
            f"the table of errors '{path}' is of model '{table.model}' with weights "
            f'{table.sha256}, not of {own} with {weights}; {_CURE}'
        )
