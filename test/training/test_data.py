import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.training.augment import Augmentation
from depth_anything_ros.training.data import DatasetSource, SimulatorSource, load_batches
from depth_anything_ros.types import DepthSample

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.5)


class FakeWorld:
    """Views whose every pixel holds their number."""

    def __init__(self, seed: int, height: int, width: int, device: str = 'cpu') -> None:
        self.size = (height, width)

    def render(self, indices):
        numbers = torch.tensor(list(indices))[:, None, None]
        rgb = numbers[..., None].expand(-1, *self.size, 3).to(torch.uint8)
        depth_m = numbers.expand(-1, *self.size).to(torch.float32)
        return SimpleNamespace(rgb=rgb, depth_m=depth_m)


@pytest.fixture
def fake_world(monkeypatch):
    module = ModuleType('depth_anything_ros.simulation.world')
    module.World = FakeWorld
    monkeypatch.setitem(sys.modules, module.__name__, module)


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


def test_views_of_the_real_world_are_the_same_in_another_process():
    source = SimulatorSource(5, 32, 48, 2, MEAN, STD, Augmentation())
    expected = source.batch(4)
    (loaded,) = load_batches(source, 4, 5, 1)
    assert torch.equal(loaded.pixels, expected.pixels)
    assert torch.equal(loaded.depth_m.isnan(), expected.depth_m.isnan())
    assert torch.equal(loaded.depth_m.nan_to_num(), expected.depth_m.nan_to_num())
    assert 0.1 < loaded.depth_m.nanmedian() < 20


def test_every_epoch_holds_every_sample_once_in_another_order():
    source = source_of(NumberedDataset(12))
    read = [n for step in range(6) for n in numbers(source.batch(step))]
    epochs = [read[:12], read[12:]]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize('workers', [0, 2])
def test_batches_come_in_order_whatever_the_workers(workers):
    source = source_of(NumberedDataset(50), augmentation=Augmentation())
    loaded = list(load_batches(source, 3, 10, workers))
    assert len(loaded) == 7
    for step, batch in enumerate(loaded, start=3):
        expected = source.batch(step)
        assert torch.equal(batch.pixels, expected.pixels)
        assert torch.equal(batch.depth_m, expected.depth_m)


def test_loading_leaves_the_global_random_state_alone():
    state = torch.get_rng_state()
    list(load_batches(source_of(NumberedDataset(8)), 0, 2, 1))
    assert torch.equal(torch.get_rng_state(), state)


def test_broken_sample_is_replaced_named_and_counted(caplog):
    source = source_of(NumberedDataset(8, broken=(5,)))
    with caplog.at_level(logging.WARNING):
        batches = list(load_batches(source, 0, 4, 0))
    read = Counter(chain.from_iterable(numbers(batch) for batch in batches))
    assert 5 not in read
    assert sum(read.values()) == 16
    assert sum((batch.skipped for batch in batches), ()) == ("file '5.png' is broken",) * 2
    assert [record.getMessage() for record in caplog.records] == [
        "skipped sample 1: file '5.png' is broken"
    ]


@pytest.mark.parametrize('workers', [0, 1])
def test_too_many_broken_samples_are_an_error_of_one_line(workers):
    source = source_of(NumberedDataset(40, broken=tuple(range(0, 40, 2))))
    with pytest.raises(
        DatasetError,
        match=r"^\d+ samples cannot be read, 3 are allowed; the last: file '\d+.png' is broken$",
    ):
        list(load_batches(source, 0, 20, workers, skip_limit=3))


@pytest.mark.parametrize('workers', [0, 1])
def test_batch_that_skips_too_many_is_an_error(workers):
    source = source_of(NumberedDataset(9, broken=tuple(range(9))), skip_limit=5)
    expected = (
        "^6 samples of data set 'numbered' cannot be read, 5 a batch are allowed; the last: "
    )
    with pytest.raises(DatasetError, match=expected):
        list(load_batches(source, 0, 1, workers))


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


INTERRUPTED = """
import multiprocessing, signal, sys, time
from test_data import NumberedDataset, source_of
from depth_anything_ros.training.data import load_batches
stop = []
signal.signal(signal.SIGINT, lambda *_: stop.append(1))
batches = load_batches(source_of(NumberedDataset(50)), 0, 10**6, 2)
next(batches)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
for batch in batches:
    time.sleep(0.01)
    if stop:
        batches.close()
        sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(('number', 'status'), [(signal.SIGINT, 3), (signal.SIGKILL, -9)])
def test_workers_end_with_an_interrupted_run(number, status):
    folders = [str(Path(__file__).parent), *sys.path]
    run = subprocess.Popen(
        [sys.executable, '-c', INTERRUPTED],
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(folders)},
        start_new_session=True,
    )
    workers = [int(pid) for pid in run.stdout.readline().split()]
    assert len(workers) == 2
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does
    else:
        run.send_signal(number)
    assert run.wait(30) == status
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline, 'a worker outlived its run'
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False
