"""Score every sample of data sets, with many workers, going on where a run was stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets import Dataset
from depth_anything_ros.lab.datasets.origin import OpenData, Origin, open_here
from depth_anything_ros.lab.quality.journal import Entry, ScoreJournal
from depth_anything_ros.lab.quality.scores import ScoreConfig, score_depth
from depth_anything_ros.lab.quality.selection import ScoredSample
from depth_anything_ros.lab.workers import Workers

# Passes outcomes through and may show how many of that number have come.
Progress = Callable[[Iterable[Entry], int], Iterable[Entry]]

# Samples in one call of a worker: enough to make its cost small, few enough to stop soon.
_SAMPLES_PER_CALL = 8


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

    :raises DatasetError: if a data set is empty or names two samples alike.
    :return: all samples by the label of their data set, in its order, none dropped yet.
    """
    for item in data:
        _check_names(item.origin.word, item.dataset)
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
    dataset = open_here(origin)
    return [_score_sample(origin.word, dataset, index, config) for index in indices]


def _score_sample(word: str, dataset: Dataset, index: int, config: ScoreConfig) -> Entry:
    name = dataset.sample_name(index)
    try:
        return Entry(word, name, score_depth(dataset[index].depth_m, config))
    except (DatasetError, OSError) as error:
        return Entry(word, name, None, str(error) or type(error).__name__)


def _outcomes(
    calls: Iterable[tuple[Origin, Sequence[int]]],
    config: ScoreConfig,
    journal: ScoreJournal,
    workers: Workers,
) -> Iterator[Entry]:
    """Yield what the workers find once it is on disk."""
    for _, entries in workers.results(partial(_score_call, config), calls):
        journal.add(entries)
        yield from entries


def _score_call(config: ScoreConfig, call: tuple[Origin, Sequence[int]]) -> list[Entry]:
    return score_samples(*call, config)


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
