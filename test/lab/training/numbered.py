"""A data set whose samples tell their number."""

import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.training.data import DatasetSource
from depth_anything_ros.types import DepthSample

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.5)


class NumberedDataset:
    """Samples whose depth is their number; some cannot be read."""

    name = 'numbered'

    def __init__(self, count: int, broken: tuple[int, ...] = ()) -> None:
        self.count = count
        self.broken = broken

    def __len__(self) -> int:
        return self.count

    def sample_name(self, index: int) -> str:
        return f'{index}'

    def source(self, index: int) -> str:
        return self.name

    def __getitem__(self, index: int) -> DepthSample:
        if index in self.broken:
            raise DatasetError(f"file '{index}.png' is broken")
        rgb = np.random.default_rng(index).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        return DepthSample(rgb, np.full((12, 16), index, np.float32), f'{index}')


def source_of(dataset, batch_size=4, augmentation=None, **options):
    return DatasetSource(dataset, 12, 16, batch_size, MEAN, STD, augmentation, **options)


def numbers(batch) -> list[int]:
    return batch.depth_m[:, 0, 0].int().tolist()
