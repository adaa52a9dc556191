"""The library's front door: images in, depth out, and errors that say what to do."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import depth_anything_ros as dar
from depth_anything_ros import api
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import (
    AlignmentError,
    BackendError,
    ConfigError,
    MessageError,
    UnknownNameError,
)
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground import ground_inverse_depth
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.stream.assembly import assemble
from depth_anything_ros.types import DepthChoice, Frame, MetricDepth, RelativeInverseDepth
from depth_anything_ros.uncertainty import read_table
from depth_anything_ros.uncertainty.files import GENERIC
from depth_anything_ros.uncertainty.sigma import noise_of

ROOT = Path(__file__).resolve().parents[1]
CAMERA = dar.Camera(128, 96, 100.0, 100.0, 63.5, 47.5)


class Network:
    """Stands in for a predictor that gives one answer."""

    identity = SimpleNamespace(name='stand_in')
    metres_at_focal_px = None

    def __init__(self, prediction, spec=MODELS['tiny']):
        self.prediction, self.spec = prediction, spec

    def predict(self, rgb):
        return self.prediction


def floor(height_m=0.3):
    """Return the true inverse depth of level ground and a wall 4 m ahead."""
    rays = ray_table(CAMERA).astype(np.float64)
    return np.maximum(ground_inverse_depth(rays, height_m, 0.0, 0.0), 0.25).astype(np.float32)


@pytest.fixture(scope='module')
def model():
    return dar.load('tiny', backend='torch', precision='fp32', input_size=96, threads=1)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


@pytest.fixture
def relative():
    """Return a model whose output is the floor's inverse depth, a third of it and lifted."""
    return dar.DepthModel(Network(RelativeInverseDepth(floor() / 3 + 0.1)))


