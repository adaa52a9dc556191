"""A training run small enough for tests, also as a program that tests can kill."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from depth_anything_ros.lab.training.config import TrainConfig
from depth_anything_ros.lab.training.data import Batch
from depth_anything_ros.lab.training.processes import StopRequest, join
from depth_anything_ros.lab.training.train import TrainResult, train
from depth_anything_ros.lab.training.validation import Validation
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.estimator import Decoder, DepthEstimator, Encoder
from depth_anything_ros.types import DepthSample

SIDE = 32


class SmallEncoder(Encoder[Tensor]):
    """One convolution with batch norm and dropout, whose noise a resumed run must repeat."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.1)

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        return (8,) * len(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        return [self.dropout(torch.relu(self.norm(self.convolution(pixels))))]

    def prepare(self, grid: tuple[int, int]) -> None:
        pass


class SmallDecoder(Decoder[Tensor]):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, layers: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        return nn.functional.interpolate(self.convolution(layers[0]), scale_factor=2.0)


def small_estimator(max_depth_m: float | None = None, seed: int = 0) -> DepthEstimator:
    torch.manual_seed(seed)
    spec = replace(MODELS['tiny'], patch=16, layers=(0,), max_depth_m=max_depth_m)
    return DepthEstimator(spec, SmallEncoder(), SmallDecoder())


def slope(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image whose brightness tells its depth, and the depth."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    depth_m = 2 + rng.uniform(-1, 1) * rows + rng.uniform(-0.5, 0.5) * columns
    rgb = np.repeat((255 / depth_m)[..., None], 3, axis=2) + rng.normal(0, 3, (SIDE, SIDE, 3))
    return rgb.clip(0, 255).astype(np.uint8), depth_m.astype(np.float32)


class SlopeSource:
    """Batches of slopes; `spoilt_from` makes all images NaN from that step on."""

    def __init__(self, batch: int = 4, spoilt_from: int | None = None) -> None:
        self._batch = batch
        self._spoilt_from = spoilt_from

    def __len__(self) -> int:
        return 1000

    def batch(self, step: int) -> Batch:
        pairs = [slope(step * self._batch + place) for place in range(self._batch)]
        rgb = torch.from_numpy(np.stack([rgb for rgb, _ in pairs]))
        pixels = (rgb.permute(0, 3, 1, 2).float() - 127) / 128  # as the row of `tiny` says
        if self._spoilt_from is not None and step >= self._spoilt_from:
            pixels = pixels * torch.nan
        return Batch(pixels, torch.from_numpy(np.stack([depth_m for _, depth_m in pairs])))


class Slopes:
    """A data set of slopes to validate on."""

    name = 'slopes'

    def __init__(self, count: int = 4) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def sample_name(self, index: int) -> str:
        return f'slope {index}'

    def source(self, index: int) -> str:
        return self.name

    def __getitem__(self, index: int) -> DepthSample:
        rgb, depth_m = slope(10_000 + index)
        return DepthSample(rgb, depth_m, self.sample_name(index))


class HeldSlopes(Slopes):
    """Hold a run at its ninth validation or sooner until it is asked to stop."""

    def __init__(self, stop: StopRequest) -> None:
        super().__init__()
        self._stop = stop
        self._left = 8 * len(self)

    def __getitem__(self, index: int) -> DepthSample:
        self._left -= 1
        while self._left < 0 and not self._stop.received:
            time.sleep(0.01)
        return super().__getitem__(index)


SMALL = TrainConfig(
    steps=40, learning_rate=0.01, log_every=2, validate_every=10, checkpoint_every=7, workers=0
)


def small_run(
    out: Path,
    config: TrainConfig = SMALL,
    resume: bool = False,
    stop: StopRequest | None = None,
    batch: int = 4,
    held: bool = False,
) -> TrainResult:
    stop = stop or StopRequest()
    estimator = small_estimator()
    with join('cpu') as context:
        slopes = HeldSlopes(stop) if held else Slopes()
        validation = Validation(slopes, estimator.spec, SIDE, config)
        return train(
            config, estimator, SlopeSource(batch), out,
            context=context, stop=stop, validation=validation, resume=resume,
        )  # fmt: skip


if __name__ == '__main__':
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument('out', type=Path)
    parser.add_argument('--steps', type=int, default=SMALL.steps)
    parser.add_argument('--workers', type=int, default=0)
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--freeze', action='store_true')
    parser.add_argument('--held', action='store_true')
    words = parser.parse_args()
    asked = replace(
        SMALL, steps=words.steps, encoder_lr_factor=0.0 if words.freeze else 1.0,
        workers=words.workers,
    )  # fmt: skip
    requested = StopRequest()
    with requested.listening():
        ended = small_run(words.out, asked, words.resume, requested, held=words.held)
    sys.exit(130 if ended.end.value == 'interrupted' else 0)
