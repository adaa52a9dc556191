"""Any user can run the program and a node: without home, without a name, without a place."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from depth_anything_ros import home
from depth_anything_ros.errors import ConfigError

UID = 54321  # of no user
STRANGER = [
    'setpriv', '--reuid', str(UID), '--regid', str(UID), '--clear-groups',
    # Python itself may lie where only root reads.
    '--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--',
]  # fmt: skip


# A node that is done at once; what it takes to start it is that of all nodes.
NODE = """
import sys
from rclpy.node import Node
from depth_anything_ros.nodes.process import run_process

class Quick(Node):
    def run(self):
        self.get_logger().info('the node runs')

    def close(self):
        pass

sys.exit(run_process('quick', lambda: Quick('quick'), None))
"""


@pytest.fixture
def nobody(monkeypatch):
    """Be a user without home and without an entry among the users."""
    monkeypatch.delenv('HOME', raising=False)
    monkeypatch.setattr(pwd, 'getpwuid', lambda uid: {}[uid])


@pytest.fixture
def bare():
    """Return an environment with next to nothing, as of a container."""
    return {'PATH': os.defpath, 'AMENT_PREFIX_PATH': sys.prefix}


@pytest.fixture
def place(tmp_path):
    """Return a folder that everybody may write to."""
    for folder in (
        *[path for path in tmp_path.parents if path.name.startswith('pytest')],
        tmp_path,
    ):
        folder.chmod(0o755)
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.fixture
def as_stranger(place):
    """Return what to put before a command to run it as a user that does not exist, or skip."""
    if os.geteuid() != 0 or shutil.which('setpriv') is None:
        pytest.skip('to be another user takes root and setpriv')
    if subprocess.run([*STRANGER, 'true'], check=False, capture_output=True).returncode:
        pytest.skip('this root cannot become another user')
    return STRANGER


def test_a_path_below_a_home_that_is_not_there_is_an_error_with_its_cure(nobody):
    with pytest.raises(ConfigError, match=r"'~/a': this user has no home folder; set HOME or"):
        home.expand_user('~/a')
    assert home.expand_user('/a') == Path('/a')


def test_a_user_without_home_gets_one_for_as_long_as_the_program_runs(nobody, caplog):
    with caplog.at_level(logging.WARNING), home.usable_home():
        folder = Path(os.environ['HOME'])
        (folder / 'cache').mkdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert 'HOME' not in os.environ
    assert not folder.exists()
    assert f'user {os.getuid()} has no home folder' in caplog.text


def test_a_home_stays_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    before = dict(os.environ)
    with home.usable_home():
        assert dict(os.environ) == before


def test_a_home_that_can_only_be_read_stays_and_logs_go_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('ROS_LOG_DIR', raising=False)
    monkeypatch.delenv('HF_HOME', raising=False)
    monkeypatch.setenv('MPLCONFIGDIR', '/chosen')
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with home.usable_home():
        assert os.environ['HOME'] == str(tmp_path)
        assert os.environ['MPLCONFIGDIR'] == '/chosen'
        logs = Path(os.environ['ROS_LOG_DIR'])
        assert logs.parent.is_dir()
        assert Path(os.environ['HF_HOME']).parent == logs.parent
    assert 'ROS_LOG_DIR' not in os.environ
    assert 'HF_HOME' not in os.environ
    assert not logs.parent.exists()


def test_what_was_downloaded_into_a_home_that_can_only_be_read_is_used(monkeypatch, tmp_path):
    (tmp_path / '.cache' / 'huggingface').mkdir(parents=True)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('HF_HOME', raising=False)
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with home.usable_home():
        assert 'HF_HOME' not in os.environ


def test_a_stranger_without_home_evaluates(place, as_stranger, bare):
    command = [
        sys.executable, '-m', 'depth_anything_ros.cli.main', 'evaluate', '--model', 'tiny',
        '--data', 'simulator:5:1:64x48', '--input-size', '64', '--out', 'out', '--json', 'a.json',
    ]  # fmt: skip
    done = subprocess.run(
        [*as_stranger, *command], cwd=place, env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f'user {UID} has no home folder' in done.stderr
    assert 'Traceback' not in done.stderr
    assert (place / 'a.json').stat().st_uid == UID
    assert sorted(path.name for path in (place / 'out').iterdir()) == [
        'images.csv', 'pictures', 'report.html', 'report.md', 'summary.json',
    ]  # fmt: skip
    assert sorted(path.name for path in place.iterdir()) == ['a.json', 'out']


@pytest.mark.slow
def test_a_stranger_with_a_cache_that_can_only_be_read_evaluates(place, as_stranger, bare):
    locked = place / 'locked'
    locked.mkdir(mode=0o755)
    command = [
        sys.executable, '-m', 'depth_anything_ros.cli.main', 'evaluate', '--model', 'tiny',
        '--data', 'simulator:5:1:64x48', '--input-size', '64',
    ]  # fmt: skip
    done = subprocess.run(
        [*as_stranger, *command], cwd=place, env={**bare, 'HOME': str(locked)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'Traceback' not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if 'for this process only' in line)
    assert 'as the next start will again: cannot write' in line
    assert 'Permission denied' in line


@pytest.mark.parametrize('home_folder', [None, '/'])
def test_a_stranger_starts_a_node(place, as_stranger, bare, home_folder):
    pytest.importorskip('rclpy')
    environment = {**bare, 'ROS_DOMAIN_ID': '83', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    environment |= {'HOME': home_folder} if home_folder else {}
    done = subprocess.run(
        [*as_stranger, sys.executable, '-c', NODE],
        cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'the node runs' in done.stderr
    assert 'Traceback' not in done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    'arguments',
    [
        ['-m', 'depth_anything_ros.cli.main', 'info'],
        ['-m', 'depth_anything_ros.nodes.start', 'depth_node'],
    ],
)
def test_a_folder_that_is_gone_is_told_in_one_line(tmp_path, arguments):
    gone = tmp_path / 'gone'
    gone.mkdir()
    script = f'rmdir "{gone}"; exec "$0" "$@"'
    done = subprocess.run(
        ['sh', '-c', script, sys.executable, *arguments],
        cwd=gone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if 'error' in line]
    assert line.endswith(
        'the folder this was started in no longer exists; change to one that does'
    )
    assert 'Traceback' not in done.stderr
