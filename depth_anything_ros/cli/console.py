"""What the verbs share: text to the terminal, JSON to a file, how far they are."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from depth_anything_ros import files
from depth_anything_ros.cli.words import in_words_of_the_cli
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.escape import one_line
from depth_anything_ros.home import expand_user
from depth_anything_ros.progress import progress
from depth_anything_ros.table import Table

__all__ = [
    'add_json_argument', 'check_apart', 'check_outputs', 'discard', 'path_argument',
    'people_beside', 'picture_argument', 'prepare_streams', 'progress', 'write_error',
    'write_json', 'write_line', 'write_lines', 'write_table', 'write_warning',
]  # fmt: skip

_STANDARD_OUTPUT = Path('/dev/stdout')
# Options of verbs that say where something is written.
_WRITTEN = ('json', 'out', 'save', 'csv', 'layers', 'plots', 'grid', 'picture')
_STORED = ('.mcap', '.db3')


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
    logging.lastResort = _Warnings(logging.WARNING)


class _Warnings(logging.Handler):
    """Show what the library logs as the verbs show their warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        write_warning(record.getMessage())


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
    return _STANDARD_OUTPUT if text == '-' else path_argument(text)


def path_argument(text: str) -> Path:
    """
    Read a file or folder, where ~ is the home folder.

    A shell leaves ~ as it is in --option=~/file.

    :raises argparse.ArgumentTypeError: if no path can be so.
    """
    try:
        return expand_user(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def picture_argument(text: str) -> Path:
    """
    Read the file of a picture to write, before the work that fills it.

    :raises argparse.ArgumentTypeError: if its name is not that of a picture.
    """
    import cv2

    path = path_argument(text)
    if not cv2.haveImageWriter(path.name):
        raise argparse.ArgumentTypeError(f"'{path}' is not a name of a PNG or JPEG file")
    return path


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


def check_apart(options: Mapping[str, object]) -> None:
    """
    Check that a verb writes over no file that it reads, and into no bag.

    :param options: of the verb, as attributes of its arguments.
    :raises ConfigError: if a place to write is a file that is read, or in a bag that is read.
    """
    read = set(_read(value for name, value in options.items() if name not in _WRITTEN))
    for name in _WRITTEN:
        path = options.get(name)
        if not isinstance(path, Path):
            continue
        told = f"--{name} '{path}'"
        for place in sorted(read):
            if place.is_file() and path.is_file() and path.samefile(place):
                raise ConfigError(f'{told} would write over what is read; give another name')
            bag = place if place.is_dir() else place.parent
            if bag.resolve() in path.resolve().parents and _is_bag(bag, place):
                raise ConfigError(
                    f"{told} lies in the bag '{bag}' that is read; give a place outside of it"
                )


def _read(values: Iterable[object]) -> Iterator[Path]:
    """Yield what options name that is there: PATH, PATH,OPTION=VALUE, or either behind NAME:."""
    for value in values:
        for word in value if isinstance(value, list) else (value,):
            if isinstance(word, (str, Path)):
                whole = (str(word), str(word).partition(':')[2])
                places = {place for text in whole for place in (text, text.partition(',')[0])}
                # Any text may stand there, which as a path would be too long.
                full = map(os.path.expanduser, places)
                yield from (Path(place) for place in full if os.path.exists(place))  # noqa: PTH110


def _is_bag(folder: Path, place: Path) -> bool:
    """Return whether a folder is a bag, of which a place, or a file in it, is read."""
    if (folder / 'metadata.yaml').is_file():
        return True
    return folder == place and any(file.suffix in _STORED for file in folder.iterdir())


def check_outputs(*paths: Path | None) -> None:
    """
    Check that files can be written, before the hours of work that fill them.

    :param paths: the files; None for those that are not asked for.
    :raises OutputError: if one cannot be written.
    """
    for path in paths:
        if path is not None:
            files.check_writable(path)
