"""Every entry of BACKENDS through the contract of a backend."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import torch

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends import (
    onnx_export,
    onnxruntime_backend,
    openvino_backend,
    openvino_export,
)
from depth_anything_ros.inference.backends.base import Backend, BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.types import Precision

SIZE = (56, 70)
MODEL = 'depth_anything_v2_vits'


@pytest.fixture(scope='module')
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('exports')


@pytest.fixture(scope='module')
def loaded():
    return load_estimator(MODEL, weights='random')


@pytest.fixture(scope='module')
def eager():
    return load_estimator(MODEL, weights='random', attention='eager')[0]


def make(name: str, loaded, cache_dir: Path, **changes) -> Backend:
    estimator, weights = loaded
    options = {
        'source': LoadedNetwork(estimator, weights.key),
        'size': SIZE,
        'precision': Precision.FP32,
        'device': 'cpu',
        'threads': 1,
        'cache': ExportCache(cache_dir),
        **changes,
    }
    return BACKENDS[name](BackendOptions(**options))


def pixels_of(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 3, *size)).astype(np.float32)


def reference(eager, pixels: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return eager(torch.from_numpy(pixels))[0].numpy()


def relative_error(values: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(values - expected).max() / (expected.max() - expected.min()))


@pytest.fixture(autouse=True)
def _library_installed(request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params.get('name') if hasattr(request.node, 'callspec') else None
    if name in BACKENDS:
        try:
            BACKENDS[name].require('cpu', Precision.FP32)
        except MissingDependencyError as error:
            pytest.skip(str(error))


@pytest.mark.parametrize('name', BACKENDS)
def test_backend_keeps_the_contract(name, loaded, eager, cache_dir):
    backend = make(name, loaded, cache_dir)
    pixels = pixels_of(SIZE)
    kept = pixels.copy()
    values = backend.infer(pixels)
    assert BACKENDS[name].name == name
    assert values.shape == SIZE
    assert values.dtype == np.float32
    assert relative_error(values, reference(eager, pixels)) < 1e-4
    np.testing.assert_array_equal(pixels, kept)


@pytest.mark.parametrize('name', BACKENDS)
def test_later_inference_does_not_change_an_earlier_result(name, loaded, cache_dir):
    backend = make(name, loaded, cache_dir)
    first = backend.infer(pixels_of(SIZE))
    kept = first.copy()
    assert not np.allclose(backend.infer(pixels_of(SIZE, seed=1)), kept)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize('name', BACKENDS)
def test_backend_refuses_input_of_another_size(name, loaded, cache_dir):
    with pytest.raises(BackendError, match=r'\(1, 3, 70, 56\)'):
        make(name, loaded, cache_dir).infer(pixels_of((70, 56)))


@pytest.mark.parametrize('name', BACKENDS)
def test_position_table_is_right_away_from_the_pretrained_grid(name, loaded, eager, cache_dir):
    size = (112, 154)
    pixels = pixels_of(size)
    values = make(name, loaded, cache_dir, size=size).infer(pixels)
    assert relative_error(values, reference(eager, pixels)) < 1e-4


@pytest.mark.parametrize('name', BACKENDS)
def test_convolutional_encoder_exports_as_it_is(name, cache_dir):
    estimator, weights = load_estimator('tiny')
    pixels = pixels_of((96, 128))
    backend = make(name, (estimator, weights), cache_dir, size=(96, 128))
    assert relative_error(backend.infer(pixels), reference(estimator, pixels)) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('size', [(392, 518), (518, 686)])
@pytest.mark.parametrize('name', BACKENDS)
def test_backend_equals_eager_torch_at_real_sizes(name, size, loaded, eager, cache_dir):
    pixels = pixels_of(size)
    values = make(name, loaded, cache_dir, size=size, threads=0).infer(pixels)
    assert relative_error(values, reference(eager, pixels)) < 1e-4


@pytest.mark.parametrize('name', ['torch', 'openvino'])
def test_bf16_stays_near_fp32(name, loaded, eager, cache_dir):
    try:
        BACKENDS[name].require('cpu', Precision.BF16)
    except BackendError as error:
        pytest.skip(str(error))
    pixels = pixels_of(SIZE)
    values = make(name, loaded, cache_dir, precision=Precision.BF16).infer(pixels)
    error = relative_error(values, reference(eager, pixels))
    assert 1e-5 < error < 5e-2  # the lower bound shows that bf16 was really used


@pytest.mark.parametrize('name', BACKENDS)
def test_backend_does_not_change_the_estimator(name, loaded, cache_dir):
    estimator, _ = loaded
    before = {key: value.clone() for key, value in estimator.state_dict().items()}
    make(name, loaded, cache_dir)
    for key, value in estimator.state_dict().items():
        assert value.dtype == before[key].dtype
        assert value.stride() == before[key].stride()
        assert torch.equal(value, before[key])


@pytest.mark.parametrize('name', BACKENDS)
def test_backend_cannot_compute_in_fp16_on_the_cpu(name):
    with pytest.raises(BackendError, match=f'{name} cannot compute in fp16 on cpu; allowed: fp32'):
        BACKENDS[name].require('cpu', Precision.FP16)


@pytest.mark.parametrize('name', BACKENDS)
def test_unknown_device_is_refused(name):
    with pytest.raises(BackendError, match="'tpu'"):
        BACKENDS[name].require('tpu', Precision.FP32)


@pytest.mark.parametrize(
    ('name', 'file'),
    [
        pytest.param('openvino', 'model.bin', marks=pytest.mark.slow),
        ('onnxruntime', 'model.onnx'),
    ],
)
def test_damaged_export_is_made_again(name, file, loaded, eager, tmp_path):
    make(name, loaded, tmp_path)
    (path,) = tmp_path.glob(f'*/{file}')
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    pixels = pixels_of(SIZE)
    values = make(name, loaded, tmp_path).infer(pixels)
    assert relative_error(values, reference(eager, pixels)) < 1e-4


@pytest.mark.parametrize('name', ['openvino', 'onnxruntime'])
def test_export_is_kept_by_weights(name, loaded, cache_dir, monkeypatch):
    def never(*_):
        raise AssertionError('exported again')

    make(name, loaded, cache_dir)
    monkeypatch.setattr(openvino_export, 'export_openvino', never)
    monkeypatch.setattr(onnx_export, 'export_onnx', never)
    make(name, loaded, cache_dir)
    with pytest.raises(AssertionError, match='exported again'):
        make(name, loaded, cache_dir, source=LoadedNetwork(loaded[0], 'another'))


@pytest.mark.parametrize(
    ('name', 'module', 'extra'),
    [
        ('openvino', openvino_backend, 'openvino'),
        ('onnxruntime', onnxruntime_backend, 'onnx'),
    ],
)
def test_missing_library_is_an_error_that_names_the_extra(name, module, extra, monkeypatch):
    monkeypatch.setattr(module, 'find_spec', lambda _: None)
    with pytest.raises(MissingDependencyError, match=rf'{name}.*depth_anything_ros\[{extra}\]'):
        BACKENDS[name].require('cpu', Precision.FP32)


@pytest.mark.parametrize(
    ('name', 'module', 'writer'),
    [
        ('openvino', openvino_export, 'export_openvino'),
        ('onnxruntime', onnx_export, 'export_onnx'),
    ],
)
def test_export_that_the_library_cannot_load_is_a_backend_error(
    name, module, writer, loaded, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, writer, lambda *given: given[3].write_text('not a network'))
    with pytest.raises(BackendError, match=f'{name} cannot'):
        make(name, loaded, tmp_path)


@pytest.mark.parametrize('name', ['openvino', 'onnxruntime'])
def test_export_leaves_the_root_logger_as_it_was(name, loaded, tmp_path):
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    try:
        make(name, loaded, tmp_path)
        assert root.level == logging.INFO
    finally:
        root.setLevel(before)


@pytest.mark.parametrize('name', ['openvino', 'onnxruntime'])
def test_network_that_cannot_be_exported_is_a_backend_error(name, loaded, tmp_path, monkeypatch):
    estimator, _ = loaded

    def fail(*_):
        raise RuntimeError('untraceable')

    monkeypatch.setattr(estimator, 'forward', fail)
    with pytest.raises(BackendError, match='untraceable'):
        make(name, loaded, tmp_path)


def test_torch_failure_is_a_backend_error(loaded, cache_dir):
    backend = make('torch', loaded, cache_dir)

    def fail(*_):
        raise RuntimeError('out of memory')

    backend.estimator.forward = fail
    with pytest.raises(BackendError, match='torch failed: out of memory'):
        backend.infer(pixels_of(SIZE))


def test_torch_keeps_to_its_threads_on_whatever_thread_it_runs(loaded, cache_dir):
    found = []
    before = torch.get_num_threads()

    def work():
        torch.set_num_threads(3)
        backend = made.result()
        found.append(torch.get_num_threads())
        backend.infer(pixels_of(SIZE))
        found.append(torch.get_num_threads())

    made = Future()
    worker = threading.Thread(target=work)
    worker.start()
    made.set_result(make('torch', loaded, cache_dir, threads=1))
    worker.join()
    torch.set_num_threads(before)
    assert found == [3, 1]


def test_network_that_torch_cannot_hold_is_a_backend_error(loaded, cache_dir, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError('out of memory')

    monkeypatch.setattr('copy.deepcopy', fail)
    with pytest.raises(BackendError, match='torch cannot load the network: out of memory'):
        make('torch', loaded, cache_dir)


def test_torch_says_that_there_is_no_cuda_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(BackendError, match="no CUDA device for 'cuda'"):
        BACKENDS['torch'].require('cuda', Precision.FP16)


def test_torch_says_how_many_cuda_devices_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    BACKENDS['torch'].require('cuda:1', Precision.FP16)
    with pytest.raises(BackendError, match="no CUDA device 'cuda:2'; this machine has 2"):
        BACKENDS['torch'].require('cuda:2', Precision.FP16)


@pytest.mark.parametrize('device', ['cpu:0', 'cuda:x', 'mps'])
def test_torch_refuses_devices_it_does_not_know(device):
    with pytest.raises(BackendError, match=f"unknown device '{device}'"):
        BACKENDS['torch'].require(device, Precision.FP32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
@pytest.mark.parametrize(
    ('precision', 'bound'),
    [(Precision.FP32, 1e-2), (Precision.BF16, 5e-2), (Precision.FP16, 2e-2)],
)
def test_torch_on_cuda_stays_near_the_cpu(precision, bound, loaded, eager, cache_dir):
    pixels = pixels_of(SIZE)
    backend = make('torch', loaded, cache_dir, precision=precision, device='cuda')
    assert relative_error(backend.infer(pixels), reference(eager, pixels)) < bound


@pytest.mark.parametrize(
    ('name', 'native', 'expected'),
    [
        ('torch', False, Precision.FP32),
        ('torch', True, Precision.BF16),
        ('openvino', False, Precision.FP32),
        ('openvino', True, Precision.BF16),
        ('onnxruntime', True, Precision.FP32),
    ],
)
def test_fastest_precision_on_the_cpu(name, native, expected, monkeypatch):
    for module in ('torch_backend', 'openvino_backend'):
        monkeypatch.setattr(
            f'depth_anything_ros.inference.backends.{module}.cpu_has_bf16', lambda: native
        )
    assert BACKENDS[name].fastest_precision('cpu') is expected


def test_fastest_precision_of_torch_on_cuda_is_fp16():
    assert BACKENDS['torch'].fastest_precision('cuda:1') is Precision.FP16


def test_openvino_refuses_bf16_where_the_cpu_lacks_it(monkeypatch):
    openvino = pytest.importorskip('openvino')
    monkeypatch.setattr(openvino.Core, 'get_property', lambda *_: ['FP32'])
    with pytest.raises(BackendError, match='bf16 on this CPU; allowed: fp32'):
        BACKENDS['openvino'].require('cpu', Precision.BF16)
