"""Score every sample of data sets, with many workers, going on where a run was stopped."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from depth_anything_ros.errors import ConfigError, DatasetError, DepthAnythingError
from depth_anything_ros.lab.quality.journal import Entry, ScoreJournal
from depth_anything_ros.lab.quality.scores import ScoreConfig, score_depth
from depth_anything_ros.lab.quality.selection import ScoredSample
from depth_anything_ros.lab.workers import Workers

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset

Opener = Callable[[str], 'Dataset']
# Passes outcomes through and may show how many of that number have come.
Progress = Callable[[Iterable[Entry], int], Iterable[Entry]]

# Samples in one call of a worker: enough to make its cost small, few enough to stop soon.
_SAMPLES_PER_CALL = 8
_CALLS_AHEAD = 2


@dataclass(frozen=True)
class Origin:
    """
    Name a data set so that any process can open it.

    `open` takes `word`; it is a function of a module, which is sent to workers by its name.
    """

    word: str
    open: Opener


@dataclass(frozen=True)
class OpenData:
    """An open data set, where it came from and the name it is shown under."""

    label: str
    origin: Origin
    dataset: Dataset


def open_data(origins: Sequence[Origin]) -> list[OpenData]:
    """
    Open data sets; those that share a name are shown under their words.

    :raises ConfigError: if the same word is given twice.
    :raises DatasetError: if a data set cannot be read, is empty or names two samples alike.
    """
    words = Counter(origin.word for origin in origins)
    for word, count in words.items():
        if count > 1:
            raise ConfigError(f"'{word}' is given {count} times; allowed: once")
    datasets = [origin.open(origin.word) for origin in origins]
    names = Counter(dataset.name for dataset in datasets)
    opened = []
    for origin, dataset in zip(origins, datasets, strict=True):
        _check_names(origin.word, dataset)
        label = dataset.name if names[dataset.name] == 1 else origin.word
        opened.append(OpenData(label, origin, dataset))
    return opened


def score_data(
    data: Sequence[OpenData],
    config: ScoreConfig,
    journal: ScoreJournal,
    workers: Workers,
    progress: Progress,
) -> dict[str, list[ScoredSample]]:
    """
    Score every sample that the journal does not hold yet.

    A sample that cannot be read has no score but a failure. The result does not depend on the
    number of workers, nor on how often the run was stopped.

    :return: all samples by the label of their data set, in its order, none dropped yet.
    """
    failures: dict[tuple[str, str], str] = {}
    missing = [_missing(item, journal) for item in data]
    calls = (
        (item.origin, batch)
        for item, indices in zip(data, missing, strict=True)
        for batch in _batches(indices)
    )
    outcomes = _outcomes(calls, config, journal, workers)
    for entry in progress(outcomes, sum(map(len, missing))):
        if entry.score is None:
            failures[entry.origin, entry.name] = entry.failure
    return {item.label: _samples(item, journal, failures) for item in data}


def score_samples(origin: Origin, indices: Sequence[int], config: ScoreConfig) -> list[Entry]:
    """
    Score some samples of a data set, as a worker does.

    :raises DatasetError: if the data set cannot be opened here.
    """
    dataset = _open_here(origin)
    return [_score_sample(origin.word, dataset, index, config) for index in indices]


def _score_sample(word: str, dataset: Dataset, index: int, config: ScoreConfig) -> Entry:
    name = dataset.sample_name(index)
    try:
        return Entry(word, name, score_depth(dataset[index].depth_m, config))
    except (DatasetError, OSError) as error:
        return Entry(word, name, None, str(error) or type(error).__name__)


# Open data sets are not shared by threads: files have one position to read from.
_opened_here = threading.local()


def _open_here(origin: Origin) -> Dataset:
    """Open a data set once for each thread of this process."""
    opened: dict[Origin, Dataset] = _opened_here.__dict__.setdefault('datasets', {})
    if origin not in opened:
        try:
            opened[origin] = origin.open(origin.word)
        except DepthAnythingError as error:
            # Other errors of ours may not survive the way to the parent.
            raise DatasetError(f"'{origin.word}' cannot be opened by a worker: {error}") from None
    return opened[origin]


def _outcomes(
    calls: Iterator[tuple[Origin, Sequence[int]]],
    config: ScoreConfig,
    journal: ScoreJournal,
    workers: Workers,
) -> Iterator[Entry]:
    """Give calls to the workers, a few ahead, and yield what they found once it is on disk."""

    def submit(count: int) -> set[Future[list[Entry]]]:
        return {
            workers.executor.submit(score_samples, origin, indices, config)
            for origin, indices in islice(calls, count)
        }

    waiting = submit(workers.count * _CALLS_AHEAD)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        waiting |= submit(len(done))
        for future in done:
            entries = future.result()
            journal.add(entries)
            yield from entries


def _missing(item: OpenData, journal: ScoreJournal) -> list[int]:
    word, dataset = item.origin.word, item.dataset
    return [
        index
        for index in range(len(dataset))
        if (word, dataset.sample_name(index)) not in journal.scores
    ]


def _batches(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(indices), _SAMPLES_PER_CALL):
        yield indices[start : start + _SAMPLES_PER_CALL]


def _samples(
    item: OpenData, journal: ScoreJournal, failures: dict[tuple[str, str], str]
) -> list[ScoredSample]:
    samples = []
    for index in range(len(item.dataset)):
        name = item.dataset.sample_name(index)
        key = item.origin.word, name
        samples.append(
            ScoredSample(
                item.label,
                index,
                name,
                item.dataset.source(index),
                journal.scores.get(key),
                failures.get(key, ''),
            )
        )
    return samples


def _check_names(word: str, dataset: Dataset) -> None:
    names = Counter(dataset.sample_name(index) for index in range(len(dataset)))
    if not names:
        raise DatasetError(f"'{word}' holds no sample")
    name, count = names.most_common(1)[0]
    if count > 1:
        raise DatasetError(f"'{word}' names {count} samples '{name}'; allowed: one")
