"""The list of samples that were good enough, and a data set of only those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.files import write_text

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset
    from depth_anything_ros.types import DepthSample


class KeptDataset:
    """
    Show only some samples of a data set, in its order.

    :param dataset: the whole one.
    :param names: of the samples to show.
    :raises DatasetError: if the data set lacks one of them.
    """

    def __init__(self, dataset: Dataset, names: Iterable[str]) -> None:
        missing = set(names)
        self._dataset = dataset
        self._indices = []
        for index in range(len(dataset)):
            name = dataset.sample_name(index)
            if name in missing:
                missing.remove(name)
                self._indices.append(index)
        if missing:
            raise DatasetError(
                f"'{dataset.name}' has no sample '{min(missing)}', and {len(missing) - 1} more "
                'of those that were kept; score it anew'
            )

    @property
    def name(self) -> str:
        """Return the name of the whole data set."""
        return self._dataset.name

    def __len__(self) -> int:
        """Return the number of samples shown."""
        return len(self._indices)

    def sample_name(self, index: int) -> str:
        """Return the name of a sample."""
        return self._dataset.sample_name(self._indices[index])

    def source(self, index: int) -> str:
        """Return the group of a sample."""
        return self._dataset.source(self._indices[index])

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample.

        :raises DatasetError: if it cannot be read.
        """
        return self._dataset[self._indices[index]]


def write_kept(path: Path, kept: Mapping[str, Iterable[str]]) -> None:
    """
    Write the list of kept samples: a line for each, its data set's word, a tab, its name.

    :param kept: names of samples by the word of their data set.
    :raises DatasetError: if a word or a name holds a tab or a line's end.
    :raises OutputError: if it cannot be written.
    """
    lines = []
    for word, names in kept.items():
        for name in names:
            if set('\t\n\r') & set(word + name):
                raise DatasetError(
                    f'sample {name!r} of {word!r} cannot be listed; allowed: names without tabs '
                    'and line ends'
                )
            lines.append(f'{word}\t{name}\n')
    write_text(path, ''.join(lines))


def read_kept(path: Path, word: str) -> frozenset[str]:
    """
    Read the names of the kept samples of a data set.

    :param word: the word it was scored under.
    :raises DatasetError: if the file is no such list, or has no sample of that data set.
    :raises OSError: if it cannot be read.
    """
    try:
        text = path.read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise DatasetError(f"'{path}' is not a list of samples: {error}") from error
    kept: dict[str, set[str]] = {}
    for number, line in enumerate(text.split('\n')[:-1], 1):
        found, tab, name = line.partition('\t')
        if not tab:
            raise DatasetError(
                f"line {number} of '{path}' is not a word, tab and name of a sample"
            )
        kept.setdefault(found, set()).add(name)
    if word not in kept:
        known = ', '.join(kept) or 'none'
        raise DatasetError(f"'{path}' lists no sample of '{word}'; data sets in it: {known}")
    return frozenset(kept[word])
