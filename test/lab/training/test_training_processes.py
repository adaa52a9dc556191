import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_run import SMALL, small_run

from depth_anything_ros.errors import BackendError
from depth_anything_ros.lab.training.processes import StopRequest, join, process_count

HERE = Path(__file__).resolve().parent


def curve(out: Path) -> np.ndarray:
    """Return the rows of loss.csv, without the samples and the validation."""
    table = np.genfromtxt(out / 'loss.csv', delimiter=',', names=True)
    names = ('step', 'learning_rate', 'gradient_norm', 'loss', 'ssi', 'gradient')
    return np.stack([table[name] for name in names], axis=1)


@pytest.mark.slow
def test_two_processes_learn_as_one_with_the_whole_batch(tmp_path):
    # The frozen encoder computes without batch statistics, so that halves of a batch can be told
    # apart from the whole by nothing but rounding.
    environment = {**os.environ, 'PYTHONPATH': f'{HERE.parents[2]}:{HERE}'}
    command = [
        sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
        str(HERE / 'small_run.py'), str(tmp_path / 'two'), '--freeze',
        '--steps', '8',
    ]  # fmt: skip
    ran = subprocess.run(
        command, env=environment, timeout=120, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    small_run(tmp_path / 'one', replace(SMALL, steps=8, encoder_lr_factor=0.0), batch=8)
    one, two = curve(tmp_path / 'one'), curve(tmp_path / 'two')
    assert two.shape == one.shape == (4, 6)
    np.testing.assert_allclose(two[0], one[0], rtol=1e-5)
    # The loss is not smooth: rounding grows with every step.
    np.testing.assert_allclose(two, one, rtol=0.05)


def test_alone_a_process_is_the_first_and_only_one():
    with join('cpu') as context:
        assert (context.rank, context.count, context.device) == (0, 1, torch.device('cpu'))
        assert context.first
        assert [context.any(flag) for flag in (True, False)] == [True, False]
        assert context.mean(torch.tensor([2.0])).item() == 2
    assert process_count() == 1


def test_unknown_device_is_refused():
    known = "unknown device 'gpu'; known: auto, cpu, cuda"
    with pytest.raises(BackendError, match=known), join('gpu'):
        pass


def test_missing_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(BackendError, match="'cuda' is not there"), join('cuda'):
        pass


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setenv('LOCAL_RANK', '1')
    with pytest.raises(BackendError, match='process 1 of this machine has no GPU'), join('auto'):
        pass


def test_terminate_is_remembered_as_often_as_it_comes():
    stop = StopRequest()
    before = signal.getsignal(signal.SIGTERM)
    with stop.listening():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert (stop.received, stop.number) == (True, signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_interrupt_is_remembered_and_a_second_one_raised():
    stop = StopRequest()
    before = signal.getsignal(signal.SIGINT)
    with stop.listening():
        assert not stop.received
        signal.raise_signal(signal.SIGINT)
        assert stop.received
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
