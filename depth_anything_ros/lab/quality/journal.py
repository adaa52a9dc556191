"""The scores of a run as they come, on disk, so that a run that was stopped can go on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from depth_anything_ros.json_text import parse_json
from depth_anything_ros.lab.journal import JournalFile
from depth_anything_ros.lab.quality.scores import DepthScore, ScoreConfig

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
        self.scores: dict[tuple[str, str], DepthScore] = {}
        self._file = JournalFile(path, {'format': _FORMAT, **asdict(config)}, restart)
        try:
            self._read()
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

        :raises OutputError: if the file cannot be written.
        """
        records = []
        for entry in entries:
            record: dict[str, Any] = {'data': entry.origin, 'name': entry.name}
            if entry.score is None:
                record['failure'] = entry.failure
            else:
                values = astuple(entry.score)
                record['scores'] = [None if math.isnan(value) else value for value in values]
                self.scores[entry.origin, entry.name] = entry.score
            records.append(record)
        self._file.add(records)

    def _read(self) -> None:
        for place, line in enumerate(self._file.lines):
            try:
                record = parse_json(line)
                if 'failure' not in record:
                    self.scores[record['data'], record['name']] = _score(record['scores'])
            except (ValueError, KeyError, TypeError) as error:
                raise self._file.damaged(place) from error


def _score(values: list[float | None]) -> DepthScore:
    if len(values) != len(fields(DepthScore)):
        raise ValueError(f'{len(values)} scores')
    return DepthScore(*(math.nan if value is None else float(value) for value in values))
