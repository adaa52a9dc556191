"""What every recipe promises, and the closed forms of each."""

import dataclasses
from pathlib import Path

import pytest
import torch
from random_networks import random_weights
from torch.nn.utils import prune as torch_prune

from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.fidelity import output_sqnr_db
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.fp16 import Fp16
from depth_anything_ros.lab.compression.int16_static import Int16Static, quantise
from depth_anything_ros.lab.compression.prune import Prune, smallest
from depth_anything_ros.lab.compression.recipe import (
    Kind,
    Layer,
    ModelContext,
    activation_ranges_of,
    compress,
    estimator_of,
    layers_of,
)
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.packed import PackedTensor

TINY = MODELS['tiny']
# One way to write each recipe; the contract test fails for one that is not here.
WORDS = {name: name for name in RECIPES} | {
    'prune': 'prune(0.3)',
    'prune_structured': 'prune_structured(0.3)',
}
CHAINS = (
    *WORDS.values(),
    'prune(0.5, global)',
    'prune(0.5)+int16_static',
    'prune(0.9, global)+fp16',
    'prune(0.5)+int8_static',
    'prune(0.5)+int8_dynamic',
    'prune_structured(0.2)+prune(0.2)+int8_static',
)
IMAGES = [torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(n)) for n in (7, 8)]


@pytest.fixture(scope='module')
def parent():
    return random_weights(TINY)


def output(estimator):
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return estimator(pixels)


def test_every_recipe_is_in_the_contract():
    assert set(WORDS) == set(RECIPES)


@pytest.mark.parametrize('chain', CHAINS)
def test_recipe_keeps_its_contract(chain, parent, tmp_path: Path):
    recipes = parse_chain(chain)
    before = {name: values.clone() for name, values in parent.state.items()}
    packed = compress(TINY, parent.state, recipes, IMAGES)
    again = compress(TINY, parent.state, recipes, IMAGES)
    assert all(torch.equal(before[name], parent.state[name]) for name in before)
    assert list(packed) == list(before)
    assert all(torch.equal(packed[name].numbers(), again[name].numbers()) for name in packed)

    path = tmp_path / 'packed.safetensors'
    write_packed(path, packed, TINY.name, recipes, parent)
    loaded, weights = load_estimator('tiny', checkpoint=str(path))

    for name, tensor in packed.items():
        wanted, got = tensor.numbers(), weights.state[name]
        assert got.dtype == wanted.dtype == before[name].dtype
        assert got.ndim == before[name].ndim
        assert got.numpy().tobytes() == wanted.numpy().tobytes(), name
    assert weights.activation_ranges == activation_ranges_of(packed)
    assert torch.equal(output(loaded), output(estimator_of(TINY, packed)))
    float32_bytes = sum(values.nbytes for values in before.values())
    assert path.stat().st_size < 0.85 * float32_bytes


@pytest.mark.parametrize('name', list(RECIPES))
def test_recipe_is_a_frozen_dataclass_of_a_kind(name):
    recipe = parse_chain(WORDS[name])[0]
    assert isinstance(recipe.kind, Kind)
    assert recipe == parse_chain(WORDS[name])[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.kind = None


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_int16_static_keeps_the_output_to_80_db(seed):
    reference, weights = load_estimator('tiny', weights='random', seed=seed)
    packed = compress(TINY, weights.state, [Int16Static()])
    compressed = estimator_of(TINY, packed)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed))
    assert output_sqnr_db(reference, compressed, [pixels]) >= 80.0


@pytest.mark.parametrize(('shape', 'axis'), [((8, 5, 3, 3), 0), ((6, 4, 2, 2), 1), ((7, 90), 0)])
@pytest.mark.parametrize('size', [1e-30, 1.0, 1e30])
def test_int16_is_at_most_half_a_step_of_its_channel_away(shape, axis, size):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(2)) * size
    values.select(axis, 1).mul_(1000)
    values.select(axis, 2).zero_()
    packed = quantise(values, axis)
    assert packed.values.dtype == torch.int16
    assert packed.scale.dtype == torch.float32
    assert packed.scale.numel() == shape[axis]
    assert packed.scale.shape[axis] == shape[axis]
    scale = packed.scale.double()
    largest = values.abs().amax([index for index in range(values.ndim) if index != axis], True)
    assert torch.all(scale >= largest.double() / 32767 * (1 - 1e-7))
    assert torch.all(scale <= largest.double() / 32767 * 1.023)
    exact = packed.values.double() * scale
    assert torch.all((exact - values.double()).abs() <= scale * (0.5 + 1e-3))
    assert torch.equal(packed.numbers().select(axis, 2), values.select(axis, 2))


def test_int16_errors_of_a_channel_hardly_add_up():
    values = torch.randn(200, 9, generator=torch.Generator().manual_seed(3))
    packed = quantise(values, 0)
    sums = ((packed.numbers().double() - values.double()) / packed.scale.double()).sum(1)
    # Nine independent rounding errors add up to √(9 / 12) = 0.87 of a step.
    assert sums.square().mean().sqrt() < 0.3


