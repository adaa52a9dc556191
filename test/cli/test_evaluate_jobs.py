"""Runs of `evaluate` by several processes, of which some are killed: the same bytes as by one."""

import json
import multiprocessing
import os
import signal

import pytest

from depth_anything_ros.bag import write_rgbd_bag
from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.lab.workers import Workers

MODEL = 'tiny'


def csv_of(out):
    return (out / 'images.csv').read_bytes()


def summary_of(out):
    """Return a summary without what may differ from run to run."""
    return {**json.loads((out / 'summary.json').read_text()), 'environment': None}


def test_two_runs_on_a_bag_write_the_same_bytes(tmp_path):
    words = ['--data', bag_of_a_drive(tmp_path / 'bag', 3), '--corrupt', 'noise:2']
    words += ['--backend', 'torch', '--input-size', '64', '--pictures', '0']
    outs = [tmp_path / name for name in ('first', 'second')]
    for out in outs:
        assert main(['evaluate', '--model', MODEL, *words, '--out', str(out)]) == 0
    assert len(csv_of(outs[0]).splitlines()) == 1 + 3 * 2
    assert csv_of(outs[0]) == csv_of(outs[1])
    assert summary_of(outs[0]) == summary_of(outs[1])


def bag_of_a_drive(path, frames):
    driven = journey(0, frames, 10.0, robot_camera(160, 120))
    write_rgbd_bag(path, (frame.rgbd for frame in driven))
    return f'bag:{path}'


@pytest.fixture
def kill_in_the_middle(monkeypatch):
    """Kill the first of the processes that a function lists, once three calls are done."""
    killed = []

    def prepare(pids):
        results = Workers.results

        def interrupted(self, function, keys):
            for place, found in enumerate(results(self, function, keys)):
                if place == 2 and not killed:
                    killed.append(pids()[0])
                    os.kill(killed[0], signal.SIGKILL)
                yield found

        monkeypatch.setattr(Workers, 'results', interrupted)

    yield prepare
    assert killed


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['torch', 'openvino'])
def test_bags_by_processes_of_which_one_is_killed_give_the_same_bytes(
    tmp_path, backend, kill_in_the_middle
):
    words = [bag_of_a_drive(tmp_path / name, 48) for name in ('a', 'b')]
    arguments = ['evaluate', '--model', MODEL, '--backend', backend, '--pictures', '0']
    arguments += [part for word in words for part in ('--data', word)]
    plain, killed_out = tmp_path / 'plain', tmp_path / 'killed'
    assert main([*arguments, '--out', str(plain)]) == 0
    before = multiprocessing.active_children()
    kill_in_the_middle(
        lambda: [child.pid for child in multiprocessing.active_children() if child not in before]
    )
    assert main([*arguments, '--out', str(killed_out), '--jobs', '2']) == 0
    assert csv_of(plain) == csv_of(killed_out)
    assert summary_of(plain) == summary_of(killed_out)


@pytest.mark.slow
def test_a_cluster_of_which_a_worker_is_killed_gives_the_same_bytes(tmp_path, kill_in_the_middle):
    distributed = pytest.importorskip('distributed')
    words = [bag_of_a_drive(tmp_path / name, 48) for name in ('a', 'b')]
    arguments = ['evaluate', '--model', MODEL, '--pictures', '0']
    arguments += [part for word in words for part in ('--data', word)]
    assert main([*arguments, '--out', str(tmp_path / 'plain')]) == 0
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        kill_in_the_middle(lambda: [item.process.process.pid for item in cluster.workers.values()])
        out = tmp_path / 'cluster'
        assert main([*arguments, '--out', str(out), '--dask', cluster.scheduler_address]) == 0
        assert csv_of(tmp_path / 'plain') == csv_of(out)
    assert summary_of(tmp_path / 'plain') == summary_of(out)
