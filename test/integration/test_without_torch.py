"""What runs where torch is not installed, and what the rest says."""

from __future__ import annotations

import json
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
from without_torch import without_torch

import depth_anything_ros.cli
from depth_anything_ros.cli.main import VERBS, main
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.hub import published_file

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

DRIVE = str(Path(depth_anything_ros.cli.__file__).parent / 'sample_drive')
FRAMES = 30
TOPIC = '/depth_node/relative/image_raw'
# Runs each verb with each of its lines, and tells status and errors.
VERBS_IN_TURN = """
import contextlib, io, json, sys
from depth_anything_ros.cli.main import main

def ran(words):
    told = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    return code, told.getvalue()

if __name__ == '__main__':
    print(json.dumps([ran(words) for words in json.loads(sys.argv[1])]))
"""
# The least that makes each verb that needs torch ask for it.
NEEDS = {
    'record': f'{DRIVE} --model tiny_sdt_lite --out out',
    'predict': 'data/rgb/0.png --model tiny_sdt_lite --out out',
    'evaluate': '--model tiny_sdt_lite --data rgbd_folder:data',
    'compress': '--model tiny --recipe fp16 --out out.safetensors',
    'export': '--model tiny --format onnx --out out',
    'study': '--model tiny --data rgbd_folder:data --out out',
    'results': '--out out',
    'simulate': 'out --world 1 --frames 1',
    'scale': '--model tiny_sdt_lite',
    'calibrate': '--at data/rgb/0.png 9,9 1 --at data/rgb/0.png 20,20 2 --fov 60 '
    '--model tiny_sdt_lite',
    'calibrate-uncertainty': '--model tiny_sdt_lite --data rgbd_folder:data',
    'refine': '--model tiny_sdt_lite',
    'complete': '--model tiny_sdt_lite',
    'train': '--model tiny --out out',
    'finetune': '--model tiny --data rgbd_folder:data --out out',
}
# Those that read and write no network, or tell it row by row.
NEEDS_NOT = {'demo', 'info', 'view', 'benchmark', 'compare', 'verify', 'score'}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a path for Python on which there is no torch."""
    return without_torch(tmp_path / 'path')


@pytest.fixture
def python(path, tmp_path):
    def call(*words):
        return subprocess.run(
            [sys.executable, *map(str, words)],
            env={**os.environ, 'PYTHONPATH': path, 'XDG_CACHE_HOME': str(tmp_path / 'cache')},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return call


@pytest.fixture
def run(python):
    return lambda *words: python('-m', 'depth_anything_ros.cli.main', *words)


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


@pytest.mark.slow
def test_every_verb_explains_itself_and_says_in_one_line_what_it_lacks(python, tmp_path):
    assert {*NEEDS, *NEEDS_NOT} == {*VERBS}
    images(tmp_path / 'data')
    script = tmp_path / 'verbs.py'
    script.write_text(VERBS_IN_TURN)
    lines = [[verb, '--help'] for verb in VERBS]
    lines += [[verb, *words.split()] for verb, words in NEEDS.items()]
    done = python(script, json.dumps(lines))
    assert done.returncode == 0, done.stderr
    answers = dict(zip(map(' '.join, lines), json.loads(done.stdout), strict=True))
    for line, (code, told) in answers.items():
        if line.endswith(' --help'):
            assert (code, told) == (0, ''), line
            continue
        assert code == 1, (line, told)
        *_, error = told.strip().splitlines()
        assert error.startswith("depth_anything_ros: error: 'torch' is not installed;"), line
        assert "`pip install 'depth_anything_ros[torch]'`" in error, line
    assert not (tmp_path / 'out').exists()


def test_info_lists_what_runs(run, tmp_path):
    done = run('info', '--json', 'info.json')
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / 'info.json').read_text())
    assert not any(told['backends']['torch'].values())
    assert 'fp32' in told['backends']['onnxruntime']['cpu']


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
def test_benchmark_times_a_folder_and_says_why_no_model(run, tmp_path):
    pytest.importorskip('openvino')
    folder = write_folder(tmp_path / 'own')
    call = ['benchmark', '--model', 'tiny', '--folder', folder, '--precision', 'fp32', '--memory']
    done = run(*call, '--runs', '2', '--json', 'rows.json')
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / 'rows.json').read_text())
    rows = {(row['model'], row['backend']): row for row in told['results']}
    for backend in ('openvino', 'onnxruntime'):
        row = rows['grey', backend]
        assert (row['status'], row['runs'], row['share_of_peak']) == ('ok', 2, None)
        assert row['peak_resident_bytes'] > 1e7
    for backend in ('torch eager', 'torch', 'openvino', 'onnxruntime'):
        row = rows['tiny', backend]
        assert row['status'] == 'failed'
        assert "'torch' is not installed" in row['reason']
    assert 'torch' not in told['environment']


def first_depth(probe, camera, found) -> None:
    """Send images until one is answered, then no more."""
    while not found:
        probe.publish('/image', camera.image())
        probe.spin(0.05)
    probe.spin(0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('model', 'weights', 'size'),
    [('tiny', 'pretrained', 64), ('depth_anything_v2_vits', 'random', 56)],
)
def test_the_node_answers_every_image_by_an_exported_model_as_torch_would(
    world, camera, tmp_path, path, model, weights, size
):
    pytest.importorskip('openvino')
    folder = tmp_path / 'exported'
    call = ['export', '--model', model, '--weights', weights, '--format', 'onnx']
    sizes = ['--input-size', str(size), '--image-size', '64x48']
    assert main([*call, *sizes, '--out', str(folder)]) == 0
    in_torch = create_predictor(
        NetworkOptions(
            model, weights=weights, input_size=size, backend='torch', precision='fp32', threads=1
        )
    )
    world.environment['PYTHONPATH'] = path
    probe = world.probe()
    probe.publisher(Image, '/image')
    found = probe.listen(Image, TOPIC)
    quick = {'warmup_width': 64, 'warmup_height': 48, 'diagnostics_period_s': 0.2}
    for backend in ('openvino', 'onnxruntime'):
        parameters = {**quick, 'checkpoint': folder, 'backend': backend, 'precision': 'fp32'}
        node = world.start('depth_node', parameters)
        probe.await_subscribers('/image')
        probe.await_publisher(TOPIC)
        probe.spin(0.3)
        found.clear()
        for count in range(1, FRAMES + 1):
            image = camera.image()
            probe.publish('/image', image)
            probe.spin_until(lambda count=count: len(found) == count)
            assert found[-1].header.stamp == image.header.stamp
            rgb = np.frombuffer(image.data, np.uint8).reshape(48, 64, 3)
            expected = in_torch.predict(rgb).values
            answer = np.frombuffer(found[-1].data, np.float32).reshape(48, 64)
            assert np.abs(answer - expected).max() <= 1e-5 * np.ptp(expected)
        report = probe.diagnostics()['model']
        assert (report['name'], report['weights'], report['backend']) == (model, weights, backend)
        node.stop()


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_the_cache_that_a_node_fills_runs_without_torch(world, camera, tmp_path, path, backend):
    pytest.importorskip(backend)
    quick = {'warmup_width': 64, 'warmup_height': 48, 'input_size': 64, 'model': 'tiny'}
    # Weights without a graph that ships with them.
    own = tmp_path / 'own.safetensors'
    own.write_bytes(published_file(MODELS['tiny']).read_bytes())
    parameters = {
        **quick, 'checkpoint': own, 'backend': backend, 'cache_dir': tmp_path / 'cache'
    }  # fmt: skip
    probe = world.probe()
    probe.publisher(Image, '/image')
    found = probe.listen(Image, TOPIC)
    for python_path in (world.environment.get('PYTHONPATH', ''), path):
        world.environment['PYTHONPATH'] = python_path
        found.clear()
        node = world.start('depth_node', parameters)
        first_depth(probe, camera, found)
        # The first start has exported it, in a process that is gone.
        assert 'libtorch' not in Path(f'/proc/{node.pid}/maps').read_text()
        assert not Path(f'/proc/{node.pid}/task/{node.pid}/children').read_text()
        node.stop()
    other = world.start('depth_node', {**parameters, 'input_size': 96})
    assert other.wait() == 1
    assert "'torch' is not installed" in other.output()
    assert 'by the verb export on a computer that has it' in other.output()


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_tiny_runs_on_a_robot_that_never_had_torch(world, camera, tmp_path, path, backend):
    pytest.importorskip(backend)
    world.environment['PYTHONPATH'] = path
    probe = world.probe()
    probe.publisher(Image, '/image')
    found = probe.listen(Image, TOPIC)
    quick = {'warmup_width': 64, 'warmup_height': 48, 'diagnostics_period_s': 0.2}
    cache = {'cache_dir': tmp_path / 'cache'}
    world.start('depth_node', {**quick, **cache, 'model': 'tiny', 'backend': backend})
    first_depth(probe, camera, found)
    model = probe.diagnostics()['model']
    assert (model['weights'], model['sha256']) == ('pretrained', MODELS['tiny'].sha256)


@pytest.mark.perf
def test_a_folder_starts_sooner_and_takes_less_memory_than_torch(world, camera, tmp_path):
    folder = tmp_path / 'tiny'
    call = ['export', '--model', 'tiny', '--image-size', '64x48', '--format', 'openvino']
    assert main([*call, '--out', str(folder)]) == 0
    quick = {'warmup_width': 64, 'warmup_height': 48}
    kinds = {
        'torch': {**quick, 'model': 'tiny', 'backend': 'torch'},
        'warm cache': {
            **quick, 'model': 'tiny', 'backend': 'openvino', 'cache_dir': str(tmp_path / 'cache'),
        },
        'folder': {**quick, 'checkpoint': folder, 'backend': 'openvino'},
    }  # fmt: skip
    started(world, camera, kinds['warm cache'])  # exports into the cache
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(3):
        for kind, parameters in kinds.items():
            found[kind].append(started(world, camera, parameters))
    middle = {kind: np.median(found[kind], axis=0) for kind in kinds}
    for kind, (took_s, memory_mb) in middle.items():
        share = took_s / middle['torch'][0]
        sys.stdout.write(
            f'{kind}: start to first depth {took_s:.2f} s ({share:.2f}), {memory_mb:.0f} MB; load '
            f'of the machine {os.getloadavg()[0]:.1f}\n'
        )
    torch_s, torch_mb = middle['torch']
    for kind in ('warm cache', 'folder'):
        took_s, memory_mb = middle[kind]
        assert took_s <= 0.5 * torch_s
        assert memory_mb <= torch_mb - 150
    assert middle['folder'][0] <= 2.0


def started(world, camera, parameters) -> tuple[float, float]:
    """Return the seconds from the start of a node to its first depth, and its memory in MB."""
    probe = world.probe()
    probe.publisher(Image, '/image')
    found = probe.listen(Image, TOPIC)
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