def test_int16_static_stores_weights_and_tables_only():
    state = {
        'a.weight': PackedTensor(torch.randn(4, 64)),
        'depthwise.weight': PackedTensor(torch.randn(4, 1, 7, 7)),
        'table': PackedTensor(torch.randn(1, 90, 6)),
        'token': PackedTensor(torch.randn(1, 1, 6)),
        'a.bias': PackedTensor(torch.randn(40)),
        'count': PackedTensor(torch.tensor(7)),
    }
    layers = {name: Layer(0, True) for name in ('a.weight', 'depthwise.weight')}
    packed = Int16Static().apply(state, ModelContext(TINY, layers))
    assert packed['a.weight'].scale.shape == (4, 1)
    assert packed['table'].scale.shape == (1, 1, 6)
    kept = ('depthwise.weight', 'token', 'a.bias', 'count')
    assert all(packed[name] is state[name] for name in kept)


def test_fp16_rounds_to_float16_where_that_holds_the_numbers():
    state = {
        'a': PackedTensor(torch.tensor([[1.0, 1 / 3], [65504.0, 0.0]])),
        'large': PackedTensor(torch.tensor([[1.0, 65520.0]])),
        'bias': PackedTensor(torch.tensor([1 / 3])),
        'count': PackedTensor(torch.tensor(7)),
    }
    packed = Fp16().apply(state, ModelContext(TINY, {}))
    assert packed['a'].values.dtype == torch.float16
    # One third in binary16, 0x3555.
    assert packed['a'].numbers().tolist() == [[1.0, 0.333251953125], [65504.0, 0.0]]
    assert all(packed[name] is state[name] for name in ('large', 'bias', 'count'))


@pytest.mark.parametrize('amount', [0.1, 0.3, 0.5, 0.9])
def test_pruning_by_layer_is_exact_in_every_layer(amount, parent):
    layers = layers_of(TINY)
    packed = compress(TINY, parent.state, [Prune(amount)])
    for name, tensor in packed.items():
        zeros = tensor.values.numel() - int(tensor.values.count_nonzero())
        if name in layers and layers[name].prunable:
            assert zeros == round(amount * tensor.values.numel()), name
        else:
            assert torch.equal(tensor.values, parent.state[name]), name


@pytest.mark.parametrize('amount', [0.1, 0.5, 0.9])
def test_global_pruning_is_exact_over_all_layers(amount, parent):
    weights = [name for name, layer in layers_of(TINY).items() if layer.prunable]
    packed = compress(TINY, parent.state, [Prune(amount, 'global')])
    count = sum(packed[name].values.numel() for name in weights)
    zeros = count - sum(int(packed[name].values.count_nonzero()) for name in weights)
    assert zeros == round(amount * count)
    gone = [parent.state[name][packed[name].values == 0].abs() for name in weights]
    left = [packed[name].values[packed[name].values != 0].abs() for name in weights]
    assert torch.cat(gone).max() <= torch.cat(left).min()


@pytest.mark.parametrize('scope', ['layer', 'global'])
def test_pruning_agrees_with_torch(scope, parent):
    estimator = create_model(TINY)
    estimator.load_state_dict(parent.state)
    names = [name for name, layer in layers_of(TINY).items() if layer.prunable]
    modules = [estimator.get_submodule(name.removesuffix('.weight')) for name in names]
    if scope == 'layer':
        for module in modules:
            torch_prune.l1_unstructured(module, 'weight', 0.4)
    else:
        torch_prune.global_unstructured(
            [(module, 'weight') for module in modules], torch_prune.L1Unstructured, amount=0.4
        )
    packed = compress(TINY, parent.state, [Prune(0.4, scope)])
    for name, module in zip(names, modules, strict=True):
        assert torch.equal(packed[name].values, module.weight), name


@pytest.mark.parametrize(
    ('share', 'wanted'),
    [(0.0, [0, 0, 0, 0, 0]), (0.2, [0, 1, 0, 0, 0]), (0.4, [0, 1, 1, 0, 0]),
     (0.6, [0, 1, 1, 1, 0]), (1.0, [1, 1, 1, 1, 1])],
)  # fmt: skip
def test_of_equal_numbers_the_first_are_taken(share, wanted):
    assert smallest(torch.tensor([3.0, 1.0, 1.0, 1.0, 2.0]), share).int().tolist() == wanted


def test_layers_are_found_with_the_axis_of_their_outputs():
    layers = layers_of(MODELS['depth_anything_v2_vits'])
    assert layers['pretrained.blocks.0.attn.qkv.weight'] == Layer(0, True, linear=True)
    assert layers['pretrained.patch_embed.proj.weight'] == Layer(0, True)
    assert layers['depth_head.resize_layers.0.weight'] == Layer(1, False)
    assert 'pretrained.pos_embed' not in layers
    assert 'pretrained.norm.weight' not in layers
