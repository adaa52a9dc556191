import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from depth_anything_ros.errors import BackendError, ConfigError, UnknownNameError
from depth_anything_ros.inference import selection
from depth_anything_ros.inference.backends.cache import ExportCache, NoRoomError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import KEPT_BACKENDS, Predictor
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.types import MetricDepth, ModelInput, OutputKind, RelativeInverseDepth

MODEL = 'depth_anything_v2_vits'


def make(**changes) -> Predictor:
    options = {
        'model': MODEL,
        'weights': 'random',
        'backend': 'torch',
        'precision': 'fp32',
        'device': 'cpu',
        'input_size': 56,
        **changes,
    }
    return create_predictor(NetworkOptions(**options))


@pytest.fixture(scope='module')
def predictor() -> Predictor:
    return make()


def picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


def official_prediction(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Compute as the public code does, in its order, with the eager network."""
    estimator, _ = load_estimator(MODEL, weights='random', attention='eager')
    image = cv2.resize(rgb / 255.0, size[::-1], interpolation=cv2.INTER_CUBIC)
    image = (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None]
    with torch.no_grad():
        values = estimator(pixels)[:, None]
        resized = F.interpolate(values, rgb.shape[:2], mode='bilinear', align_corners=True)
    return resized[0, 0].numpy()


def test_prediction_equals_the_official_way(predictor):
    rgb = picture()
    expected = official_prediction(rgb, (56, 70))
    prediction = predictor.predict(rgb)
    assert isinstance(prediction, RelativeInverseDepth)
    assert prediction.values.shape == (48, 64)
    error = np.abs(prediction.values - expected).max() / np.ptp(expected)
    assert error < 1e-3  # a tenth of what is asked for


@pytest.mark.slow
@pytest.mark.parametrize('shorter_side', [252, 392, 518])
def test_prediction_equals_the_official_way_at_real_sizes(shorter_side):
    rgb = picture(480, 640)
    size = {252: (252, 336), 392: (392, 518), 518: (518, 686)}[shorter_side]
    expected = official_prediction(rgb, size)
    prediction = make(input_size=shorter_side).predict(rgb)
    assert np.abs(prediction.values - expected).max() < 1e-3 * np.ptp(expected)


def test_metric_model_predicts_metres():
    predictor = make(model='depth_anything_v2_metric_hypersim_vits')
    prediction = predictor.predict(picture())
    assert predictor.output_kind is OutputKind.METRIC_DEPTH
    assert isinstance(prediction, MetricDepth)
    assert 0 < prediction.depth_m.min() <= prediction.depth_m.max() < 20


def test_identity_tells_what_runs():
    predictor = make()
    assert predictor.identity.input_size == (0, 0)
    predictor.predict(picture())
    identity = predictor.identity
    assert identity.name == MODEL
    assert (identity.weights, identity.sha256) == ('random', '')
    assert (identity.backend, identity.precision, identity.device) == ('torch', 'fp32', 'cpu')
    assert identity.input_size == (56, 70)
    assert identity.licence == 'Apache-2.0'


def test_input_size_0_is_the_size_of_the_model_row():
    assert make(input_size=0).network_size(480, 640) == (518, 686)


def test_fixed_input_size_holds_for_every_image():
    predictor = make(input_size=(28, 56))
    assert predictor.preprocess(picture(48, 64)).pixels.shape == (1, 3, 28, 56)
    assert predictor.preprocess(picture(64, 48)).pixels.shape == (1, 3, 28, 56)


def test_backends_are_kept_for_the_sizes_used_last():
    predictor = make(input_size=28)
    landscape = predictor.build((28, 42))
    predictor.build((42, 28))
    assert predictor.build((28, 42)) is landscape
    predictor.build((28, 28))  # the upright one was used longest ago and goes
    assert predictor.build((28, 42)) is landscape
    assert len(predictor._backends) == KEPT_BACKENDS


def test_a_network_that_several_share_keeps_the_sizes_of_all_and_tells_each_its_own():
    predictor = make(input_size=28)
    predictor.kept_sizes = 3
    first = predictor.build((28, 42))
    for size in ((42, 28), (28, 28)):
        predictor.build(size)
    assert predictor.build((28, 42)) is first
    assert predictor.identity_at(64, 48).input_size == (42, 28)
    assert predictor.identity_at(48, 64) == predictor.identity


def _without_room(monkeypatch):
    def refuse(self, *_):
        self.problem = 'no room'
        raise NoRoomError('the exported network can be written neither here nor there')

    monkeypatch.setattr(ExportCache, 'load', refuse)


def test_a_network_whose_export_has_no_room_anywhere_runs_without_one(monkeypatch, caplog):
    pytest.importorskip('openvino')
    monkeypatch.setattr(selection, '_preference', lambda *_: ('openvino', 'torch'))
    expected = make().predict(picture()).values
    _without_room(monkeypatch)
    predictor = make(backend='auto')
    assert predictor.identity.backend == 'openvino'
    np.testing.assert_allclose(predictor.predict(picture()).values, expected)
    assert predictor.identity.backend == 'torch'
    assert predictor.cache_problem.endswith('neither here nor there; running with torch')
    assert predictor.cache_problem in caplog.text
    predictor.warm_up(64, 48)  # and so do other sizes
    assert predictor.is_built(64, 48)


def test_a_backend_that_was_asked_for_is_not_replaced(monkeypatch):
    pytest.importorskip('openvino')
    _without_room(monkeypatch)
    with pytest.raises(NoRoomError):
        make(backend='openvino').predict(picture())


def test_a_size_can_be_built_while_another_predicts(monkeypatch):
    predictor = make(input_size=28)
    predictor.warm_up(28, 42)
    building, go_on = threading.Event(), threading.Event()
    make_backend = predictor.network.backend

    def slow(size):
        building.set()
        go_on.wait(10)
        return make_backend(size)

    monkeypatch.setattr(predictor.network, 'backend', slow)
    builder = threading.Thread(target=predictor.warm_up, args=(42, 28))
    builder.start()
    building.wait(10)
    assert not predictor.is_built(42, 28)
    assert predictor.is_built(28, 42)
    assert predictor.predict(picture(28, 42)).values.shape == (28, 42)
    go_on.set()
    builder.join()
    assert predictor.is_built(42, 28)


@pytest.mark.parametrize('sizes', [((28, 42), (28, 42)), ((28, 42), (42, 28))])
def test_one_network_at_a_time_is_built_from_the_estimator(monkeypatch, sizes):
    predictor = make(input_size=28)
    make_backend = predictor.network.backend
    started, go_on, at_work, most, built = threading.Event(), threading.Event(), [], [], []

    def slow(size):
        at_work.append(size)
        most.append(len(at_work))
        started.set()
        go_on.wait(0.5)
        built.append(size)
        made = make_backend(size)
        at_work.remove(size)
        return made

    monkeypatch.setattr(predictor.network, 'backend', slow)
    backends = {}
    threads = [
        threading.Thread(target=lambda n=n, size=size: backends.update({n: predictor.build(size)}))
        for n, size in enumerate(sizes)
    ]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join(10)
    assert max(most) == 1
    assert sorted(built) == sorted(set(sizes))
    assert (backends[0] is backends[1]) == (sizes[0] == sizes[1])


def test_threads_that_predict_at_once_take_turns_at_the_network(predictor, monkeypatch):
    running = threading.Lock()

    class Alone:
        def infer(self, pixels):
            assert running.acquire(blocking=False)
            time.sleep(0.005)
            running.release()
            return pixels[0, 0]

    monkeypatch.setattr(predictor, 'build', lambda size: Alone())
    images = [picture(seed=seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as executor:
        found = list(executor.map(predictor.predict, images))
    for rgb, prediction in zip(images, found, strict=True):
        np.testing.assert_array_equal(prediction.values, predictor.predict(rgb).values)


def test_warm_up_builds_and_runs_the_network(monkeypatch):
    predictor = make()
    predictor.build((56, 70))
    calls = []
    infer = predictor.infer
    monkeypatch.setattr(predictor, 'infer', lambda value: calls.append(value) or infer(value))
    predictor.warm_up(48, 64)
    assert len(calls) == 1
    assert predictor.identity.input_size == (56, 70)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_output_that_is_not_finite_is_refused(predictor, monkeypatch, bad):
    class Broken:
        def infer(self, pixels):
            values = np.ones(pixels.shape[2:], np.float32)
            values[3, 4] = bad
            return values

    monkeypatch.setitem(predictor._backends, (56, 70), Broken())
    with pytest.raises(BackendError, match='torch gave 1 of 3920 values that are not finite'):
        predictor.predict(picture())


@pytest.mark.parametrize('large', [1e36, -1e36, 3e38])
def test_huge_output_whose_sum_alone_overflows_is_taken(predictor, monkeypatch, large):
    values = np.full((56, 70), large, np.float32)
    with np.errstate(over='ignore'):
        assert np.isinf(values.sum())
    monkeypatch.setitem(predictor._backends, (56, 70), SimpleNamespace(infer=lambda _: values))
    found = predictor.predict(picture())
    np.testing.assert_allclose(found.values, np.float32(large), rtol=1e-6)


@pytest.mark.parametrize('shape', [(48, 64), (48, 64, 4), (48, 0, 3)])
def test_array_that_is_no_image_is_refused(predictor, shape):
    with pytest.raises(BackendError, match='image'):
        predictor.predict(np.zeros(shape, np.uint8))


def test_failure_to_build_is_a_backend_error(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError('out of memory')

    predictor = make()
    monkeypatch.setattr('copy.deepcopy', fail)
    pixels = np.zeros((1, 3, 56, 70), np.float32)
    for attempt in (
        lambda: predictor.build((56, 70)),
        lambda: predictor.infer(ModelInput(pixels, (48, 64))),
        lambda: predictor.warm_up(48, 64),
    ):
        with pytest.raises(BackendError, match='out of memory'):
            attempt()


@pytest.mark.parametrize(
    ('input_size', 'message'),
    [
        (500, 'input size 500 .* 490 or 504'),
        (-14, 'input size -14 .* nearest: 14'),
        ((518, 690), 'input width 690 .* 686 or 700'),
        ((0, 686), 'input height 0 .* nearest: 14'),
    ],
)
def test_wrong_input_size_is_a_config_error(input_size, message):
    with pytest.raises(ConfigError, match=message):
        make(input_size=input_size)


def test_negative_threads_are_a_config_error():
    with pytest.raises(ConfigError, match='threads -1 is negative'):
        make(threads=-1)


@pytest.mark.parametrize(
    'changes',
    [{'model': 'midas'}, {'backend': 'tensorrt'}, {'precision': 'int4'}],
)
def test_unknown_name_lists_the_known(changes):
    with pytest.raises(UnknownNameError, match='known: '):
        make(**changes)


def test_importing_the_package_does_not_import_torch():
    code = 'import sys, depth_anything_ros.inference; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
