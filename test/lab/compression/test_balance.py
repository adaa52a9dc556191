"""Factors of norms in the weights that read them: the same network, with channels alike."""

import dataclasses
import math

import pytest
import torch

from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.lab.compression import int8_dynamic, int8_static
from depth_anything_ros.lab.compression.balance import balance
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.fidelity import output_sqnr_db
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.recipe import (
    ModelContext,
    compress,
    estimator_of,
    layers_of,
)
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.checkpoint import build_estimator, load_estimator, load_weights
from depth_anything_ros.models.norm_readers import norm_readers_of
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.types import Precision

VITS = MODELS['depth_anything_v2_vits']
NAMES = ['depth_anything_v2_vits', 'dinov3_dpt_vits', 'anydepth_vits', 'tiny']


def images(side, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, side, side, generator=generator) for _ in range(count)]


def with_outliers(spec, state, factor=100.0):
    """Return the same network with two channels of every norm that is read much larger."""
    changed = {name: values.clone() for name, values in state.items()}
    for norm, layers in norm_readers_of(create_model(spec)):
        width = len(changed[f'{norm}.weight'])
        for channel in (3, 7):
            changed[f'{norm}.weight'][channel] *= factor
            changed[f'{norm}.bias'][channel] *= factor
            for layer in layers:
                changed[f'{layer}.weight'][:, channel::width] /= factor
    return changed


def varied(state):
    """Return weights whose norms are not all 1 and 0, so that nothing is right by chance."""
    generator = torch.Generator().manual_seed(5)
    return {
        name: values + 0.3 * torch.rand(values.shape, generator=generator)
        if values.ndim == 1 and values.is_floating_point() and 'running' not in name
        else values
        for name, values in state.items()
    }


@pytest.mark.parametrize(
    'name',
    [
        'depth_anything_v2_vits',
        pytest.param('dinov3_dpt_vits', marks=pytest.mark.slow),
        pytest.param('anydepth_vits', marks=pytest.mark.slow),
        'tiny',
    ],
)
def test_balanced_network_is_the_same_network(name):
    spec = MODELS[name]
    state = varied(load_weights(spec, weights='random').state)
    packed = {key: PackedTensor(values) for key, values in with_outliers(spec, state).items()}
    balanced = balance(packed, ModelContext(spec, layers_of(spec)))
    pair = [build_estimator(spec, state, {}), estimator_of(spec, balanced)]
    assert output_sqnr_db(*pair, images(64 if 'v2' not in name else 70, 1)) > 90
    changed = [key for key in packed if balanced[key] is not packed[key]]
    readers = list(norm_readers_of(create_model(spec)))
    assert len(changed) == sum(2 + len(layers) for _, layers in readers) > 10
    for norm, layers in readers:
        sizes = torch.hypot(balanced[f'{norm}.weight'].values, balanced[f'{norm}.bias'].values)
        readers = torch.cat(
            [
                balanced[f'{layer}.weight'].values.movedim(1, -1).reshape(-1, len(sizes))
                for layer in layers
            ]
        )
        ratio = sizes / readers.square().mean(0).sqrt()
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-4, atol=0)


@pytest.mark.parametrize('name', NAMES)
def test_every_reader_of_a_norm_is_named(name):
    spec = MODELS[name]
    state = varied(load_weights(spec, weights='random').state)
    pair = [build_estimator(spec, values, {}) for values in (state, with_outliers(spec, state))]
    assert output_sqnr_db(*pair, images(64 if 'v2' not in name else 70, 1)) > 90


def test_channels_that_do_nothing_stay_as_they_are():
    spec = MODELS['tiny']
    state = dict(load_weights(spec, weights='random').state)
    norm, (layer,) = next(iter(norm_readers_of(create_model(spec))))
    for name in ('weight', 'bias'):
        state[f'{norm}.{name}'] = state[f'{norm}.{name}'].clone().index_fill(0, torch.tensor(2), 0)
    weights = state[f'{layer}.weight'].clone()
    weights[:, 4] = 0.0
    state[f'{layer}.weight'] = weights
    packed = {key: PackedTensor(values) for key, values in state.items()}
    balanced = balance(packed, ModelContext(spec, layers_of(spec)))
    assert torch.equal(balanced[f'{layer}.weight'].values[:, 2], weights[:, 2])
    assert balanced[f'{norm}.weight'].values[4] == state[f'{norm}.weight'][4]
    assert all(bool(tensor.values.isfinite().all()) for tensor in balanced.values())


@pytest.fixture(scope='module')
def short():
    """Return four blocks of a vision transformer before its head, and their weights."""
    spec = dataclasses.replace(VITS, layers=(0, 1, 2, 3))
    weights = load_weights(spec, weights='random')
    return spec, weights.state, build_estimator(spec, weights.state, {})


@pytest.mark.parametrize('recipe', ['int8_static', 'int8_dynamic'])
def test_outlier_channels_cost_nothing(recipe, short, monkeypatch):
    spec, state, reference = short
    loud, seen = with_outliers(spec, state), images(70, 8, seed=3)

    def sqnr_db(tensors):
        packed = compress(spec, tensors, parse_chain(recipe), images(70))
        return output_sqnr_db(reference, estimator_of(spec, packed), seen)

    balanced = sqnr_db(state), sqnr_db(loud)
    for module in (int8_static, int8_dynamic):
        monkeypatch.setattr(module, 'balance', lambda state, _: state)
    before = sqnr_db(state), sqnr_db(loud)
    assert before[1] < before[0] - 6.0  # what an outlier costs where nothing is balanced
    assert balanced == pytest.approx((before[0], before[0]), abs=1.0)


@pytest.mark.slow
@pytest.mark.parametrize('recipe', ['int8_static', 'int8_dynamic'])
@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_outlier_channels_cost_nothing_where_integers_are_multiplied(
    backend, recipe, short, tmp_path
):
    pytest.importorskip(backend)
    spec, state, reference = short

    class Built(torch.nn.Module):
        """The network that a backend makes of weights."""

        def __init__(self, tensors, key):
            super().__init__()
            packed = compress(spec, tensors, parse_chain(recipe), images(70))
            options = BackendOptions(
                LoadedNetwork(estimator_of(spec, packed), key),
                (70, 70),
                Precision.FP32,
                'cpu',
                threads=1,
                cache=ExportCache(tmp_path),
            )
            self.backend = BACKENDS[backend](options)

        def forward(self, pixels):
            return torch.from_numpy(self.backend.infer(pixels.numpy()))[None]

    seen = images(70, 8, seed=3)
    plain = output_sqnr_db(reference, Built(state, 'plain'), seen)
    loud = output_sqnr_db(reference, Built(with_outliers(spec, state), 'loud'), seen)
    assert loud == pytest.approx(plain, abs=1.0)


def test_balanced_network_is_loaded_from_its_file(tmp_path):
    path, recipes, spec = (
        tmp_path / 'eight.safetensors',
        parse_chain('int8_static'),
        MODELS['tiny'],
    )
    weights = load_weights(spec, weights='random')
    state = compress(spec, with_outliers(spec, weights.state), recipes, images(64, 1))
    write_packed(path, state, spec.name, recipes, weights)
    loaded, _ = load_estimator(spec.name, checkpoint=str(path))
    for norm, _ in norm_readers_of(loaded):
        found = loaded.get_submodule(norm).weight
        assert torch.equal(found, state[f'{norm}.weight'].values)
    assert output_sqnr_db(estimator_of(spec, state), loaded, images(64, 1)) == math.inf