@pytest.mark.parametrize(
    'script', ['import depth_anything_ros', 'from depth_anything_ros import api']
)
def test_the_package_alone_loads_nothing_heavy_and_the_api_loads_no_ros(script):
    code = f'import sys; {script}; print(*sys.modules)'
    answer = subprocess.run(
        [sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    heavy = {'rclpy', 'sensor_msgs', 'depth_anything_ros.lab'}
    if 'api' not in script:
        heavy |= {'torch', 'numpy', 'cv2'}
    assert heavy & set(answer.stdout.split()) == set()


def test_the_package_offers_the_names_of_the_api():
    assert set(dar.__all__) == set(api.__all__)
    assert set(dar.__all__) <= set(dir(dar))
    assert all(getattr(dar, name) is getattr(api, name) for name in dar.__all__)
    with pytest.raises(
        AttributeError, match="module 'depth_anything_ros' has no attribute 'open'"
    ):
        _ = dar.open


def test_predict_is_that_of_the_predictor_with_the_same_options(model, picture):
    predictor = create_predictor(
        NetworkOptions('tiny', backend='torch', precision='fp32', input_size=96, threads=1)
    )
    answer = model.predict(picture)
    assert answer.values.shape == (96, 128) and answer.values.dtype == np.float32
    np.testing.assert_array_equal(answer.values, predictor.predict(picture).values)
    assert model.identity.weights == 'pretrained' and model.identity.precision == 'fp32'


@pytest.mark.parametrize('kind', [str, Path])
def test_a_file_gives_what_its_pixels_give(model, picture, tmp_path, kind):
    path = tmp_path / 'photo.png'
    cv2.imwrite(str(path), picture[..., ::-1])
    from_file = model.predict(kind(path)).values
    np.testing.assert_array_equal(from_file, model.predict(picture).values)


def test_a_view_with_its_channels_turned_is_taken(model, picture):
    turned = picture[..., ::-1].copy()[..., ::-1]
    np.testing.assert_array_equal(model.predict(turned).values, model.predict(picture).values)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(UnknownNameError, match='known: tiny|depth_anything_v2_vits'):
        dar.load('tinny')
    with pytest.raises(TypeError, match='precison'):
        dar.load('tiny', precison='fp32')
    with pytest.raises(ConfigError, match='not a positive multiple of the patch 32'):
        dar.load('tiny', input_size=100)


@pytest.mark.parametrize(
    ('options', 'told'),
    [
        ({'input_size': '56'}, "'input_size': '56' is of type str, int is needed"),
        ({'input_size': 56.0}, "'input_size': 56.0 is of type float, int is needed"),
        ({'input_size': (56, '56')}, "'input_size': '56' is of type str, int is needed"),
        ({'input_size': (56, 56, 3)}, "'input_size': (56, 56, 3) is no pair"),
        ({'threads': '2'}, "'threads': '2' is of type str, int is needed"),
        ({'precision': None}, "'precision': None is of type NoneType, str is needed"),
        ({'seed': 0.5}, "'seed': 0.5 is of type float, int is needed"),
    ],
)
def test_an_option_of_another_type_is_named_with_the_type_that_is_needed(options, told):
    with pytest.raises(ConfigError) as refused:
        dar.load('tiny', weights='random', **options)
    assert told in str(refused.value)


def test_what_is_no_picture_is_refused_with_what_is_needed(model, picture, tmp_path):
    with pytest.raises(BackendError, match=r'\(height, width, 3\) is needed'):
        model.predict(picture[..., 0])
    with pytest.raises(BackendError, match='uint8 .* is needed'):
        model.predict(picture / 255)
    with pytest.raises(FileNotFoundError):
        model.predict(tmp_path / 'missing.png')
    (tmp_path / 'bad.jpg').write_text('no picture')
    with pytest.raises(
        MessageError, match=r"bad\.jpg' is not an image that can be read: .* known: jpeg"
    ):
        model.predict(tmp_path / 'bad.jpg')


def test_the_height_of_the_camera_gives_the_metres_of_a_floor(relative, picture):
    metric = relative.metric(picture, CAMERA, dar.camera_height(0.3))
    assert isinstance(metric, MetricDepth)
    np.testing.assert_allclose(metric.depth_m, 1 / floor(), rtol=0.02)
    with pytest.raises(ConfigError, match="'camera_height_m': 0.0 is out of range"):
        dar.camera_height(0.0)


def test_the_height_needs_the_camera_of_the_image(relative, picture):
    with pytest.raises(AlignmentError, match='camera_info'):
        relative.metric(picture, scale=dar.camera_height(0.3))


@pytest.mark.parametrize('step', [1, 2])
def test_measured_depth_gives_its_metres_even_where_sparse_or_smaller(relative, picture, step):
    measured = np.full((96 // step, 128 // step), np.nan)
    measured[::3, ::3] = (1 / floor())[::step, ::step][::3, ::3]
    metric = relative.metric(picture, scale=dar.reference_depth(measured))
    np.testing.assert_allclose(metric.depth_m, 1 / floor(), rtol=0.05)


def test_measured_depth_must_be_an_image_of_the_same_shape(relative, picture):
    with pytest.raises(AlignmentError, match=r'\(96,\); \(H, W\) is needed'):
        dar.reference_depth(np.ones(96))
    with pytest.raises(AlignmentError, match='128x60, the image 128x96'):
        relative.metric(picture, scale=dar.reference_depth(1 / floor()[:60]))


def test_a_fixed_scale_is_taken_as_it_is(relative, picture):
    metric = relative.metric(picture, scale=dar.fixed_scale(3.0, -0.3), max_depth_m=3.0)
    truth_m = 1 / floor()
    near = truth_m < 2.9
    np.testing.assert_allclose(metric.depth_m[near], truth_m[near], rtol=1e-4)
    assert np.isnan(metric.depth_m[truth_m > 3.1]).all()
    with pytest.raises(AlignmentError, match='the scale above 0'):
        dar.fixed_scale(-1.0)


def test_a_relative_model_without_a_scale_says_what_it_needs(relative, picture):
    with pytest.raises(AlignmentError, match="'stand_in' is relative and needs a scale"):
        relative.metric(picture)
    with pytest.raises(ConfigError, match='max_depth_m 0 is out of range'):
        relative.metric(picture, max_depth_m=0)


def test_a_metric_model_needs_no_scale_and_takes_none(picture):
    spec = MODELS['depth_anything_v2_metric_hypersim_vits']
    model = dar.DepthModel(Network(MetricDepth(np.float32([[0.0, 1.0, 30.0]])), spec))
    np.testing.assert_array_equal(model.metric(picture).depth_m, [[np.nan, 1.0, np.nan]])
    message = f"model '{spec.name}' gives metres by itself; leave the scale out"
    with pytest.raises(ConfigError, match=message):
        model.metric(picture, scale=dar.fixed_scale(1.0))


def test_colours_show_near_and_far_alike_for_both_kinds():
    values = floor()
    of_relative = dar.colorize(RelativeInverseDepth(values))
    of_metric = dar.colorize(MetricDepth(1 / values))
    assert of_relative.shape == (96, 128, 3) and of_relative.dtype == np.uint8
    assert np.abs(of_relative.astype(int) - of_metric).max() <= 8
    with pytest.raises(UnknownNameError, match='known: Spectral_r'):
        dar.colorize(RelativeInverseDepth(values), 'jet')


@pytest.mark.parametrize('kind', [RelativeInverseDepth, MetricDepth])
def test_holes_of_measured_depth_are_filled(picture, kind):
    inverse = floor()
    values = 0.5 * inverse - 0.05 if kind is RelativeInverseDepth else 1.05 / inverse
    measured = 1 / inverse
    measured[30:60, 40:80] = 0
    fused = dar.DepthModel(Network(kind(values))).complete(picture, measured)
    known = measured > 0
    assert np.array_equal(fused.depth_m[known], measured[known])
    assert (fused.origin[known] == dar.DepthOrigin.MEASURED).all() and fused.refused == 0
    np.testing.assert_allclose(fused.depth_m[~known], 1 / inverse[~known], rtol=0.01)


def test_measured_depth_that_gives_no_scale_completes_nothing(picture):
    model = dar.DepthModel(Network(RelativeInverseDepth(floor())))
    with pytest.raises(AlignmentError, match='0 points'):
        model.complete(picture, np.zeros((96, 128)))
    with pytest.raises(AlignmentError, match='the reference depth is 96x96, the image 128x96'):
        model.complete(picture, np.ones((96, 96)))
    with pytest.raises(ConfigError, match='max_depth_m 0'):
        model.complete(picture, np.ones((96, 128)), max_depth_m=0)


def test_uncertainty_is_that_of_the_node_and_comes_where_it_is_asked_for(model, picture):
    metric = model.metric(picture, scale=dar.fixed_scale(0.5, 0.2), max_depth_m=4.0, sigma=True)
    config = {'scale_source': 'fixed', 'fixed_scale': 0.5, 'fixed_shift': 0.2, 'max_depth_m': 4.0}
    pipeline = assemble(model.predictor, from_mapping(DepthNodeConfig, config))
    of_node = pipeline.process(Frame(picture, 0, ''), sigma=DepthChoice.NETWORK)
    np.testing.assert_array_equal(metric.sigma_m, of_node.sigma)
    np.testing.assert_array_equal(np.isfinite(metric.sigma_m), np.isfinite(metric.depth_m))
    plain = model.metric(picture, scale=dar.fixed_scale(0.5, 0.2), max_depth_m=4.0)
    assert plain.sigma_m is None
    np.testing.assert_array_equal(plain.depth_m, metric.depth_m)


def test_uncertainty_of_completed_depth_is_that_of_the_sensor_where_it_measured(model, picture):
    measured = 1 / (0.5 * model.predict(picture).values + 0.2)
    measured[30:60, 40:80] = 0
    fused = model.complete(picture, measured, sigma=True)
    known = fused.origin == dar.DepthOrigin.MEASURED
    np.testing.assert_array_equal(
        fused.sigma_m[known], noise_of(read_table(GENERIC).sensor, fused.depth_m)[known]
    )
    assert (fused.sigma_m[~known] > 0).all()
    assert model.complete(picture, measured).sigma_m is None


def test_uncertainty_without_a_table_of_its_weights_is_warned_of_once(picture, caplog):
    model = dar.load('tiny', weights='random', backend='torch', input_size=96, threads=1)
    for _ in range(2):
        model.metric(picture, scale=dar.fixed_scale(0.5, 0.2), sigma=True)
    assert [message for message in caplog.messages if 'sigma goes by a generic' in message] == [
        caplog.messages[-1]
    ]


@pytest.mark.parametrize('kind', [np.uint16, np.float32])
def test_measured_depth_in_millimetres_is_no_depth_in_metres(kind):
    with pytest.raises(AlignmentError, match=r'is 2000 m.*give it in metres'):
        dar.reference_depth(np.full((60, 80), 2000, kind))
