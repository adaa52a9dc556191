"""What a study has measured so far, kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from depth_anything_ros.json_text import parse_json
from depth_anything_ros.lab.journal import JournalFile

_FORMAT = 1


class StudyJournal:
    """
    Keep the results of steps; `results` holds them by recipe and step.

    A result with a `failure` is not given back, so that a run that goes on tries it again.

    :param path: the file; it is made where there is none.
    :param settings: what all results depend on, as plain values for JSON.
    :param restart: forget what the file holds.
    :raises DatasetError: if the file is none of ours, damaged, begun with other settings or in
        use by another run.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], restart: bool = False) -> None:
        self.results: dict[tuple[str, str], dict[str, Any]] = {}
        self._file = JournalFile(path, {'format': _FORMAT, **settings}, restart)
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> StudyJournal:
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

    def add(self, recipe: str, step: str, result: dict[str, Any]) -> None:
        """
        Keep the result of a step; it outlasts the end of this process, however it ends.

        :raises OutputError: if the file cannot be written.
        """
        self._file.add([{'recipe': recipe, 'step': step, 'result': result}])
        self.results[recipe, step] = result

    def _read(self) -> None:
        for place, line in enumerate(self._file.lines):
            try:
                record = parse_json(line)
                key, result = (record['recipe'], record['step']), record['result']
                if not result.get('failure'):
                    self.results[key] = result
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise self._file.damaged(place) from error
