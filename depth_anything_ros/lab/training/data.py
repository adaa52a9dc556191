"""Batches for training, from the simulated world or from a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.lab.training.augment import Augmentation, augment, centre_crop
from depth_anything_ros.types import DepthSample, Float32Array, UInt8Array

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset as DepthDataset
    from depth_anything_ros.lab.simulation.world import World

# Different samples that cannot be read before a run ends with an error.
SKIP_LIMIT = 20

# A world has no last view; this is only the length it shows.
_WORLD_VIEWS = 2**31

# Sets apart the random streams of one seed.
_AUGMENT_STREAM, _ORDER_STREAM = 0, 1

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Batch:
    """
    Images and their depth.

    `pixels` is float32 (B, 3, h, w), RGB in 0..1 normalised by mean and standard deviation;
    `depth_m` float32 (B, h, w) in metres along the optical axis, NaN where unknown. `skipped`
    says which samples could not be read and were replaced, one message each.
    """

    pixels: Tensor
    depth_m: Tensor
    skipped: tuple[str, ...] = ()


class BatchSource(Protocol):
    """Give the batch of any step; the same step gives the same batch, in any process."""

    def __len__(self) -> int:
        """Return how many samples there are."""
        ...

    def batch(self, step: int) -> Batch:
        """
        Return the batch of a step, counted from 0.

        :raises DatasetError: if too many samples cannot be read.
        """
        ...


@dataclass(frozen=True)
class BatchForm:
    """
    What a batch looks like.

    :param height: rows of an image.
    :param width: columns of an image.
    :param batch_size: images in a batch.
    :param mean: of RGB in 0..1, subtracted.
    :param std: of RGB in 0..1, divided by.
    :param augmentation: None leaves images as they are, cut to shape in the middle.
    :param seed: of all chance.
    :raises ConfigError: if a size is below 1.
    """

    height: int
    width: int
    batch_size: int
    mean: Triple
    std: Triple
    augmentation: Augmentation | None
    seed: int

    def __post_init__(self) -> None:
        """Check the sizes."""
        for name in ('height', 'width', 'batch_size'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} {getattr(self, name)} is too small; 1 is the least')

    def assemble(
        self, step: int, images: Sequence[tuple[UInt8Array, Float32Array]]
    ) -> tuple[Tensor, Tensor]:
        """
        Return pixels (B, 3, h, w) and depth_m (B, h, w) of pairs of image and depth.

        :param step: which batch it is; place and step choose the random changes.
        """
        size = (self.height, self.width)
        pixels = np.empty((len(images), 3, *size), np.float32)
        depths = np.empty((len(images), *size), np.float32)
        tables = self._tables()
        for place, (rgb, depth_m) in enumerate(images):
            if self.augmentation is None:
                rgb, depths[place] = centre_crop(rgb, depth_m, size)
            else:
                rng = np.random.default_rng((self.seed, _AUGMENT_STREAM, step, place))
                rgb, depths[place] = augment(rgb, depth_m, size, self.augmentation, rng)
            for channel in range(3):
                cv2.LUT(
                    np.ascontiguousarray(rgb[..., channel]),
                    tables[channel],
                    dst=pixels[place, channel],
                )
        return torch.from_numpy(pixels), torch.from_numpy(depths)

    def _tables(self) -> list[Float32Array]:
        """Return for each channel the normalised value of the levels 0 to 255."""
        levels = np.arange(256) / 255.0
        return [
            ((levels - mean) / std).astype(np.float32)
            for mean, std in zip(self.mean, self.std, strict=True)
        ]


class SimulatorSource:
    """
    Render every image once, on the fly; the world is made by each process for itself.

    :param world_seed: of the world and of all chance in the augmentation.
    :param height: rows of an image.
    :param width: columns of an image.
    :param batch_size: images in a batch.
    :param mean: of RGB in 0..1.
    :param std: of RGB in 0..1.
    :param augment: None leaves the views as rendered.
    :param device: where to render; another than the CPU only without worker processes.
    :param version: of the world, 1 or 2.
    :raises ConfigError: if a size is below 1.
    """

    def __init__(
        self,
        world_seed: int,
        height: int,
        width: int,
        batch_size: int,
        mean: Triple,
        std: Triple,
        augment: Augmentation | None,
        device: str = 'cpu',
        version: int = 1,
    ) -> None:
        self.form = BatchForm(height, width, batch_size, mean, std, augment, world_seed)
        self._version = version
        self._device = device
        self._world: World | None = None

    def __len__(self) -> int:
        """Return the number of views, far more than a run sees."""
        return _WORLD_VIEWS

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs; it makes its own world."""
        return {**self.__dict__, '_world': None}

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0."""
        from depth_anything_ros.lab.simulation.world import World

        form = self.form
        if self._world is None:
            self._world = World(form.seed, form.height, form.width, self._device, self._version)
        first = step * form.batch_size
        views = self._world.render(range(first, first + form.batch_size))
        images = list(zip(views.rgb.cpu().numpy(), views.depth_m.cpu().numpy(), strict=True))
        return Batch(*form.assemble(step, images))


class DatasetSource:
    """
    Read the samples of a data set in a new random order each epoch.

    A sample that cannot be read is replaced by the next of the epoch's order.

    :param dataset: where the samples are.
    :param height: rows of an image.
    :param width: columns of an image.
    :param batch_size: images in a batch.
    :param mean: of RGB in 0..1.
    :param std: of RGB in 0..1.
    :param augment: None cuts the middle.
    :param seed: of order and augmentation.
    :param skip_limit: samples one batch may skip.
    :raises ConfigError: if a size is below 1.
    :raises DatasetError: if there are no samples.
    """

    def __init__(
        self,
        dataset: DepthDataset,
        height: int,
        width: int,
        batch_size: int,
        mean: Triple,
        std: Triple,
        augment: Augmentation | None,
        seed: int = 0,
        skip_limit: int = SKIP_LIMIT,
    ) -> None:
        if len(dataset) == 0:
            raise DatasetError(f"data set '{dataset.name}' has no samples")
        self.form = BatchForm(height, width, batch_size, mean, std, augment, seed)
        self._dataset = dataset
        self._skip_limit = skip_limit
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """Return the number of samples of an epoch."""
        return len(self._dataset)

    def batch(self, step: int) -> Batch:
        """
        Return the batch of a step, counted from 0; epochs follow each other without a gap.

        :raises DatasetError: if more than `skip_limit` samples cannot be read, or none can.
        """
        samples: list[DepthSample] = []
        skipped: list[str] = []
        for place in range(self.form.batch_size):
            samples.append(self._read(step * self.form.batch_size + place, skipped))
        images = [(sample.rgb, sample.depth_m) for sample in samples]
        return Batch(*self.form.assemble(step, images), tuple(skipped))

    def _read(self, number: int, skipped: list[str]) -> DepthSample:
        """Return sample `number` of the endless order, or the next of its epoch that is whole."""
        epoch, start = divmod(number, len(self))
        order = self._epoch_order(epoch)
        for offset in range(len(self)):
            try:
                return self._dataset[int(order[(start + offset) % len(self)])]
            except DatasetError as error:
                skipped.append(str(error))
            if len(skipped) > self._skip_limit:
                break
        raise DatasetError(
            f"{len(skipped)} samples of data set '{self._dataset.name}' cannot be read, "
            f'{self._skip_limit} a batch are allowed; the last: {skipped[-1]}'
        )

    def _epoch_order(self, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng((self.form.seed, _ORDER_STREAM, epoch))
            self._order = (epoch, rng.permutation(len(self)))
        return self._order[1]
