"""Runs in processes of their own that are killed or stopped, and then resumed."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_run import SMALL, small_run

HERE = Path(__file__).resolve().parent
STEPS = 120
CONFIG = replace(SMALL, steps=STEPS)


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the loss curve of a run that nobody stopped."""
    out = tmp_path_factory.mktemp('whole')
    small_run(out, CONFIG)
    return (out / 'loss.csv').read_text()


def start(out: Path, *options: str) -> subprocess.Popen:
    environment = {**os.environ, 'PYTHONPATH': f'{HERE.parents[2]}:{HERE}'}
    program = [sys.executable, str(HERE / 'small_run.py'), str(out), '--steps', str(STEPS)]
    return subprocess.Popen([*program, *options], env=environment, start_new_session=True)


def wait_for_step(process: subprocess.Popen, out: Path, step: int) -> None:
    """Return when the loss curve of a run has come to a step."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, 'the run ended before it could be stopped'
        lines = (out / 'loss.csv').read_text().splitlines() if (out / 'loss.csv').exists() else []
        if len(lines) > 1 and int(lines[-1].partition(',')[0] or 0) >= step:
            return
        time.sleep(0.002)
    raise AssertionError(f'step {step} was not reached in a minute')


@pytest.mark.slow
def test_killed_run_resumes_with_the_same_loss_curve(tmp_path, whole):
    step = random.randrange(2, STEPS - 50)
    process = start(tmp_path, '--held')
    wait_for_step(process, tmp_path, step)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert start(tmp_path, '--resume').wait(60) == 0
    assert (tmp_path / 'loss.csv').read_text() == whole, f'killed near step {step}'
    assert whole.count('\n') == 1 + STEPS // 2


def test_terminated_run_ends_with_a_checkpoint_and_130(tmp_path, whole):
    process = start(tmp_path, '--held')
    wait_for_step(process, tmp_path, 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    written = (tmp_path / 'loss.csv').read_text()
    assert whole.startswith(written)
    assert written != whole
    small_run(tmp_path, CONFIG, resume=True)
    assert (tmp_path / 'loss.csv').read_text() == whole


@pytest.mark.slow
def test_signal_to_all_processes_of_a_run_ends_it_with_a_checkpoint(tmp_path, whole):
    process = start(tmp_path, '--workers', '1', '--held')
    wait_for_step(process, tmp_path, 20)
    os.killpg(process.pid, signal.SIGTERM)  # as `timeout`, systemd and batch systems do
    assert process.wait(60) == 130
    assert whole.startswith((tmp_path / 'loss.csv').read_text())
    small_run(tmp_path, CONFIG, resume=True)
    assert (tmp_path / 'loss.csv').read_text() == whole
