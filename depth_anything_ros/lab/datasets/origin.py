"""Data sets that any process can open for itself, as workers do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from depth_anything_ros.errors import ConfigError, DatasetError, DepthAnythingError
from depth_anything_ros.lab.datasets.base import Dataset

Opener = Callable[[str], Dataset]


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
    :raises DatasetError: if a data set cannot be read.
    """
    words = Counter(origin.word for origin in origins)
    for word, count in words.items():
        if count > 1:
            raise ConfigError(f"'{word}' is given {count} times; allowed: once")
    datasets = [origin.open(origin.word) for origin in origins]
    names = Counter(dataset.name for dataset in datasets)
    return [
        OpenData(dataset.name if names[dataset.name] == 1 else origin.word, origin, dataset)
        for origin, dataset in zip(origins, datasets, strict=True)
    ]


# Open data sets are not shared by threads: files have one position to read from.
_opened_here = threading.local()


def open_here(origin: Origin) -> Dataset:
    """
    Open a data set once for each thread of this process.

    :raises DatasetError: if it cannot be opened here.
    """
    opened: dict[Origin, Dataset] = _opened_here.__dict__.setdefault('datasets', {})
    if origin not in opened:
        try:
            opened[origin] = origin.open(origin.word)
        except DepthAnythingError as error:
            # Other errors of ours may not survive the way to the parent.
            raise DatasetError(f"'{origin.word}' cannot be opened by a worker: {error}") from None
    return opened[origin]
