"""Results of a long run as they come, on disk, so that a run that was stopped can go on."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.files import append, make_folder, reporting
from depth_anything_ros.json_text import as_json, from_json, parse_json

E = TypeVar('E')


class Journal(Generic[E]):
    """
    Keep entries in a file of one JSON line each, written to at its end only.

    The first line is a header. What an earlier run left is read when the file is opened, into
    `entries`; a last line that was cut off is removed.

    :param path: the file; it is made where there is none.
    :param kind: the dataclass of the entries.
    :param header: what the results depend on; the file must have been begun with the same.
    :param restart: forget what the file holds.
    :param anew: how the user begins anew, for messages.
    :raises DatasetError: if the file is none of ours, damaged, was begun with another header or is
        in use by another run.
    :raises OutputError: if it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        kind: type[E],
        header: Mapping[str, object],
        restart: bool = False,
        anew: str = 'with --restart',
    ) -> None:
        self._path = path
        self._anew = anew
        self.entries: list[E] = []
        make_folder(path.parent)
        known = path.exists()
        with reporting(path):
            path.touch()
            self._file = path.open('r+b', buffering=0)
        try:
            with reporting(path):
                lines = self._begin(json.dumps(header, default=as_json), restart)
            for place, line in enumerate(lines):
                try:
                    self.entries.append(from_json(kind, parse_json(line)))
                except ValueError as error:
                    raise self.damaged(place) from error
        except BaseException:
            self._file.close()
            if not known:
                path.unlink()
            raise

    def __enter__(self) -> Journal[E]:
        """Return the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, so that another run may open it."""
        self._file.close()

    def add(self, entries: Iterable[E]) -> None:
        """
        Append entries; they outlast the end of this process, however it ends.

        :raises OutputError: if the file cannot be written.
        :raises ValueError: if an entry holds NaN or infinity.
        """
        lines = [f'{json.dumps(entry, allow_nan=False, default=as_json)}\n' for entry in entries]
        append(self._path, ''.join(lines).encode())

    def damaged(self, place: int) -> DatasetError:
        """Return the error for an entry that cannot be understood, by its place in `entries`."""
        return DatasetError(
            f"line {place + 2} of '{self._path}' is damaged; begin anew {self._anew}"
        )

    def _begin(self, header: str, restart: bool) -> list[str]:
        """Return the lines after the header, and cut off a last one without its end."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"'{self._path}' is in use by another run") from error
        lines: list[str] = []
        text = b'' if restart else self._file.read()
        length = text.rfind(b'\n') + 1
        if length:
            found, *lines = text[:length].decode('utf-8', errors='replace').splitlines()
            if found != header:
                before, now = _difference(found, header)
                raise DatasetError(
                    f"'{self._path}' was begun with {before}, this run has {now}; "
                    f'continue with the same settings, or begin anew {self._anew}'
                )
        self._file.truncate(length)
        if not length:
            append(self._path, f'{header}\n'.encode())
        return lines


def _difference(found: str, header: str) -> tuple[str, str]:
    """Return what two headers do not share, or both of them where one is no header."""
    try:
        before, now = parse_json(found), parse_json(header)
        differing = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        before, now = (
            {name: part[name] for name in differing if name in part} for part in (before, now)
        )
        return json.dumps(before), json.dumps(now)
    except (ValueError, TypeError, AttributeError):
        return found[:200], header
