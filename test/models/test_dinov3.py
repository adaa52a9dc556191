"""DINOv3: parity with an independent implementation, both layouts, what depends on the size."""

import math
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from depth_anything_ros.models.encoders.dinov3 import DinoV3, MaskedKeyLinear, RotaryEmbedding
from depth_anything_ros.models.encoders.vit import SIZES, rotate
from depth_anything_ros.models.hf_layout import is_hf_layout, public_state
from depth_anything_ros.models.initialisation import initialise
from depth_anything_ros.models.state_file import read_state

LAYERS = {'vits': (2, 5, 8, 11), 'vitb': (2, 5, 8, 11), 'vitl': (4, 11, 17, 23)}
# Of the hub's files, which leave out the biases of the keys.
PARAMETERS = {'vits': 21_596_544, 'vitb': 85_660_416, 'vitl': 303_129_600}


def random_encoder(size: str = 'vits', seed: int = 0) -> DinoV3:
    """Return an encoder whose every parameter is random, the biases of the keys too."""
    with torch.device('meta'):
        encoder = DinoV3(size, 16, 'sdpa')
    encoder.to_empty(device='cpu')
    initialise(encoder, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for values in encoder.parameters():
            if values.ndim == 1:
                values.add_(0.3 * torch.randn(values.shape, generator=generator))
    return encoder.eval()


def hub_state(encoder: DinoV3, layer: str = 'layer') -> dict[str, Tensor]:
    """Return the weights as the hub's files name them, written out here once more."""
    ours = encoder.state_dict()
    state = {
        'embeddings.cls_token': ours['cls_token'],
        'embeddings.mask_token': ours['mask_token'][None],
        'embeddings.register_tokens': ours['storage_tokens'],
        'embeddings.patch_embeddings.weight': ours['patch_embed.proj.weight'],
        'embeddings.patch_embeddings.bias': ours['patch_embed.proj.bias'],
        'norm.weight': ours['norm.weight'],
        'norm.bias': ours['norm.bias'],
    }
    for index in range(len(encoder.blocks)):
        block, theirs = f'blocks.{index}', f'{layer}.{index}'
        for kind in ('weight', 'bias'):
            query, key, value = ours[f'{block}.attn.qkv.{kind}'].chunk(3)
            state[f'{theirs}.attention.q_proj.{kind}'] = query
            state[f'{theirs}.attention.v_proj.{kind}'] = value
            if kind == 'weight':
                state[f'{theirs}.attention.k_proj.weight'] = key
            for name, other in (
                ('attn.proj', 'attention.o_proj'),
                ('mlp.fc1', 'mlp.up_proj'),
                ('mlp.fc2', 'mlp.down_proj'),
                ('norm1', 'norm1'),
                ('norm2', 'norm2'),
            ):
                state[f'{theirs}.{other}.{kind}'] = ours[f'{block}.{name}.{kind}']
        for scale in (1, 2):
            state[f'{theirs}.layer_scale{scale}.lambda1'] = ours[f'{block}.ls{scale}.gamma']
    return {name: values.contiguous() for name, values in state.items()}


@pytest.fixture(scope='module')
def transformers() -> ModuleType:
    return pytest.importorskip('transformers', minversion='4.56')


@pytest.fixture(scope='module')
def encoder() -> DinoV3:
    return random_encoder()


def oracle(transformers: ModuleType, encoder: DinoV3) -> torch.nn.Module:
    """Return transformers' network with the weights of ours."""
    width, depth = encoder.width, len(encoder.blocks)
    config = transformers.DINOv3ViTConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        num_register_tokens=4,
    )
    network = transformers.DINOv3ViTModel(config).eval()
    layer = 'model.layer' if 'model.layer.0.norm1.weight' in network.state_dict() else 'layer'
    network.load_state_dict(hub_state(encoder, layer), strict=True)
    return network


@pytest.fixture(scope='module')
def network(transformers: ModuleType, encoder: DinoV3) -> torch.nn.Module:
    return oracle(transformers, encoder)


