"""The scores of a run as they come, on disk, so that a run that was stopped can go on."""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.training.quality.scores import DepthScore, ScoreConfig

_FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """
    Hold the outcome for one sample: its scores, or None and why it could not be read.

    `origin` is the word the user named the data set with, `name` the sample's name in it.
    """

    origin: str
    name: str
    score: DepthScore | None
    failure: str = ''


class Journal:
    """
    Keep outcomes in a file of one JSON line each, written to at its end only.

    What an earlier run left is read when it is opened; a last line that was cut off is removed.
    An outcome with a failure is not given back, so that a run that goes on tries it again.

    :param path: the file; it is made where there is none.
    :param config: how depth is scored; the file must have been begun with the same.
    :param restart: forget what the file holds.
    :raises DatasetError: if the file is none of ours, damaged, begun with other settings or in
        use by another run.
    """

    def __init__(self, path: Path, config: ScoreConfig, restart: bool = False) -> None:
        self._path = path
        self.scores: dict[tuple[str, str], DepthScore] = {}
        path.touch()
        self._file = path.open('r+b')
        try:
            self._begin(json.dumps({'format': _FORMAT, **asdict(config)}), restart)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def add(self, entries: Iterable[Entry]) -> None:
        """
        Append outcomes; they outlast the end of this process, however it ends.

        :raises OSError: if the file cannot be written.
        """
        lines = []
        for entry in entries:
            record: dict[str, Any] = {'data': entry.origin, 'name': entry.name}
            if entry.score is None:
                record['failure'] = entry.failure
            else:
                values = astuple(entry.score)
                record['scores'] = [None if math.isnan(value) else value for value in values]
                self.scores[entry.origin, entry.name] = entry.score
            lines.append(f'{json.dumps(record, allow_nan=False)}\n')
        self._file.write(''.join(lines).encode())
        self._file.flush()

    def _begin(self, header: str, restart: bool) -> None:
        """Read what is there, cut off a last line without its end, and stay behind it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"'{self._path}' is in use by another run") from error
        text = b'' if restart else self._file.read()
        length = text.rfind(b'\n') + 1
        if length:
            self._read(text[:length].decode('utf-8', errors='replace').splitlines(), header)
        self._file.truncate(length)
        self._file.seek(length)
        if not length:
            self._file.write(f'{header}\n'.encode())
            self._file.flush()

    def _read(self, lines: list[str], header: str) -> None:
        if lines[0] != header:
            raise DatasetError(
                f"'{self._path}' was begun with {lines[0][:200]}, this run has {header}; "
                'continue with the same settings, or begin anew with --restart'
            )
        for number, line in enumerate(lines[1:], 2):
            try:
                record = json.loads(line)
                if 'failure' not in record:
                    self.scores[record['data'], record['name']] = _score(record['scores'])
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(
                    f"line {number} of '{self._path}' is damaged; begin anew with --restart"
                ) from error


def _score(values: list[float | None]) -> DepthScore:
    if len(values) != len(fields(DepthScore)):
        raise ValueError(f'{len(values)} scores')
    return DepthScore(*(math.nan if value is None else float(value) for value in values))
