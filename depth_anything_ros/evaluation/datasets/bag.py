"""Bags with colour and registered depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.evaluation.bag import BagReader, RgbdFrame, RgbdTopics, frames
from depth_anything_ros.evaluation.datasets.base import Dataset, checked_sample, require_split
from depth_anything_ros.types import DepthSample

NAME = 'bag'

_IMAGES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')


def open_bag(path: Path, split: str) -> Dataset:
    """
    Open a ROS 1 or ROS 2 bag; the samples are its colour images that have a depth image.

    The topics are those of `RgbdTopics` where the bag has them, else the only image topic with
    `depth` in its name and the only one without. The bag is one source. Every split is all.
    Samples are quick to read in order; going back starts at the beginning of the bag.

    :raises DatasetError: if the bag is missing, damaged, or has not one such pair of topics.
    """
    require_split(NAME, split, ('train', 'test', 'all'))
    return BagDataset(path)


class BagDataset:
    """
    Read the RGB-D frames of a bag.

    :param path: as `BagReader` takes it.
    :raises DatasetError: if the bag is missing, damaged, or has not one such pair of topics.
    """

    name = NAME

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with BagReader(path) as reader:
                self._topics = _rgbd_topics(reader)
                self._stamps = [item.frame.stamp_ns for item in self._with_depth(reader)]
        except MessageError as error:
            raise DatasetError(f"bag '{path}': {error}") from error
        if not self._stamps:
            raise DatasetError(f"bag '{path}' has no image with a depth image of its time")
        self._running: Iterator[RgbdFrame] | None = None
        self._next = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stamps)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs; it opens the bag for itself."""
        return {**self.__dict__, '_running': None, '_next': 0}

    def sample_name(self, index: int) -> str:
        """
        Return the acquisition time of a sample, in nanoseconds.

        :raises IndexError: if there is no such sample.
        """
        return f'{self.source(index)}/{self._stamps[index]}'

    def source(self, index: int) -> str:
        """
        Return the name of the bag.

        :raises IndexError: if there is no such sample.
        """
        self._check(index)
        return self._path.stem

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample.

        :raises DatasetError: if it is damaged, or depth and image differ in size.
        :raises IndexError: if there is no such sample.
        """
        self._check(index)
        if self._running is None or index < self._next:
            self._running, self._next = self._frames(), 0
        try:
            for item in self._running:
                self._next += 1
                if self._next == index + 1 and item.depth_m is not None:
                    place = f'{self._path}, {self._topics[1]}'
                    return checked_sample(
                        item.frame.rgb, item.depth_m, self.sample_name(index), place
                    )
        except MessageError as error:
            self._running = None
            raise DatasetError(f"bag '{self._path}': {error}") from error
        raise DatasetError(f"bag '{self._path}' ended before sample {index}")

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')

    def _frames(self) -> Iterator[RgbdFrame]:
        with BagReader(self._path) as reader:
            yield from self._with_depth(reader)

    def _with_depth(self, reader: BagReader) -> Iterator[RgbdFrame]:
        for item in frames(reader, *self._topics):
            if item.depth_m is not None:
                yield item


def _rgbd_topics(reader: BagReader) -> tuple[str, str]:
    """
    Return the topics of image and depth.

    :raises DatasetError: if it is not clear which they are.
    """
    usual = RgbdTopics()
    if usual.image in reader.topics and usual.depth in reader.topics:
        return usual.image, usual.depth
    images = [topic.name for topic in reader.topics.values() if topic.type_name in _IMAGES]
    depth = [name for name in images if 'depth' in name.lower()]
    color = [name for name in images if name not in depth]
    if len(depth) != 1 or len(color) != 1:
        raise DatasetError(
            f"bag '{reader.path}' needs one image topic with 'depth' in its name and one "
            f'without, or {usual.image} and {usual.depth}; it has: {", ".join(images) or "none"}'
        )
    return color[0], depth[0]
