"""The first start of a node, which exports its network in a process of its own."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from depth_anything_ros.models import MODELS
from depth_anything_ros.models.hub import published_file

pytest.importorskip('onnxruntime')

QUICK = {'backend': 'onnxruntime', 'input_size': 64, 'warmup_width': 64, 'warmup_height': 48}


def child_of(node) -> int:
    """Wait for the process that exports, and return its number."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and node.running():
        for children in Path(f'/proc/{node.pid}/task').glob('*/children'):
            if numbers := children.read_text().split():
                return int(numbers[0])
        time.sleep(0.005)
    raise AssertionError(f'no process that exports: {node.output()}')


def is_alive(pid: int) -> bool:
    status = Path(f'/proc/{pid}/stat')
    return status.exists() and status.read_text().rpartition(')')[2].split()[0] != 'Z'


@pytest.mark.slow
def test_what_is_wrong_with_weights_is_said_as_if_they_were_read_here(world, tmp_path):
    # As long as those of tiny, and not its tensors: found when the numbers are read.
    path = tmp_path / 'own.safetensors'
    path.write_bytes(published_file(MODELS['tiny']).read_bytes()[:-1])
    node = world.start('depth_node', {**QUICK, 'model': 'tiny', 'checkpoint': path,
                                      'cache_dir': tmp_path / 'cache'})  # fmt: skip
    assert node.wait() == 1
    assert f"checkpoint '{path}' is damaged or not a checkpoint" in node.output()
    assert 'Traceback' not in node.output()
    assert not [*(tmp_path / 'cache').glob('tiny*[0-9a-f]')]


@pytest.fixture
def asked(tmp_path) -> dict:
    """Return parameters of weights without a graph that ships with them."""
    own = tmp_path / 'own.safetensors'
    own.write_bytes(published_file(MODELS['tiny']).read_bytes())
    return {**QUICK, 'model': 'tiny', 'checkpoint': own, 'cache_dir': tmp_path / 'cache'}


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_the_export_ends_with_its_node(world, asked, number):
    node = world.start('depth_node', asked)
    child = child_of(node)
    node.signal(number)
    node.wait()
    end_s = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.slow
def test_an_export_that_is_ended_from_outside_is_an_error_with_its_cure(world, asked):
    node = world.start('depth_node', asked)
    os.kill(child_of(node), signal.SIGKILL)
    assert node.wait() == 1
    assert 'was ended by SIGKILL, as the system does for lack of memory' in node.output()
    assert 'exporting tiny-64x96-onnxruntime-' in node.output()