@pytest.mark.parametrize('size', [(64, 64), (80, 144), (256, 256)])
@torch.inference_mode()
def test_tokens_agree_with_transformers(
    encoder: DinoV3, network: torch.nn.Module, size: tuple[int, int]
) -> None:
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(5))
    states = network(pixels, output_hidden_states=True).hidden_states
    layers = (0, 5, 11)
    for layer, (patches, class_token) in zip(layers, encoder(pixels, layers), strict=True):
        expected = network.norm(states[layer + 1])
        torch.testing.assert_close(class_token, expected[:, 0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(patches, expected[:, 5:], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('size', ['vitb', 'vitl'])
@torch.inference_mode()
def test_larger_encoders_agree_with_transformers(transformers: ModuleType, size: str) -> None:
    encoder = random_encoder(size)
    pixels = torch.randn(1, 3, 96, 160, generator=torch.Generator().manual_seed(5))
    expected = oracle(transformers, encoder)(pixels).last_hidden_state
    ((patches, _),) = encoder(pixels, LAYERS[size][-1:])
    torch.testing.assert_close(patches, expected[:, 5:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('layer', ['layer', 'model.layer'])
def test_hub_layout_gets_the_official_names(encoder: DinoV3, tmp_path: Path, layer: str) -> None:
    path = tmp_path / 'model.safetensors'
    save_file(hub_state(encoder, layer), path)
    state, official = read_state(path), encoder.state_dict()
    width = encoder.width
    assert set(state) == set(official)
    for key, values in official.items():
        if key.endswith('qkv.bias'):  # what the hub leaves out has no effect
            values = values.clone()
            values[width : 2 * width] = 0
        assert torch.equal(state[key], values), key


def test_official_layout_is_left_alone(encoder: DinoV3) -> None:
    state = encoder.state_dict()
    assert not is_hf_layout(state)
    assert 'blocks.11.attn.qkv.bias_mask' in state
    assert 'rope_embed.periods' in state


def test_renaming_keeps_what_it_does_not_know_and_incomplete_groups() -> None:
    odd = {
        'embeddings.register_tokens': torch.zeros(1, 4, 8),
        'layer.0.attention.q_proj.weight': torch.zeros(8, 8),
        'layer.0.attention.q_proj.bias': torch.zeros(8),
        'somewhere.else': torch.zeros(1),
    }
    assert set(public_state(odd)) == {'storage_tokens', 'somewhere.else', 'rope_embed.periods'}


@pytest.mark.parametrize('size', LAYERS)
def test_parameters_are_those_of_the_public_files(size: str) -> None:
    with torch.device('meta'):
        encoder = DinoV3(size, 16, 'sdpa')
    key_biases = SIZES[size].width * SIZES[size].depth
    count = sum(values.numel() for values in encoder.parameters())
    assert count == PARAMETERS[size] + key_biases
    assert encoder.widths(LAYERS[size]) == (SIZES[size].width,) * 4


def test_keys_have_no_bias() -> None:
    layer = MaskedKeyLinear(8)
    with torch.no_grad():
        layer.bias.fill_(3.0)
    out = layer(torch.zeros(1, 2, 8))
    assert torch.equal(out[0, 0], torch.tensor([3.0] * 8 + [0.0] * 8 + [3.0] * 8))


def test_rotation_of_a_patch_is_by_its_place() -> None:
    rope = RotaryEmbedding(8)
    cosines, signed = rope.make((1, 2))
    # periods 1 and 10; patches at (y, x) = (0, −½) and (0, ½)
    angles = torch.tensor([[0, 0, -math.pi, -math.pi / 10], [0, 0, math.pi, math.pi / 10]])
    torch.testing.assert_close(cosines[5:], angles.cos().repeat(1, 2))
    torch.testing.assert_close(signed[5:, 4:], angles.sin(), rtol=1e-5, atol=1e-6)
    assert torch.equal(signed[:, :4], -signed[:, 4:])
    assert bool((cosines[:5] == 1).all())
    assert not signed[:5].any()


def test_rotation_keeps_lengths_and_depends_on_differences_only() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=generator).unbind(0)
    table = RotaryEmbedding(8).make((1, 8))
    turned = [(rotate(query.expand(1, 1, 13, 8), table), rotate(key.expand(1, 1, 13, 8), table))][
        0
    ]
    torch.testing.assert_close(turned[0].norm(dim=-1), query.norm().expand(1, 1, 13))
    scores = turned[0][0, 0, 5:] @ turned[1][0, 0, 5:].T
    torch.testing.assert_close(scores.diagonal(1), scores[0, 1].expand(7), rtol=1e-4, atol=1e-5)


def test_rotation_of_a_grid_is_computed_once_and_anew_after_loading(encoder: DinoV3) -> None:
    rope = encoder.rope_embed
    first = rope.tables((3, 4))
    assert rope.tables((3, 4)) is first
    assert rope.tables((4, 3)) is not first
    encoder.load_state_dict(encoder.state_dict())
    assert rope.tables((3, 4)) is not first


def test_first_parameters_are_embedding_and_blocks(encoder: DinoV3) -> None:
    names = {id(values): name for name, values in encoder.named_parameters()}
    first = {names[id(values)] for values in encoder.first_parameters(1)}
    assert {'cls_token', 'storage_tokens', 'patch_embed.proj.weight'} <= first
    assert {name for name in first if name.startswith('blocks')} == {
        name for name in names.values() if name.startswith('blocks.0.')
    }


def test_gradients_flow_after_inference(encoder: DinoV3) -> None:
    pixels = torch.zeros(1, 3, 32, 48)
    with torch.inference_mode():
        encoder(pixels, (0,))
    encoder(pixels, (0,))[0][0].sum().backward()
    assert encoder.blocks[0].attn.qkv.weight.grad is not None
    encoder.zero_grad(set_to_none=True)
