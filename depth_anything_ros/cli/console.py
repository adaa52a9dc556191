"""What the verbs share: text to the terminal, JSON to a file, how far they are."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from depth_anything_ros import files
from depth_anything_ros.cli.words import in_words_of_the_cli
from depth_anything_ros.escape import one_line
from depth_anything_ros.progress import progress
from depth_anything_ros.table import Table

__all__ = [
    'add_json_argument', 'check_outputs', 'discard', 'people_beside', 'prepare_streams',
    'progress', 'write_error', 'write_json', 'write_line', 'write_lines', 'write_table',
    'write_warning',
]  # fmt: skip

_STANDARD_OUTPUT = Path('/dev/stdout')


def prepare_streams() -> None:
    """
    Make both streams take any text, and show it line by line in a file or a pipe too.

    Some are closed, as of services, and some not of UTF-8.
    """
    for name in ('stdout', 'stderr'):
        stream: object = getattr(sys, name)
        if stream is None:
            # It takes the number of the closed one, which no file may get.
            setattr(sys, name, Path(os.devnull).open('w', encoding='utf-8'))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace', line_buffering=True)


def discard(*streams: TextIO) -> None:
    """Throw away what is written to streams from now on, at the exit too."""
    for stream in streams:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_line(text: str = '') -> None:
    """
    Write one line of results to the standard output, whatever the text holds.

    :raises OutputError: if it cannot be written.
    """
    try:
        sys.stdout.write(f'{one_line(text)}\n')
    except BrokenPipeError:
        raise
    except OSError as error:
        raise files.output_error('standard output', error) from error


def write_lines(lines: Iterable[str]) -> None:
    """Write lines of results to the standard output."""
    for line in lines:
        write_line(line)


def write_table(table: Table) -> None:
    """Write a table to the standard output."""
    write_lines(table.lines())


def write_error(text: str) -> None:
    """Write an error to the standard error, in one line whatever the text holds."""
    sys.stderr.write(f'depth_anything_ros: error: {_told(text)}\n')


def write_warning(text: str) -> None:
    """Write a warning to the standard error, in one line whatever the text holds."""
    sys.stderr.write(f'depth_anything_ros: warning: {_told(text)}\n')


def _told(text: str) -> str:
    return one_line(in_words_of_the_cli(' '.join(text.split())))


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json FILE`, the option of every verb that answers something."""
    parser.add_argument(
        '--json', type=_answer_place, metavar='FILE',
        help='also write the answer to FILE as JSON; - is the standard output, and what is for '
        'people goes to the standard error then',
    )  # fmt: skip


def _answer_place(text: str) -> Path:
    return _STANDARD_OUTPUT if text == '-' else Path(text)


@contextmanager
def people_beside(answer: Path | None) -> Iterator[None]:
    """
    Show people on the standard error what they are shown while programs get the standard output.

    :param answer: where the answer goes, None for nowhere.
    """
    with redirect_stdout(sys.stderr) if answer == _STANDARD_OUTPUT else nullcontext():
        yield


def write_json(path: Path | None, answer: object) -> None:
    """
    Write an answer as JSON; folders on the way are made.

    :param path: the file, or None to write nothing (the option was not given).
    :param answer: as for `files.write_json`, without NaN.
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
