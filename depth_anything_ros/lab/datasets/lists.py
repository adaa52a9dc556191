"""Text files that list the files of a data set."""

from __future__ import annotations

import csv
import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.files import read_bytes

# What editors and shells of Windows put in front of text that is not UTF-8.
_UTF16 = (b'\xff\xfe', b'\xfe\xff')
# What may stand between words, the surest first; spaces where none of these does.
_DELIMITERS = {'\t': 'tabs', ',': 'commas', ';': 'semicolons', '': 'spaces'}
_QUOTED = re.compile(r'"[^"]*"')


def read_lines(path: Path) -> list[tuple[int, str]]:
    """
    Read the lines of a text file that say something, each with its number from 1 on.

    Blank lines and those that start with `#` are left out, as are spaces at both ends, a byte
    order mark, and the carriage returns of Windows.

    :raises DatasetError: if the file is missing, larger than
        :mod:`depth_anything_ros.messages.limits` allows, or no text.
    """
    data = read_bytes(path)
    try:
        text = data.decode('utf-16' if data.startswith(_UTF16) else 'utf-8-sig')
    except UnicodeDecodeError as error:
        raise DatasetError(f"'{path}' is not text: {error.reason}; save it as UTF-8") from error
    lines = ((number, line.strip()) for number, line in enumerate(text.split('\n'), 1))
    return [(number, line) for number, line in lines if line and not line.startswith('#')]


def delimiter_of(line: str) -> str:
    """Return what stands between words outside of quotes, '' for spaces."""
    bare = _QUOTED.sub('', line)
    return next(mark for mark in _DELIMITERS if mark in bare)


def delimiter_text(delimiter: str) -> str:
    """Return what :func:`delimiter_of` found in words."""
    return _DELIMITERS[delimiter]


def words_of(line: str, delimiter: str) -> list[str]:
    """
    Split a line; what is in quotes stays together.

    :param delimiter: as :func:`delimiter_of` tells it, '' for spaces.
    :raises ValueError: if a quote is not closed.
    """
    if not delimiter:
        return shlex.split(line) if '"' in line or "'" in line else line.split()
    if line.count('"') % 2:
        raise ValueError('No closing quotation')
    (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True)
    return [word for cell in cells if (word := cell.strip())]


def slashes(name: str) -> str:
    """Return a name with slashes, which lists made on Windows do not have."""
    return name if '/' in name else name.replace('\\', '/')


def inside(root: Path, name: str, place: str) -> Path:
    """
    Return the file of a relative name below a folder; links in the folder are the user's own.

    :param place: what names the file, for the message.
    :raises DatasetError: if the name leads out of the folder.
    """
    if name.startswith('/') or '..' in name.split('/'):
        raise DatasetError(f"{place} points outside of '{root}', to '{name}'")
    return root / name


def numbers_of(words: Sequence[str]) -> tuple[float, ...]:
    """
    Return words as numbers.

    :raises ValueError: if one is none, or not finite.
    """
    numbers = tuple(map(float, words))
    if not all(map(math.isfinite, numbers)):
        raise ValueError('not all numbers are finite')
    return numbers


def read_intrinsics(path: Path) -> tuple[float, ...]:
    """
    Read fx, fy, cx, cy in pixels of a camera matrix of 3x3 or 4x4; nothing where no file is.

    :raises DatasetError: if the file holds something else.
    """
    if not path.is_file():
        return ()
    try:
        numbers = numbers_of([word for _, line in read_lines(path) for word in line.split()])
        columns = {9: 3, 16: 4}[len(numbers)]
    except (ValueError, KeyError) as error:
        raise DatasetError(f"'{path}' is not a camera matrix of 3x3 or 4x4 numbers") from error
    fx, _, cx, *_ = numbers
    _, fy, cy, *_ = numbers[columns:]
    return fx, fy, cx, cy
