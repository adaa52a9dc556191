"""A network in a folder runs where torch is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_networks import write_folder
from sensor_msgs.msg import Image

import depth_anything_ros.cli
from depth_anything_ros.cli.main import main

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

DRIVE = str(Path(depth_anything_ros.cli.__file__).parent / 'sample_drive')
FRAMES = 30


@pytest.fixture
def without_torch(tmp_path: Path) -> str:
    """Return a path for Python on which importing torch fails."""
    package = tmp_path / 'path' / 'torch'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text("raise ImportError('there is no torch here')\n")
    return os.pathsep.join([str(package.parent), *filter(None, [os.environ.get('PYTHONPATH')])])


@pytest.fixture
def run(without_torch, tmp_path):
    def call(*words):
        return subprocess.run(
            [sys.executable, '-m', 'depth_anything_ros.cli.main', *map(str, words)],
            env={**os.environ, 'PYTHONPATH': without_torch},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return call


def images(folder: Path) -> None:
    """Write two images with their depth as an RGB-D folder."""
    rng = np.random.default_rng(0)
    for name in ('rgb', 'depth'):
        (folder / name).mkdir(parents=True)
    for number in range(2):
        rgb = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48))
        depth_mm = cv2.resize(rng.integers(500, 4000, (6, 8)).astype(np.uint16), (64, 48))
        cv2.imwrite(str(folder / 'rgb' / f'{number}.png'), rgb)
        cv2.imwrite(str(folder / 'depth' / f'{number}.png'), depth_mm)


def test_what_needs_torch_fails_there(run):
    done = run('export', '--model', 'tiny', '--format', 'onnx', '--out', 'out')
    assert done.returncode != 0
    assert 'there is no torch here' in done.stderr


def test_predict_runs(run, tmp_path):
    images(tmp_path / 'data')
    folder = write_folder(tmp_path / 'own')
    done = run('predict', tmp_path / 'data' / 'rgb', '--checkpoint', folder, '--out', 'depth')
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / 'depth').rglob('*.png'))


@pytest.mark.slow
def test_record_runs(run, tmp_path):
    folder = write_folder(tmp_path / 'own')
    done = run('record', DRIVE, '--frames', '2', '--checkpoint', folder, '--out', 'bag')
    assert done.returncode == 0, done.stderr
    assert '2 of 2 images' in done.stdout


@pytest.mark.slow
def test_evaluate_runs(run, tmp_path):
    images(tmp_path / 'data')
    folder = write_folder(tmp_path / 'own')
    done = run('evaluate', '--data', f'rgbd_folder:{tmp_path / "data"}', '--checkpoint', folder)
    assert done.returncode == 0, done.stderr
    assert 'abs_rel' in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize('form', ['onnx', 'openvino'])
def test_the_node_answers_every_image_by_an_exported_model(
    world, camera, tmp_path, without_torch, form
):
    pytest.importorskip(form)
    folder = tmp_path / 'tiny'
    call = ['export', '--model', 'tiny', '--input-size', '64', '--image-size', '64x48']
    assert main([*call, '--format', form, '--out', str(folder)]) == 0
    world.environment['PYTHONPATH'] = without_torch
    probe = world.probe()
    quick = {'warmup_width': 64, 'warmup_height': 48, 'diagnostics_period_s': 0.2}
    world.start('depth_node', {**quick, 'checkpoint': folder})
    topic = '/depth_node/relative/image_raw'
    probe.publisher(Image, '/image')
    found = probe.listen(Image, topic)
    probe.await_subscribers('/image')
    probe.await_publisher(topic)
    probe.spin(0.3)
    for count in range(1, FRAMES + 1):
        image = camera.image()
        probe.publish('/image', image)
        probe.spin_until(lambda count=count: len(found) == count)
        assert found[-1].header.stamp == image.header.stamp
    report = probe.diagnostics()['model']
    assert (report['name'], report['weights']) == ('tiny', 'pretrained')


@pytest.mark.perf
def test_a_folder_starts_sooner_and_takes_less_memory_than_a_checkpoint(world, camera, tmp_path):
    folder = tmp_path / 'tiny'
    call = ['export', '--model', 'tiny', '--image-size', '64x48', '--format', 'openvino']
    assert main([*call, '--out', str(folder)]) == 0
    quick = {'warmup_width': 64, 'warmup_height': 48, 'backend': 'openvino'}
    kinds = {
        'checkpoint': {**quick, 'model': 'tiny', 'cache_dir': str(tmp_path / 'cache')},
        'folder': {**quick, 'checkpoint': folder},
    }
    started(world, camera, kinds['checkpoint'])  # exports into the cache
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(3):
        for kind, parameters in kinds.items():
            found[kind].append(started(world, camera, parameters))
    (cached_s, cached_mb), (folder_s, folder_mb) = (
        np.median(found[kind], axis=0) for kind in kinds
    )
    sys.stdout.write(
        f'start to first depth: {cached_s:.2f} s with a checkpoint and a warm cache, '
        f'{folder_s:.2f} s with a folder ({folder_s / cached_s:.2f}); memory: {cached_mb:.0f} MB, '
        f'{folder_mb:.0f} MB\n'
    )
    assert folder_s < 0.5 * cached_s
    assert folder_mb < cached_mb - 150


def started(world, camera, parameters) -> tuple[float, float]:
    """Return the seconds from the start of a node to its first depth, and its memory in MB."""
    probe = world.probe()
    probe.publisher(Image, '/image')
    found = probe.listen(Image, '/depth_node/relative/image_raw')
    start_s = time.monotonic()
    node = world.start('depth_node', parameters)
    probe.await_subscribers('/image')
    while not found:
        probe.publish('/image', camera.image())
        probe.spin(0.02)
    took_s = time.monotonic() - start_s
    status = Path(f'/proc/{node.pid}/status').read_text()
    memory_mb = int(status.split('VmRSS:')[1].split()[0]) / 1e3
    node.stop()
    return took_s, memory_mb
