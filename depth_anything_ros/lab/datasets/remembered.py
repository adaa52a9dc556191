"""A data set whose samples are kept in memory after they were read."""

from __future__ import annotations

from depth_anything_ros.lab.datasets.base import Dataset
from depth_anything_ros.types import DepthSample


class RememberedDataset:
    """
    Read each sample of a data set once, as far as they fit, for runs that go through it often.

    :param dataset: the samples.
    :param limit_bytes: room for images and depth; samples beyond it are read every time.
    """

    def __init__(self, dataset: Dataset, limit_bytes: int = 1 << 30) -> None:
        self._dataset = dataset
        self._room_bytes = limit_bytes
        self._samples: dict[int, DepthSample] = {}

    @property
    def name(self) -> str:
        """Return the name of the data set."""
        return self._dataset.name

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._dataset)

    def sample_name(self, index: int) -> str:
        """
        Return the name of a sample.

        :raises IndexError: if there is no such sample.
        """
        return self._dataset.sample_name(index)

    def source(self, index: int) -> str:
        """
        Return the group of a sample.

        :raises IndexError: if there is no such sample.
        """
        return self._dataset.source(index)

    def __getitem__(self, index: int) -> DepthSample:
        """
        Return a sample, which is not to be changed.

        :raises DatasetError: if it cannot be read.
        :raises IndexError: if there is no such sample.
        """
        if index in self._samples:
            return self._samples[index]
        sample = self._dataset[index]
        size = sample.rgb.nbytes + sample.depth_m.nbytes
        if size <= self._room_bytes:
            self._room_bytes -= size
            self._samples[index] = sample
        return sample
