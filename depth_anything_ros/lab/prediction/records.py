"""What became of each input, and what an earlier run has done already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.lab.journal import Journal
from depth_anything_ros.lab.prediction.sources import Kind, Source

JOURNAL = 'predict.jsonl'


@dataclass(frozen=True)
class Record:
    """
    What became of one input.

    `input` is its path, or the number of a camera; `size` and `modified_ns` are those of the
    file, 0 of a camera. `results` are the files that it became, and of single frames their
    folder, relative to the folder of all. `frames_without_metres` counts those that metres were
    asked for and could not be had. `failure` says what went wrong, '' where nothing did.
    """

    input: str
    name: str
    kind: Kind
    size: int
    modified_ns: int
    frames: int = 0
    frames_without_metres: int = 0
    results: Sequence[str] = ()
    failure: str = ''


def begun(source: Source) -> Record:
    """
    Return the record of a source that nothing has become of yet.

    :raises OSError: if it is a file that is not there.
    """
    if source.kind is Kind.CAMERA:
        return Record(source.place, source.name, source.kind, 0, 0)
    path = Path(source.place).absolute()
    status = path.stat()
    return Record(str(path), source.name, source.kind, status.st_size, status.st_mtime_ns)


def left_to_do(
    sources: Sequence[Source], journal: Journal[Record], out: Path
) -> tuple[list[Source], list[Record]]:
    """
    Return the sources that are left, and the records of those that an earlier run has done.

    Done is what has all its results, of a file that has not changed since.

    :param out: the folder of the results.
    """
    known = {
        (record.input, record.name): record
        for record in journal.entries
        if not record.failure and all((out / name).exists() for name in record.results)
    }
    left, done = [], []
    for source in sources:
        before = known.get((str(Path(source.place).absolute()), source.name))
        if before is not None and source.kind is not Kind.CAMERA and _is_unchanged(source, before):
            done.append(before)
        else:
            left.append(source)
    return left, done


def _is_unchanged(source: Source, before: Record) -> bool:
    try:
        now = begun(source)
    except OSError:
        return False
    return (now.size, now.modified_ns) == (before.size, before.modified_ns)
