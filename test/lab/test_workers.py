import os
import sys
from functools import partial
from pathlib import Path

import lost_work
import pytest

from depth_anything_ros.errors import ConfigError, MissingDependencyError, WorkerError
from depth_anything_ros.lab import workers as workers_module
from depth_anything_ros.lab.workers import dask_workers, local_workers

NUMBERS = range(20)
SQUARES = {number: number**2 for number in NUMBERS}


@pytest.fixture(autouse=True)
def _workers_find_the_work(monkeypatch):
    folder = str(Path(lost_work.__file__).parent)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([folder, os.environ.get('PYTHONPATH', '')]))


def test_one_worker_is_this_process_and_keeps_the_order():
    with local_workers(1) as workers:
        found = list(workers.results(lambda number: (os.getpid(), number), iter(NUMBERS)))
    assert found == [(number, (os.getpid(), number)) for number in NUMBERS]


def test_only_a_few_calls_are_given_out_ahead():
    taken = []

    def keys():
        for number in NUMBERS:
            taken.append(number)
            yield number

    with local_workers(1) as workers:
        next(workers.results(lost_work.square, keys()))
    assert len(taken) == 2


def test_work_of_a_process_that_is_killed_is_done_again(tmp_path, caplog):
    with local_workers(2) as workers:
        work = partial(lost_work.square_unless_killed, tmp_path)
        found = list(workers.results(work, NUMBERS))
    assert (tmp_path / 'killed').exists()
    assert len(found) == len(NUMBERS)
    assert dict(found) == SQUARES
    assert 'done again' in caplog.text


@pytest.mark.slow
def test_dask_does_the_work_of_a_process_that_is_killed_again(tmp_path):
    distributed = pytest.importorskip('distributed')
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        dask_workers(cluster.scheduler_address) as workers,
    ):
        work = partial(lost_work.square_unless_killed, tmp_path)
        assert dict(workers.results(work, NUMBERS)) == SQUARES
    assert (tmp_path / 'killed').exists()


def test_work_that_ends_every_process_is_given_up(monkeypatch):
    monkeypatch.setattr(workers_module, '_MOST_LOSSES', 1)
    with (
        pytest.raises(WorkerError, match='a process ended before its work, 1 times'),
        local_workers(2) as workers,
    ):
        list(workers.results(lost_work.end, NUMBERS))


def test_what_the_work_raises_is_raised():
    with pytest.raises(ZeroDivisionError), local_workers(1) as workers:
        list(workers.results(lambda number: 1 // number, NUMBERS))


def test_no_process_is_refused():
    with pytest.raises(ConfigError, match='0 processes; allowed: 1 or more'), local_workers(0):
        pass


def test_dask_scheduler_that_is_not_there_is_told(monkeypatch):
    pytest.importorskip('distributed')
    monkeypatch.setattr(workers_module, '_CONNECT_TIMEOUT_S', 0.2)
    with (
        pytest.raises(WorkerError, match="no Dask scheduler at 'tcp://127.0.0.1:9'"),
        dask_workers('tcp://127.0.0.1:9'),
    ):
        pass


def test_dask_cluster_without_workers_is_told():
    distributed = pytest.importorskip('distributed')
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        pytest.raises(WorkerError, match='has no worker'),
        dask_workers(cluster.scheduler_address),
    ):
        pass


def test_missing_dask_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, 'distributed', None)
    with pytest.raises(MissingDependencyError, match=r'\[dask\]'), dask_workers('tcp://x:1'):
        pass
