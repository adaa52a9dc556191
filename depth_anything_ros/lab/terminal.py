"""Lines and tables on the standard output."""

from __future__ import annotations

import sys

from depth_anything_ros.escape import one_line


def write_line(text: str = '') -> None:
    """Write one line of results to the standard output, whatever the text holds."""
    sys.stdout.write(f'{one_line(text)}\n')


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
