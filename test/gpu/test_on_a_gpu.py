"""
Networks on a real GPU: right, where they were asked to be, and kept for the next start.

`./dev test test/gpu` on a computer with one; what a library lacks is told by the reason of a skip.
"""

from __future__ import annotations

import logging
import statistics
import time

import numpy as np
import pytest
import torch

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ENGINES, ExportCache
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.quantised import quantise_inputs
from depth_anything_ros.types import Precision

SIZE = (252, 336)
WAYS = [('torch', 'cuda'), ('onnxruntime', 'cuda'), ('onnxruntime', 'tensorrt')]
MODELS = ('tiny', 'depth_anything_v2_vits')
# Of the range of the output. In fp32 torch's convolutions and TensorRT round factors to 10 bits.
BOUNDS = {Precision.FP32: 1e-2, Precision.FP16: 2e-2}
MULTIPLES = {'tiny': (256, 320), 'depth_anything_v2_vits': SIZE}


def require(name, device, precision=Precision.FP16):
    try:
        BACKENDS[name].require(device, precision)
    except (BackendError, MissingDependencyError) as error:
        pytest.skip(str(error))


@pytest.fixture(scope='module', params=MODELS)
def loaded(request):
    weights = 'pretrained' if request.param == 'tiny' else 'random'
    return load_estimator(request.param, weights=weights)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('exports')


def make(name, loaded, folder, device, precision):
    estimator, weights = loaded
    size = MULTIPLES[estimator.spec.name]
    cache = ExportCache(folder)
    source = LoadedNetwork(estimator, weights.key)
    options = BackendOptions(source, size, precision, device, 0, cache)
    return BACKENDS[name](options)


def pixels_of(estimator, seed=0):
    size = MULTIPLES[estimator.spec.name]
    return np.random.default_rng(seed).standard_normal((1, 3, *size)).astype(np.float32)


def in_torch_fp32(estimator, pixels):
    estimator.prepare(*pixels.shape[2:])
    with torch.no_grad():
        return estimator(torch.from_numpy(pixels))[0].numpy()


def relative_error(values, expected):
    return float(np.abs(values - expected).max() / np.ptp(expected))


@pytest.mark.parametrize('precision', BOUNDS)
@pytest.mark.parametrize(('name', 'device'), WAYS)
def test_what_a_gpu_gives_is_that_of_torch_in_fp32(name, device, precision, loaded, folder):
    require(name, device, precision)
    backend = make(name, loaded, folder, device, precision)
    first, second = pixels_of(loaded[0]), pixels_of(loaded[0], 1)
    values = backend.infer(first)
    kept = values.copy()
    other = backend.infer(second)
    np.testing.assert_array_equal(values, kept)
    for found, given in ((values, first), (other, second)):
        assert relative_error(found, in_torch_fp32(loaded[0], given)) < BOUNDS[precision]


@pytest.mark.parametrize(('name', 'device'), WAYS)
def test_a_predictor_says_where_it_computes(name, device, tmp_path):
    require(name, device)
    options = NetworkOptions('tiny', backend=name, device=device, cache_dir=str(tmp_path))
    predictor = create_predictor(options)
    predictor.warm_up(240, 320)
    identity = predictor.identity
    assert (identity.backend, identity.precision, identity.device) == (name, 'fp16', device)
    assert predictor.cache_problem == ''


@pytest.mark.parametrize(
    ('device', 'first'),
    [('cuda', 'CUDAExecutionProvider'), ('tensorrt', 'TensorrtExecutionProvider')],
)
def test_the_provider_asked_for_is_the_first(device, first, loaded, folder):
    require('onnxruntime', device)
    backend = make('onnxruntime', loaded, folder, device, Precision.FP16)
    assert backend._session.get_providers()[0] == first


def test_the_second_start_takes_the_engine_of_the_first(loaded, tmp_path, caplog):
    require('onnxruntime', 'tensorrt')
    durations_s, stamps = [], []
    for _ in range(2):
        caplog.clear()
        start_s = time.perf_counter()
        with caplog.at_level(logging.INFO):
            backend = make('onnxruntime', loaded, tmp_path, 'tensorrt', Precision.FP16)
            backend.infer(pixels_of(loaded[0]))
        durations_s.append(time.perf_counter() - start_s)
        engines = sorted(tmp_path.glob(f'*/{ENGINES}/fp16/*.engine'))
        assert engines
        stamps.append([path.stat().st_mtime_ns for path in engines])
    assert stamps[0] == stamps[1]
    assert 'building the TensorRT engine' not in caplog.text
    assert durations_s[1] < 0.5 * durations_s[0]


def test_integers_on_tensorrt_are_not_clipped(tmp_path):
    require('onnxruntime', 'tensorrt')
    estimator, weights = load_estimator('tiny')
    pixels = pixels_of(estimator)
    exact = in_torch_fp32(estimator, pixels)
    ranges = ranges_of(estimator, pixels)
    quantise_inputs(estimator, ranges)
    backend = make('onnxruntime', (estimator, weights), tmp_path, 'tensorrt', Precision.FP16)
    error = np.abs(backend.infer(pixels) - exact).mean() / np.ptp(exact)
    # The CPU is off by 0.013 with the same file, by 0.17 where integers without a sign are read
    # as such with one, which clips the upper half of 43 ranges.
    assert error < 0.04


def ranges_of(estimator, pixels):
    """Return the least and greatest number that each convolution reads of an image."""
    found, hooks = {}, []
    for name, layer in estimator.named_modules():
        if isinstance(layer, torch.nn.Conv2d):

            def note(_, inputs, name=name):
                found[name] = (float(inputs[0].min()), float(inputs[0].max()))

            hooks.append(layer.register_forward_pre_hook(note))
    in_torch_fp32(estimator, pixels)
    for hook in hooks:
        hook.remove()
    return found


def test_torch_replays_a_recording_and_batches_agree_with_it(loaded, folder):
    require('torch', 'cuda')
    backend = make('torch', loaded, folder, 'cuda', Precision.FP16)
    pixels = np.concatenate([pixels_of(loaded[0], seed) for seed in range(3)])
    single = [backend.infer(one[None]) for one in pixels]
    assert backend._recordings[False] is not None
    for one, of_batch in zip(single, backend.infer_batch(pixels), strict=True):
        assert relative_error(of_batch, one) < BOUNDS[Precision.FP16]


@pytest.mark.parametrize(('name', 'device'), WAYS)
def test_a_gpu_is_at_least_twice_as_fast_as_the_cpu(name, device, folder):
    """What fell back to the CPU without a word would not be."""
    require(name, device)
    loaded = load_estimator('depth_anything_v2_vits', weights='random')
    pixels = pixels_of(loaded[0])
    ways = [
        make('onnxruntime', loaded, folder, 'cpu', Precision.FP32),
        make(name, loaded, folder, device, Precision.FP16),
    ]
    durations_s: list[list[float]] = [[], []]
    for turn in range(23):
        for backend, found in zip(ways, durations_s, strict=True):
            start_s = time.perf_counter()
            backend.infer(pixels)
            if turn >= 3:
                found.append(time.perf_counter() - start_s)
    on_cpu, on_gpu = map(statistics.median, durations_s)
    assert on_gpu < 0.5 * on_cpu
