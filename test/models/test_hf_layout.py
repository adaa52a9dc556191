"""The key map between the public and transformers' layouts covers both sides exactly."""

import pytest
import torch
from torch import Tensor

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.hf_layout import hf_key_map, is_hf_layout, public_state

DEPTHS = {'vits': 12, 'vitb': 12, 'vitl': 24}


def to_hf(state: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    return {
        source: part
        for public, sources in hf_key_map(depth).items()
        for source, part in zip(sources, state[public].chunk(len(sources)), strict=True)
    }


@pytest.mark.parametrize('size', DEPTHS)
def test_map_names_every_public_key_once(size: str) -> None:
    with torch.device('meta'):
        state = create_model(MODELS[f'depth_anything_v2_{size}']).state_dict()
    keys = hf_key_map(DEPTHS[size])
    sources = [source for group in keys.values() for source in group]
    assert set(keys) == set(state)
    assert len(sources) == len(set(sources))


@pytest.mark.parametrize(
    ('public', 'sources'),
    [
        ('pretrained.pos_embed', ('backbone.embeddings.position_embeddings',)),
        (
            'pretrained.blocks.3.attn.qkv.bias',
            (
                'backbone.encoder.layer.3.attention.attention.query.bias',
                'backbone.encoder.layer.3.attention.attention.key.bias',
                'backbone.encoder.layer.3.attention.attention.value.bias',
            ),
        ),
        ('pretrained.blocks.0.ls2.gamma', ('backbone.encoder.layer.0.layer_scale2.lambda1',)),
        ('depth_head.resize_layers.3.weight', ('neck.reassemble_stage.layers.3.resize.weight',)),
        ('depth_head.scratch.layer1_rn.weight', ('neck.convs.0.weight',)),
        (
            'depth_head.scratch.refinenet4.resConfUnit1.conv2.bias',
            ('neck.fusion_stage.layers.0.residual_layer1.convolution2.bias',),
        ),
        ('depth_head.scratch.output_conv2.2.weight', ('head.conv3.weight',)),
    ],
)
def test_map_follows_transformers_names(public: str, sources: tuple[str, ...]) -> None:
    assert hf_key_map(12)[public] == sources


def test_renaming_undoes_the_split() -> None:
    with torch.device('meta'):
        shapes = create_model(MODELS['depth_anything_v2_vits']).state_dict()
    generator = torch.Generator().manual_seed(0)
    state = {key: torch.randn(value.shape, generator=generator) for key, value in shapes.items()}
    published = to_hf(state, 12)

    assert is_hf_layout(published)
    assert not is_hf_layout(state)
    renamed = public_state(published)
    assert set(renamed) == set(state)
    assert all(torch.equal(renamed[key], state[key]) for key in state)


def test_renaming_keeps_what_it_does_not_know_and_incomplete_groups() -> None:
    odd = {
        'backbone.encoder.layer.0.attention.attention.query.weight': torch.zeros(2, 2),
        'backbone.encoder.layer.first.weight': torch.zeros(1),
        'somewhere.else': torch.zeros(1),
    }
    assert set(public_state(odd)) == set(odd)
