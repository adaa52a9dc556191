"""What the verbs share: text to the terminal, JSON to a file, how far they are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from depth_anything_ros import files
from depth_anything_ros.cli.words import in_words_of_the_cli
from depth_anything_ros.escape import one_line
from depth_anything_ros.progress import progress

__all__ = [
    'add_json_argument', 'check_outputs', 'progress', 'write_error', 'write_json', 'write_line',
    'write_table', 'write_warning',
]  # fmt: skip


def write_line(text: str = '') -> None:
    """Write one line of results to the standard output, whatever the text holds."""
    sys.stdout.write(f'{one_line(text)}\n')


def write_error(text: str) -> None:
    """Write an error to the standard error, in one line whatever the text holds."""
    sys.stderr.write(f'depth_anything_ros: error: {_told(text)}\n')


def write_warning(text: str) -> None:
    """Write a warning to the standard error, in one line whatever the text holds."""
    sys.stderr.write(f'depth_anything_ros: warning: {_told(text)}\n')


def _told(text: str) -> str:
    return one_line(in_words_of_the_cli(' '.join(text.split())))


def write_table(columns: list[str], rows: list[list[str]]) -> None:
    """
    Write a table with columns as wide as their widest cell.

    Numbers stand to the right, and so does - among them, for one that is not known.

    :param columns: the headings.
    :param rows: the cells, as many in each row as there are headings.
    """
    columns, *rows = [[one_line(cell) for cell in row] for row in (columns, *rows)]
    cells = [columns, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    numeric = [any(_is_number(row[column]) for row in rows) for column in range(len(columns))]
    for row in cells:
        padded = [
            cell.rjust(width) if _is_number(cell) or (cell == '-' and among) else cell.ljust(width)
            for cell, width, among in zip(row, widths, numeric, strict=True)
        ]
        write_line('  '.join(padded).rstrip())


def _is_number(cell: str) -> bool:
    try:
        float(cell.rstrip('%x×'))
    except ValueError:
        return False
    return True


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json FILE`, the option of every verb that answers something."""
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='also write the answer to FILE as JSON'
    )


def write_json(path: Path | None, answer: dict[str, Any]) -> None:
    """
    Write an answer as JSON; folders on the way are made.

    :param path: the file, or None to write nothing (the option was not given).
    :param answer: plain dicts, lists, strings, numbers without NaN, and None.
    :raises OutputError: if it cannot be written.
    :raises ValueError: if the answer holds NaN or infinity, which JSON cannot say.
    """
    if path is None:
        return
    files.write_json(path, answer)


def check_outputs(*paths: Path | None) -> None:
    """
    Check that files can be written, before the hours of work that fill them.

    :param paths: the files; None for those that are not asked for.
    :raises OutputError: if one cannot be written.
    """
    for path in paths:
        if path is not None:
            files.check_writable(path)
