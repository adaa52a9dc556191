"""A small made data set that any process can open by its word."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.types import DepthSample


@dataclass(frozen=True)
class MadeDataset:
    """Ramps with noise; number 5 has hardly any depth, and number 7 cannot be read."""

    name: str
    count: int
    delay_s: float = 0.0

    def __len__(self) -> int:
        return self.count

    def sample_name(self, index: int) -> str:
        return f'{index:03d}'

    def source(self, index: int) -> str:
        return f'room {index % 2}'

    def __getitem__(self, index: int) -> DepthSample:
        time.sleep(self.delay_s)
        if index == 7:
            raise DatasetError('007.png is no image')
        generator = np.random.default_rng(index)
        ramp = np.linspace(1, generator.uniform(1.5, 8), 40) ** generator.uniform(0.5, 3)
        depth_m = (ramp + generator.gamma(1, 0.05, (30, 40))).astype(np.float32)
        if index == 5:
            depth_m[:25] = np.nan
        rgb = np.full((30, 40, 3), 120, np.uint8)
        return DepthSample(rgb, depth_m, self.sample_name(index))


def open_made(word: str) -> MadeDataset:
    """Open NAME:COUNT or NAME:COUNT:DELAY_S."""
    name, count, *delay = word.split(':')
    if name == 'broken':
        raise DatasetError(f"'{word}' is broken")
    return MadeDataset(name, int(count), float(delay[0]) if delay else 0.0)
