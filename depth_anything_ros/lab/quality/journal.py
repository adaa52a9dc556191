"""The scores of a run as they come, on disk, so that a run that was stopped can go on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

from depth_anything_ros.json_text import IF_KNOWN, record
from depth_anything_ros.lab.journal import Journal
from depth_anything_ros.lab.quality.scores import DepthScore, ScoreConfig

_FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """
    The outcome for one sample: its scores, or None and why it could not be read.

    `origin` is the word the user named the data set with, `name` the sample's name in it.
    """

    origin: str
    name: str
    score: DepthScore | None
    failure: str = ''


@dataclass(frozen=True)
class _Line:
    """An entry as the file holds it: the scores in the order of DepthScore, or the failure."""

    data: str
    name: str
    scores: Sequence[float | None] | None = field(default=None, metadata=IF_KNOWN)
    failure: str | None = field(default=None, metadata=IF_KNOWN)


class ScoreJournal:
    """
    Keep the outcomes of a run; `scores` holds them by the word of the data and the sample's name.

    An outcome with a failure is not given back, so that a run that goes on tries it again.

    :param path: the file; it is made where there is none.
    :param config: how depth is scored; the file must have been begun with the same.
    :param restart: forget what the file holds.
    :raises DatasetError: as :class:`Journal` does.
    """

    def __init__(self, path: Path, config: ScoreConfig, restart: bool = False) -> None:
        self.scores: dict[tuple[str, str], DepthScore] = {}
        self._file = Journal(path, _Line, {'format': _FORMAT, **record(config)}, restart)
        for place, line in enumerate(self._file.entries):
            if line.failure is None:
                if line.scores is None or len(line.scores) != len(fields(DepthScore)):
                    self._file.close()
                    raise self._file.damaged(place)
                values = (math.nan if value is None else value for value in line.scores)
                self.scores[line.data, line.name] = DepthScore(*values)

    def __enter__(self) -> ScoreJournal:
        """Return the journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def add(self, entries: Iterable[Entry]) -> None:
        """
        Append outcomes; they outlast the end of this process, however it ends.

        :raises OutputError: if the file cannot be written.
        """
        lines = []
        for entry in entries:
            if entry.score is None:
                lines.append(_Line(entry.origin, entry.name, failure=entry.failure))
                continue
            values = [None if math.isnan(value) else value for value in astuple(entry.score)]
            lines.append(_Line(entry.origin, entry.name, values))
            self.scores[entry.origin, entry.name] = entry.score
        self._file.add(lines)
