import re
import subprocess
from dataclasses import replace
from importlib.resources import files

import pytest
import torch

from depth_anything_ros.errors import WorkerError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.footprint import (
    footprint,
    peak_memory_bytes,
    peak_of_this_process,
)
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest

TINY = files('depth_anything_ros') / 'models' / 'weights' / 'tiny.safetensors'


def load(checkpoint, folder):
    return NetworkRequest(NetworkOptions(
        'tiny', str(checkpoint), backend='torch', precision='fp32', device='cpu',
        input_size=(64, 96), threads=1, cache_dir=str(folder),
    ))  # fmt: skip


@pytest.mark.slow
def test_fresh_process_takes_its_own_memory_and_not_ours(tmp_path):
    ours = bytearray(b'x' * (3 << 28))
    peak = peak_memory_bytes(load(TINY, tmp_path))
    assert 50e6 < peak < len(ours)


@pytest.mark.slow
def test_plain_network_with_random_weights_is_measured_too(tmp_path):
    options = replace(load('', tmp_path).options, weights='random')
    given = NetworkRequest(options, NetworkKind.EAGER)
    found = footprint(given)
    assert 5e7 < found.resident < 2e9
    assert found.device is None


def test_process_that_was_killed_lacked_memory_perhaps(tmp_path, monkeypatch):
    killed = subprocess.CompletedProcess([], -9, stdout='', stderr='loading\n')
    monkeypatch.setattr(subprocess, 'run', lambda *_, **__: killed)
    with pytest.raises(WorkerError, match='the system killed its process'):
        peak_memory_bytes(load(TINY, tmp_path))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
def test_memory_of_a_gpu_is_told_beside(tmp_path):
    options = replace(load(TINY, tmp_path).options, device='cuda')
    found = footprint(NetworkRequest(options))
    assert found.device > 4 * 4e6


def test_process_that_fails_says_why(tmp_path):
    gone = tmp_path / 'gone.safetensors'
    with pytest.raises(WorkerError, match=rf'no peak memory of tiny: .*{re.escape(str(gone))}'):
        peak_memory_bytes(load(gone, tmp_path))


def test_peak_is_read_from_what_the_system_tells(tmp_path):
    status = tmp_path / 'status'
    status.write_text('Name:\tpython\nVmPeak:\t 9000 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n')
    assert peak_of_this_process(status) == 2 * 1024 * 1024


def test_system_that_does_not_tell_is_an_error(tmp_path):
    with pytest.raises(WorkerError, match='does not tell the peak memory'):
        peak_of_this_process(tmp_path / 'none')
