"""ONNX Runtime's providers of a GPU, on a computer without one: what the library is told."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from made_gpu import CPU, CUDA, STALE, TENSORRT, MadeGpu
from made_networks import write_grey

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends import onnx_export, onnx_providers, onnxruntime_backend
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ENGINES, ExportCache
from depth_anything_ros.inference.backends.onnx_binding import BoundRun
from depth_anything_ros.inference.backends.onnx_providers import PROBE, require_provider
from depth_anything_ros.inference.backends.onnx_session import (
    Engine,
    open_session,
    providers,
    reason,
)
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.inference.building import LONG_WORK
from depth_anything_ros.inference.devices import Device
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.types import Precision

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
SIZE = (32, 64)
RUNTIME = BACKENDS['onnxruntime']


@pytest.fixture(scope='module')
def estimator_and_weights():
    return load_estimator('tiny')


@pytest.fixture
def loaded(estimator_and_weights, monkeypatch):
    """Return a network whose export is a small one in its place, as tracing takes seconds."""

    def write(estimator, size, narrowed, path, dynamic):
        write_grey(path, (1, 3, *size), squeezed=True)

    monkeypatch.setattr(onnx_export, 'export_onnx', write)
    return estimator_and_weights


def make(loaded, folder, device='tensorrt', precision=Precision.FP16, cache=None):
    estimator, weights = loaded
    cache = cache or ExportCache(folder)
    source = LoadedNetwork(estimator, weights.key)
    return RUNTIME(BackendOptions(source, SIZE, precision, device, 1, cache))


def pixels_of(seed=0):
    return np.random.default_rng(seed).standard_normal((1, 3, *SIZE)).astype(np.float32)


# What the library is told


def test_the_cpu_has_one_provider():
    assert providers(Device.parse('cpu'), Precision.FP32) == [(CPU, {})]


def test_cuda_is_told_its_number_and_to_keep_fp32_whole():
    assert providers(Device.parse('cuda:1'), Precision.FP32) == [
        (CUDA, {'device_id': '1', 'use_tf32': '0'})
    ]
    assert providers(Device.parse('cuda'), Precision.FP16) == [(CUDA, {'device_id': '0'})]


def test_tensorrt_is_told_precision_engine_and_profile_and_cuda_takes_the_rest(tmp_path):
    engine = Engine(tmp_path, integers=True, profile=('pixels', (1, 3, 32, 64)))
    (first, told), (second, cuda) = providers(Device.parse('tensorrt:1'), Precision.FP16, engine)
    assert (first, second) == (TENSORRT, CUDA)
    assert cuda == {'device_id': '1'}
    assert told == {
        'device_id': '1',
        'trt_fp16_enable': 'True',
        'trt_layer_norm_fp32_fallback': 'True',
        'trt_int8_enable': 'True',
        'trt_engine_cache_enable': 'True',
        'trt_engine_cache_path': str(tmp_path),
        'trt_timing_cache_enable': 'True',
        'trt_profile_min_shapes': 'pixels:1x3x32x64',
        'trt_profile_opt_shapes': 'pixels:1x3x32x64',
        'trt_profile_max_shapes': 'pixels:1x3x32x64',
    }


def test_tensorrt_in_fp32_without_a_place_keeps_no_engine():
    told = dict(providers(Device.parse('tensorrt'), Precision.FP32))[TENSORRT]
    assert told['trt_fp16_enable'] == told['trt_engine_cache_enable'] == 'False'
    assert 'trt_engine_cache_path' not in told


# What cannot be had


def test_the_probe_is_one_relu():
    model = onnx.load_from_string(PROBE)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ['Relu']
    session = open_session(PROBE, 1)
    assert session.run(None, {'x': np.array([-1.0], np.float32)})[0] == 0.0


@pytest.mark.parametrize('name', ['cuda', 'tensorrt'])
def test_a_library_built_without_the_provider_is_an_error_that_names_the_wheel(name, monkeypatch):
    MadeGpu(listed=('AzureExecutionProvider', CPU)).take_place(monkeypatch)
    with pytest.raises(
        BackendError,
        match=r'onnxruntime \S+ has no \w+ExecutionProvider, only Azure.*, CPU.*: put '
        r'onnxruntime-gpu in its place .*, on a Jetson the wheel of your JetPack',
    ):
        RUNTIME.require(name, Precision.FP16)


@pytest.mark.parametrize(
    ('gpus', 'device', 'shows'),
    [(0, 'cuda', 'is not there or shows none'), (2, 'tensorrt:2', 'shows 2')],
)
def test_a_gpu_that_the_driver_does_not_show_is_an_error(gpus, device, shows, monkeypatch):
    MadeGpu().take_place(monkeypatch, gpus)
    with pytest.raises(BackendError, match=rf'no NVIDIA GPU \d .*: the driver {shows}; .*--gpus'):
        RUNTIME.require(device, Precision.FP16)


@pytest.mark.parametrize(
    ('device', 'loads', 'lacking', 'cure'),
    [
        ('cuda', (CPU,), CUDA, r'install CUDA and cuDNN .*onnxruntime-gpu\[cuda,cudnn\]'),
        ('tensorrt', (CUDA, CPU), TENSORRT, 'install the TensorRT of .*or take device cuda'),
        ('tensorrt', (TENSORRT, CPU), CUDA, 'install the TensorRT'),
    ],
)
def test_a_provider_that_does_not_load_is_an_error_and_no_fall_to_the_cpu(
    device, loads, lacking, cure, monkeypatch
):
    MadeGpu(loads=loads).take_place(monkeypatch)
    with pytest.raises(
        BackendError, match=f'cannot compute on {device}: .*did not load {lacking} .*; {cure}'
    ):
        RUNTIME.require(device, Precision.FP16)


def test_the_shared_library_that_a_provider_lacks_is_named(monkeypatch):
    def missing(name):
        assert name.endswith('capi/libonnxruntime_providers_cuda.so')
        raise OSError('libcublasLt.so.12: cannot open shared object file: No such file')

    MadeGpu(loads=(CPU,)).take_place(monkeypatch)
    monkeypatch.setattr(onnx_providers.ctypes, 'CDLL', missing)
    monkeypatch.setattr(Path, 'is_file', lambda path: True)
    with pytest.raises(BackendError, match=r'cannot compute on cuda: libcublasLt\.so\.12: cannot'):
        require_provider(Device.parse('cuda'))


def test_a_wheel_of_another_gpu_is_found_out_by_a_run(made_gpu, monkeypatch):
    def run(self, *_):
        raise RuntimeError('CUDA error cudaErrorNoKernelImageForDevice')

    monkeypatch.setattr(onnxruntime.InferenceSession, 'run', run, raising=False)
    with pytest.raises(BackendError, match='a run of one number failed: .*NoKernelImage'):
        require_provider(Device.parse('cuda'))


def test_a_gpu_is_asked_once(made_gpu):
    for _ in range(2):
        require_provider(Device.parse('cuda'))
    require_provider(Device.parse('cpu'))
    assert len(made_gpu.sessions) == 1


def test_reasons_come_without_places_in_the_source():
    text = (
        '/onnxruntime_src/onnxruntime/python/onnxruntime_pybind_state.cc:560 void onnxruntime::'
        'python::RegisterTensorRTPluginsAsCustomOps(PySessionOptions&, const onnxruntime::'
        'ProviderOptions&) Please install TensorRT libraries\n'
    )
    assert reason(RuntimeError(text)) == 'Please install TensorRT libraries'


def test_without_onnx_the_cure_leaves_the_runtime_of_a_gpu_alone(made_gpu, monkeypatch):
    monkeypatch.setattr(
        onnxruntime_backend, 'find_spec', lambda name: None if name == 'onnx' else name
    )
    with pytest.raises(MissingDependencyError, match="'onnx' is not .*with `pip install onnx` al"):
        RUNTIME.require('cuda', Precision.FP16)


@pytest.mark.parametrize('device', ['cuda', 'tensorrt'])
def test_precisions_of_a_gpu(device, made_gpu):
    assert RUNTIME.fastest_precision(device) is Precision.FP16
    RUNTIME.require(device, Precision.FP32)
    with pytest.raises(BackendError, match=f'in bf16 on {device}; allowed: fp32, fp16'):
        RUNTIME.require(device, Precision.BF16)


# Arrays that stay on the device


def test_a_bound_run_gives_what_a_session_gives_in_arrays_of_the_callers_own():
    session = open_session(PROBE, 1)
    run = BoundRun(session, (1,), np.float32, ['y'], Device.parse('cpu'))
    (first,) = run(np.array([3.0], np.float32))
    (second,) = run(np.array([-3.0], np.float32))
    assert (first[0], second[0]) == (3.0, 0.0)


def test_a_bound_run_that_fails_is_a_backend_error():
    run = BoundRun(open_session(PROBE, 1), (1,), np.float32, ['y'], Device.parse('cpu'))
    with pytest.raises(BackendError, match='onnxruntime failed: '):
        run(np.zeros(2, np.float32))


# Whole networks


def test_a_network_on_tensorrt_keeps_its_arrays_there_and_its_engine_beside(
    made_gpu, loaded, tmp_path, caplog
):
    with caplog.at_level(logging.INFO):
        backend = make(loaded, tmp_path, 'tensorrt:1')
    assert 'building the TensorRT engine, which takes minutes' in caplog.messages
    assert set(made_gpu.memory) == {('cuda', 1)}
    (engine,) = made_gpu.built
    assert engine.parent.name == 'fp16'
    assert engine.parents[1].name == ENGINES
    assert (engine.parents[2] / 'model.onnx').exists()
    values = backend.infer(pixels_of())
    kept = values.copy()
    other = backend.infer(pixels_of(1))
    np.testing.assert_array_equal(values, kept)
    plain = make(loaded, tmp_path, 'cpu', Precision.FP32)
    np.testing.assert_allclose(values, plain.infer(pixels_of()), rtol=1e-6)
    np.testing.assert_allclose(other, plain.infer(pixels_of(1)), rtol=1e-6)


def test_the_second_start_takes_the_engine_of_the_first(made_gpu, loaded, tmp_path, caplog):
    make(loaded, tmp_path)
    with caplog.at_level(logging.INFO):
        make(loaded, tmp_path)
    assert len(made_gpu.built) == 1
    assert not [text for text in caplog.messages if 'engine' in text or 'export' in text]


def test_other_weights_never_meet_an_engine(made_gpu, loaded, tmp_path):
    estimator, _ = loaded
    make(loaded, tmp_path)
    cache = ExportCache(tmp_path)
    source = LoadedNetwork(estimator, 'other')
    RUNTIME(BackendOptions(source, SIZE, Precision.FP16, 'tensorrt', 1, cache))
    first, second = made_gpu.built
    assert first.parents[2] != second.parents[2]


def test_an_engine_that_does_not_load_is_built_again(made_gpu, loaded, tmp_path, caplog):
    make(loaded, tmp_path)
    made_gpu.built.pop().write_text(STALE)
    make(loaded, tmp_path)
    assert len(made_gpu.built) == 1
    assert 'could not deserialize engine from cache; building it again' in caplog.text


def test_an_engine_that_cannot_be_kept_is_a_problem_that_is_told(made_gpu, loaded, tmp_path):
    cache = ExportCache(tmp_path)
    make(loaded, tmp_path, cache=cache)
    assert cache.problem == ''
    (engine,) = made_gpu.built
    engine.unlink()
    engine.parent.rmdir()
    engine.parents[1].rmdir()
    engine.parents[1].write_text('in the way')
    make(loaded, tmp_path, cache=cache)
    assert 'engine can be written nowhere: every start builds it' in cache.problem
    assert made_gpu.options(TENSORRT)['trt_engine_cache_enable'] == 'False'


def test_what_takes_minutes_is_told_while_it_does(made_gpu, loaded, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(made_gpu, 'build_engine', lambda _: told.append(LONG_WORK.text))
    make(loaded, tmp_path)
    assert told == ['building the TensorRT engine, which takes minutes']
    assert LONG_WORK.text == ''


def test_cuda_in_fp16_computes_products_in_half_and_comes_near(made_gpu, loaded, tmp_path):
    values = make(loaded, tmp_path, 'cuda').infer(pixels_of())
    exact = make(loaded, tmp_path, 'cpu', Precision.FP32).infer(pixels_of())
    error = np.abs(values - exact).max() / np.ptp(exact)
    assert 1e-5 < error < 2e-2  # the lower bound shows that it was half
    assert values.dtype == np.float32


def test_an_export_for_one_device_is_none_for_another(made_gpu, loaded, tmp_path):
    for device, precision in (
        ('cpu', Precision.FP32), ('cuda', Precision.FP32), ('cuda', Precision.FP16),
        ('tensorrt', Precision.FP16),
    ):  # fmt: skip
        make(loaded, tmp_path, device, precision)
    assert len(list(tmp_path.glob('tiny-32x64-onnxruntime-*/model.onnx'))) == 4
