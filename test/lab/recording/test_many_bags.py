"""Bags recorded by processes and a cluster that lose a worker in the middle."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
from small_drive import write_drive

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.lab.recording.many import record_by_workers, record_here
from depth_anything_ros.lab.recording.results import RecordJob
from depth_anything_ros.lab.workers import dask_workers, local_workers
from depth_anything_ros.parameters import from_mapping

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FRAMES = 30
CONFIG = from_mapping(
    DepthNodeConfig,
    {'model': 'tiny', 'backend': 'torch', 'threads': 1, 'scale_source': 'depth_image'},
)


def jobs(bags, out):
    return [
        RecordJob(bag, out / bag.name, CONFIG, ('~/depth/image_raw', '~/scale')) for bag in bags
    ]


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.is_file()
    }


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags')
    return [write_drive(folder / name, FRAMES) for name in 'abc']


@pytest.fixture(scope='module')
def expected(bags, tmp_path_factory):
    out = tmp_path_factory.mktemp('expected') / 'out'
    for job in jobs(bags, out):
        assert record_here(job).complete
    return contents(out)


def when_begun(out, kill):
    """Call a function once a bag is being written; return the thread that waits for it."""

    def wait():
        while not list(out.glob('.*.part')):
            time.sleep(0.01)
        time.sleep(0.05)
        kill()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_two_processes_write_the_bytes_of_one_though_one_is_killed(bags, expected, tmp_path):
    out, killed = tmp_path / 'out', []

    def kill():
        child = multiprocessing.active_children()[0]
        killed.append(child.pid)
        child.kill()

    thread = when_begun(out, kill)
    with local_workers(2) as workers:
        records = list(record_by_workers(jobs(bags, out), workers))
    thread.join()
    assert killed
    assert len(records) == 3 and all(record.complete for record in records)
    found = contents(out)
    assert {path: found[path] for path in expected} == expected


def test_a_cluster_writes_the_same_though_a_worker_is_killed(bags, expected, tmp_path):
    distributed = pytest.importorskip('distributed')
    out = tmp_path / 'out'
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        worker = next(iter(cluster.workers.values()))
        thread = when_begun(out, lambda: os.kill(worker.pid, signal.SIGKILL))
        with dask_workers(cluster.scheduler_address) as workers:
            records = list(record_by_workers(jobs(bags, out), workers))
        thread.join()
    assert len(records) == 3 and all(record.complete for record in records)
    found = contents(out)
    assert {path: found[path] for path in expected} == expected
