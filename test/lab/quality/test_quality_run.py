import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_data
import numpy as np
import pytest

from depth_anything_ros.errors import (
    DatasetError,
)
from depth_anything_ros.lab.datasets.origin import Origin, open_data
from depth_anything_ros.lab.quality.journal import ScoreJournal
from depth_anything_ros.lab.quality.run import score_data, score_samples
from depth_anything_ros.lab.quality.scores import ScoreConfig, score_depth
from depth_anything_ros.lab.workers import dask_workers, local_workers

CONFIG = ScoreConfig()


@pytest.fixture(autouse=True)
def _workers_find_the_data(monkeypatch):
    """Let processes that a test starts import `made_data` too."""
    folder = str(Path(made_data.__file__).parent)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([folder, os.environ.get('PYTHONPATH', '')]))


def origin(word):
    return Origin(word, made_data.open_made)


def run(path, words, workers=None, config=CONFIG):
    """Score data sets in this process or with the workers given."""
    seen = []

    def progress(entries, total):
        for entry in entries:
            seen.append((entry.name, total))
            yield entry

    with ScoreJournal(path, config) as journal, workers or local_workers(1) as found:
        samples = score_data(
            open_data([origin(word) for word in words]), config, journal, found, progress
        )
    return samples, seen


@pytest.fixture(scope='module')
def expected(tmp_path_factory):
    return run(tmp_path_factory.mktemp('run') / 'journal.jsonl', ['a:30', 'b:12'])[0]


def test_samples_come_in_order_with_the_scores_of_their_depth(expected):
    assert {label: [row.name for row in rows] for label, rows in expected.items()} == {
        'a': [f'{index:03d}' for index in range(30)],
        'b': [f'{index:03d}' for index in range(12)],
    }
    row = expected['a'][3]
    assert (row.data, row.index, row.source) == ('a', 3, 'room 1')
    assert row.score == score_depth(made_data.MadeDataset('a', 30)[3].depth_m, CONFIG)
    unreadable = expected['a'][7]
    assert (unreadable.score, unreadable.failure) == (None, '007.png is no image')


def test_two_processes_give_the_same_as_one(tmp_path, expected):
    found, seen = run(tmp_path / 'journal.jsonl', ['a:30', 'b:12'], local_workers(2))
    assert found == expected
    assert len(seen) == 42
    assert {total for _, total in seen} == {42}


def test_dask_cluster_gives_the_same(tmp_path, expected):
    distributed = pytest.importorskip('distributed')
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        workers = dask_workers(cluster.scheduler_address)
        assert run(tmp_path / 'journal.jsonl', ['a:30', 'b:12'], workers)[0] == expected


def test_run_goes_on_where_it_was_stopped(tmp_path, expected):
    path = tmp_path / 'journal.jsonl'

    def stop(entries, total):
        for count, entry in enumerate(entries, 1):
            yield entry
            if count == 11:
                raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        ScoreJournal(path, CONFIG) as journal,
        local_workers(1) as workers,
    ):
        score_data(open_data([origin('a:30')]), CONFIG, journal, workers, stop)
    kept = path.read_bytes()
    with path.open('ab') as file:
        file.write(b'{"data": "a:30", "na')  # a line that was cut off
    found, seen = run(path, ['a:30', 'b:12'])
    assert found == expected
    assert path.read_bytes().startswith(kept)
    # The unreadable sample is tried again.
    names = {name for name, _ in seen}
    assert '007' in names
    assert len(seen) < 42


_PROGRAM = """
import sys
from pathlib import Path
import made_data
from depth_anything_ros.lab.quality.journal import ScoreJournal
from depth_anything_ros.lab.datasets.origin import Origin, open_data
from depth_anything_ros.lab.quality.run import score_data
from depth_anything_ros.lab.quality.scores import ScoreConfig
from depth_anything_ros.lab.workers import local_workers

if __name__ == '__main__':
    config = ScoreConfig()
    with ScoreJournal(Path(sys.argv[1]), config) as journal, local_workers(2) as workers:
        data = open_data([Origin(sys.argv[2], made_data.open_made)])
        score_data(data, config, journal, workers, lambda entries, total: entries)
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_run_that_was_killed_goes_on_to_the_same_result(tmp_path, number, expected):
    path, program = tmp_path / 'journal.jsonl', tmp_path / 'program.py'
    program.write_text(_PROGRAM)
    word = 'a:30:0.02'
    process = subprocess.Popen(
        [sys.executable, str(program), str(path), word], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b'\n') < 9:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(30) != 0
    finally:
        process.kill()
        process.wait()
    found, seen = run(path, [word])
    assert 0 < len(seen) < 30
    assert found['a'] == expected['a']


def test_empty_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="'a:0' holds no sample"):
        run(tmp_path / 'journal.jsonl', ['a:0'])


def test_names_that_are_not_different_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(made_data.MadeDataset, 'sample_name', lambda self, index: 'same')
    with pytest.raises(DatasetError, match="'a:3' names 3 samples 'same'"):
        run(tmp_path / 'journal.jsonl', ['a:3'])


def test_data_set_that_a_worker_cannot_open_is_told():
    with pytest.raises(DatasetError, match="'broken:1' cannot be opened by a worker"):
        score_samples(origin('broken:1'), [0], CONFIG)


def test_file_error_is_a_failure_of_its_sample(monkeypatch):
    def fail(self, index):
        raise OSError('disk on fire')

    monkeypatch.setattr(made_data.MadeDataset, '__getitem__', fail)
    entry = score_samples(origin('unread:3'), [1], CONFIG)[0]
    assert (entry.score, entry.failure) == (None, 'disk on fire')


def test_depth_of_a_wrong_type_is_a_failure_of_its_sample(monkeypatch):
    monkeypatch.setattr(
        made_data.MadeDataset,
        '__getitem__',
        lambda self, index: made_data.DepthSample(None, np.ones((2, 2)), 'x'),
    )
    entry = score_samples(origin('double:3'), [1], CONFIG)[0]
    assert 'float64 cannot be scored' in entry.failure
