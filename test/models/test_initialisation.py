"""Random weights: repeatable, with the spread that is documented."""

import math

import torch

from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.initialisation import state_digest

SMALL = MODELS['depth_anything_v2_vits']


def test_same_seed_gives_same_weights_and_another_seed_others() -> None:
    torch.manual_seed(1)
    first = load_weights(SMALL, weights='random', seed=4)
    torch.manual_seed(2)
    again = load_weights(SMALL, weights='random', seed=4)
    other = load_weights(SMALL, weights='random', seed=5)
    assert all(torch.equal(first.state[key], again.state[key]) for key in first.state)
    assert first.key == again.key != other.key
    assert not torch.equal(
        first.state['pretrained.pos_embed'], other.state['pretrained.pos_embed']
    )


def test_random_weights_leave_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    load_weights(SMALL, weights='random')
    assert torch.equal(torch.rand(3), expected)


def test_weights_have_the_documented_spread() -> None:
    state = load_weights(SMALL, weights='random').state
    linear = state['pretrained.blocks.0.mlp.fc1.weight']
    conv = state['depth_head.scratch.refinenet1.resConfUnit2.conv1.weight']
    transposed = state['depth_head.resize_layers.0.weight']
    assert abs(float(linear.std()) / 0.02 - 1) < 0.01
    assert abs(float(conv.std()) / math.sqrt(2 / (64 * 9)) - 1) < 0.02
    assert abs(float(transposed.std()) / math.sqrt(2 / 48) - 1) < 0.02
    assert bool((state['pretrained.blocks.5.ls1.gamma'] == 1).all())
    assert bool((state['pretrained.norm.weight'] == 1).all())
    assert not state['pretrained.norm.bias'].any()
    assert not state['pretrained.mask_token'].any()
    assert bool((state['depth_head.scratch.output_conv2.2.weight'] >= 0).all())


def test_digest_sees_values_names_shapes_and_formats() -> None:
    state = {'a': torch.arange(4.0), 'b': torch.ones(2)}
    variants = [
        state,
        {'a': torch.arange(4.0) + 1e-6, 'b': torch.ones(2)},
        {'c': torch.arange(4.0), 'b': torch.ones(2)},
        {'a': torch.arange(4.0).reshape(2, 2), 'b': torch.ones(2)},
        {'a': torch.arange(4.0).half(), 'b': torch.ones(2)},
    ]
    assert len({state_digest(variant) for variant in variants}) == len(variants)
    assert state_digest(state) == state_digest(dict(reversed(state.items())))
