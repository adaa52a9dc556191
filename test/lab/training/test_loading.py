import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
import torch
from numbered import MEAN, STD, NumberedDataset, numbers, source_of

from depth_anything_ros.errors import DatasetError, WorkerError
from depth_anything_ros.lab.training.augment import Augmentation
from depth_anything_ros.lab.training.data import Batch, SimulatorSource
from depth_anything_ros.lab.training.loading import load_batches


def test_views_of_the_real_world_are_the_same_in_another_process():
    source = SimulatorSource(5, 32, 48, 2, MEAN, STD, Augmentation())
    expected = source.batch(4)
    (loaded,) = load_batches(source, 4, 5, 1)
    assert torch.equal(loaded.pixels, expected.pixels)
    assert torch.equal(loaded.depth_m.isnan(), expected.depth_m.isnan())
    assert torch.equal(loaded.depth_m.nan_to_num(), expected.depth_m.nan_to_num())
    assert 0.1 < loaded.depth_m.nanmedian() < 20


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


class DyingSource:
    """A source whose process is killed at its third batch, as for want of memory."""

    def __len__(self) -> int:
        return 10

    def batch(self, step: int) -> Batch:
        if step == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return Batch(torch.full((1, 3, 2, 2), float(step)), torch.ones(1, 2, 2))


def test_death_of_a_worker_is_an_error_that_names_the_cure():
    batches = load_batches(DyingSource(), 0, 10, 1)
    assert [int(next(batches).pixels[0, 0, 0, 0]) for _ in range(2)] == [0, 1]
    with pytest.raises(WorkerError, match='with status -9, perhaps for want of memory; fewer'):
        next(batches)


RUN = """
import multiprocessing, signal, sys, time
from numbered import NumberedDataset, source_of
from depth_anything_ros.lab.training.loading import load_batches
received = []
signal.signal(signal.SIGINT, lambda *_: received.append(1))
batches = load_batches(source_of(NumberedDataset(50)), 0, 10**6, 2)
first = next(batches)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
"""
STOPPED_RUN = """
for batch in batches:
    time.sleep(0.01)
    if received:
        batches.close()
        sys.exit(3)
"""


@contextmanager
def run_with_workers(program: str) -> Iterator[tuple[subprocess.Popen, list[int]]]:
    """Start a run in a process group of its own; yield it and the processes of its workers."""
    folders = [str(Path(__file__).parent), *sys.path]
    run = subprocess.Popen(
        [sys.executable, '-c', program],
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(folders)},
        start_new_session=True,
    )
    with run:
        workers = [int(pid) for pid in run.stdout.readline().split()]
        assert len(workers) == 2
        yield run, workers
        run.kill()


def wait_for_end(workers: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline, 'a worker outlived its run'
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='looks at processes in /proc')
class TestProcesses:
    def test_signal_to_all_leaves_the_run_its_workers_until_it_closes_them(self):
        # The second worker is still importing when the first batch is there.
        with run_with_workers(RUN + STOPPED_RUN) as (run, workers):
            os.killpg(run.pid, signal.SIGINT)  # as a terminal does
            assert run.wait(30) == 3
            wait_for_end(workers)

    def test_signal_to_workers_alone_changes_nothing(self):
        with run_with_workers(RUN + STOPPED_RUN) as (run, workers):
            for pid in workers:
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGINT)
            time.sleep(0.5)
            assert all(alive(pid) for pid in workers)
            assert run.poll() is None

    def test_workers_end_with_a_killed_run(self):
        with run_with_workers(RUN + STOPPED_RUN) as (run, workers):
            run.kill()
            wait_for_end(workers)

    def test_run_ends_with_batches_left_open(self):
        with run_with_workers(RUN) as (run, workers):
            assert run.wait(30) == 0
            wait_for_end(workers)
