import pickle
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from numbered import MEAN, STD, NumberedDataset, numbers, source_of

from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.lab.training.augment import Augmentation
from depth_anything_ros.lab.training.data import SimulatorSource


class FakeWorld:
    """Views whose every pixel holds their number."""

    def __init__(self, seed, height, width, device='cpu', version=1) -> None:
        self.size = (height, width)

    def render(self, indices):
        numbers = torch.tensor(list(indices))[:, None, None]
        rgb = numbers[..., None].expand(-1, *self.size, 3).to(torch.uint8)
        depth_m = numbers.expand(-1, *self.size).to(torch.float32)
        return SimpleNamespace(rgb=rgb, depth_m=depth_m)


@pytest.fixture
def fake_world(monkeypatch):
    module = ModuleType('depth_anything_ros.lab.simulation.world')
    module.World = FakeWorld
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_simulator_batches_are_consecutive_views(fake_world):
    source = SimulatorSource(3, 6, 8, 4, MEAN, STD, None)
    assert numbers(source.batch(0)) == [0, 1, 2, 3]
    assert numbers(source.batch(5)) == [20, 21, 22, 23]
    assert len(source) > 10**9


def test_pixels_are_normalised_planes(fake_world):
    batch = SimulatorSource(3, 6, 8, 2, MEAN, STD, None).batch(50)
    assert batch.pixels.shape == (2, 3, 6, 8)
    assert batch.pixels.dtype == batch.depth_m.dtype == torch.float32
    for channel in range(3):
        expected = (101 / 255 - MEAN[channel]) / STD[channel]
        torch.testing.assert_close(
            batch.pixels[1, channel], torch.full((6, 8), expected, dtype=torch.float32)
        )


def test_batch_is_a_function_of_seed_and_step():
    dataset = NumberedDataset(10)
    first = source_of(dataset, augmentation=Augmentation(), seed=1)
    first.batch(0)
    resumed = pickle.loads(pickle.dumps(source_of(dataset, augmentation=Augmentation(), seed=1)))
    a, b = first.batch(7), resumed.batch(7)
    assert torch.equal(a.pixels, b.pixels)
    assert torch.equal(a.depth_m, b.depth_m)
    other = source_of(dataset, augmentation=Augmentation(), seed=2).batch(7)
    assert not torch.equal(a.pixels, other.pixels)


def test_world_is_not_sent_to_other_processes(fake_world):
    source = SimulatorSource(3, 6, 8, 2, MEAN, STD, Augmentation())
    batch = source.batch(3)
    sent = pickle.loads(pickle.dumps(source))
    assert torch.equal(sent.batch(3).pixels, batch.pixels)


def test_every_epoch_holds_every_sample_once_in_another_order():
    source = source_of(NumberedDataset(12))
    read = [n for step in range(6) for n in numbers(source.batch(step))]
    epochs = [read[:12], read[12:]]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_data_set_without_a_readable_sample_is_an_error():
    source = source_of(NumberedDataset(2, broken=(0, 1)))
    with pytest.raises(DatasetError, match="^2 samples of data set 'numbered' cannot be read"):
        source.batch(0)


def test_empty_data_set_is_an_error():
    with pytest.raises(DatasetError, match="data set 'numbered' has no samples"):
        source_of(NumberedDataset(0))


def test_batch_without_images_is_refused():
    with pytest.raises(ConfigError, match='batch_size 0 is too small'):
        source_of(NumberedDataset(3), batch_size=0)
