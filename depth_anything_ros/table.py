"""One table for all places: a terminal, Markdown, a spreadsheet; `page` shows it too."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from depth_anything_ros.escape import csv_cell, markdown, one_line

UNKNOWN = '–'


@dataclass(frozen=True)
class Table:
    """
    The cells of a table, as many in each row as there are headings.

    People read a dash for None and NaN, four digits of a float and 2×3 for a sequence; a
    spreadsheet gets numbers in full and nothing for None.
    """

    headings: Sequence[object]
    rows: Sequence[Sequence[object]]

    def lines(self) -> list[str]:
        """
        Return the lines for a terminal, columns as wide as their widest cell.

        Numbers stand to the right, and so does - among them, for one that is not known.
        """
        cells = [[one_line(shown(cell)) for cell in row] for row in (self.headings, *self.rows)]
        columns = range(len(self.headings))
        widths = [max(len(row[column]) for row in cells) for column in columns]
        numeric = [any(is_number(row[column]) for row in cells[1:]) for column in columns]
        return [
            '  '.join(
                cell.rjust(width)
                if is_number(cell) or (cell == '-' and among)
                else cell.ljust(width)
                for cell, width, among in zip(row, widths, numeric, strict=True)
            ).rstrip()
            for row in cells
        ]

    def markdown(self) -> list[str]:
        """Return the lines in Markdown."""
        lines = [[markdown(shown(cell)) for cell in row] for row in (self.headings, *self.rows)]
        lines.insert(1, ['---'] * len(self.headings))
        return [f'| {" | ".join(cells)} |' for cells in lines]

    def csv(self) -> str:
        """Return the lines of a CSV file, the headings first; see :func:`csv_lines`."""
        return csv_lines([self.headings, *self.rows])


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """
    Return rows as CSV, a line each.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO(newline='')
    csv.writer(text, lineterminator='\n').writerows(map(csv_cell, row) for row in rows)
    return text.getvalue()


def number(value: float | None, form: str, unknown: str = UNKNOWN) -> str:
    """Return a number in a form of :func:`format`, or what says that it is not known."""
    return unknown if value is None or math.isnan(value) else format(value, form)


def shown(value: object) -> str:
    """Return a cell as people read it; see :class:`Table`."""
    if isinstance(value, float):
        return number(value, '.4g')
    if value is None:
        return UNKNOWN
    if isinstance(value, (list, tuple)):
        return '×'.join(map(shown, value))
    return str(value)


def is_number(cell: str) -> bool:
    """Return whether people read a cell as a number, with `%`, `x` or `×` behind it or without."""
    try:
        float(cell.rstrip('%x×'))
    except ValueError:
        return False
    return True
