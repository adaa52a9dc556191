"""Models of transformers predict as what they are, in evaluation and node."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

pytest.importorskip('transformers', reason='transformers is not installed')
pytest.importorskip('PIL', reason='Pillow is not installed')

from hub_models import write_model

from depth_anything_ros.errors import (
    CheckpointError,
    ConfigError,
    MissingDependencyError,
    UnknownNameError,
)
from depth_anything_ros.inference.hub import loading
from depth_anything_ros.inference.hub import predictor as hub_predictor
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.network import example_image
from depth_anything_ros.lab.evaluation.targets import Target
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth

KINDS = {
    'dpt': RelativeInverseDepth,
    'depth_anything': RelativeInverseDepth,
    'glpn': MetricDepth,
    'zoedepth': MetricDepth,
}


def target(folder):
    return Target('it', NetworkOptions(f'hub:{folder}', device='cpu'))


@pytest.mark.parametrize(
    'kind',
    ['dpt', *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != 'dpt')],
)
def test_predictions_are_what_the_model_gives_at_the_size_of_the_image(kind, tmp_path):
    write_model(kind, tmp_path)
    model = target(tmp_path).opened()
    assert model.identity.input_size == (0, 0)
    rgb = example_image()[:96, :128]
    predicted = model.predict(rgb)
    assert isinstance(predicted, KINDS[kind])
    values = predicted.depth_m if isinstance(predicted, MetricDepth) else predicted.values
    assert (values.dtype, values.shape) == (np.float32, (96, 128))
    identity = model.identity
    assert (identity.backend, identity.weights, identity.device) == (
        'transformers', 'pretrained', 'cpu',
    )  # fmt: skip
    assert min(identity.input_size) > 0


def test_a_kind_of_which_it_is_not_known_what_it_predicts_is_refused(tmp_path, monkeypatch):
    write_model('dpt', tmp_path)
    monkeypatch.delitem(hub_predictor.KINDS, 'dpt')
    with pytest.raises(CheckpointError, match="of type 'dpt', predicts depth or inverse depth"):
        target(tmp_path).opened()


def test_the_model_is_named_by_hub_and_its_folder(tmp_path):
    write_model('dpt', tmp_path)
    predictor = create_predictor(NetworkOptions(f'hub:{tmp_path}', device='cpu', precision='fp32'))
    assert predictor.identity.name == str(tmp_path)
    rgb = example_image()[:96, :128]
    direct = predictor.predict(rgb).values
    model_input = predictor.preprocess(rgb)
    assert predictor.network_size(96, 128) == model_input.pixels.shape[2:] == (64, 64)
    assert predictor.is_built(96, 128)
    (again,) = predictor.infer_batch([model_input])
    np.testing.assert_allclose(again, direct, atol=1e-6)
    sure = predictor.predict_with_confidence(rgb)
    assert sure.confidence is None
    np.testing.assert_allclose(sure.values, direct, atol=1e-6)


def test_threads_are_those_asked_for_on_the_thread_that_predicts(tmp_path):
    write_model('dpt', tmp_path)
    predictor = create_predictor(NetworkOptions(f'hub:{tmp_path}', device='cpu', threads=3))

    def threads_after():
        predictor.predict(example_image()[:96, :128])
        return torch.get_num_threads()

    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(threads_after).result() == 3
    finally:
        torch.set_num_threads(before)


def test_metres_of_a_model_reach_as_far_as_its_configuration_says(tmp_path):
    write_model('glpn', tmp_path)
    predictor = create_predictor(NetworkOptions(f'hub:{tmp_path}', device='cpu'))
    assert predictor.spec.max_depth_m == 10.0
    assert predictor.identity.output == 'depth in metres'
    assert str(predictor.identity) == (
        f'{tmp_path} (pretrained weights, licence not told by transformers) on transformers '
        f'{predictor.identity.precision} cpu'
    )


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'input_size': 64}, "input size 64: model 'hub:it' is run by transformers, with its own"),
        ({'checkpoint': 'weights.pth'}, "checkpoint weights.pth: model 'hub:it' is run by transf"),
        ({'threads': -1}, 'threads -1 is negative; allowed: 0'),
        ({'backend': 'openvino'}, "backend openvino: model 'hub:it' is run by transformers"),
    ],
)
def test_what_goes_not_with_the_hub_is_refused_before_anything_is_loaded(options, message):
    with pytest.raises(ConfigError, match=message):
        create_predictor(NetworkOptions('hub:it', **options))


def test_a_model_of_another_task_is_named_by_its_type(tmp_path):
    from transformers import ViTConfig

    ViTConfig(architectures=['ViTForImageClassification']).save_pretrained(tmp_path)
    told = r"is no depth model: it is of type 'vit' \(ViTForImageClassification\)"
    with pytest.raises(CheckpointError, match=told):
        create_predictor(NetworkOptions(f'hub:{tmp_path}', device='cpu'))


@pytest.mark.parametrize('name', ['hub:', 'Hub:Intel/dpt-large'])
def test_a_name_that_begins_like_one_of_the_hub_tells_the_form(name):
    with pytest.raises(UnknownNameError, match=r'named hub:ID, in small letters'):
        create_predictor(NetworkOptions(name))


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r'has no config.json of a model in it'):
        create_predictor(NetworkOptions(f'hub:{tmp_path}'))


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    write_model('dpt', tmp_path)
    monkeypatch.setattr(loading, 'find_spec', lambda name: None)
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[hub\]'):
        create_predictor(NetworkOptions(f'hub:{tmp_path}'))
