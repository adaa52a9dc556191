"""Depth Anything 3: parity with the public code, sizes, what a token knows of places and views."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from random_networks import closeness, image, outputs_of, randomise
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.errors import BackendError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.camera_head import focal_px
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.decoders.depth_anything_3 import DualDPTHead, Places, SkyDPTHead
from depth_anything_ros.models.encoders.depth_anything_3 import AnyViewDinoV2, PatchRotation
from depth_anything_ros.models.encoders.vit import GatedMlp, rotate
from depth_anything_ros.models.prunable_groups import narrow, prunable_groups_of
from depth_anything_ros.models.state_file import read_state
from depth_anything_ros.types import OutputKind

# Counted on the public code, without what serves several views; the last is the camera's head.
PARAMETERS = {
    'depth_anything_3_small': (24_991_714, 1_182_722),
    'depth_anything_3_base': (98_287_458, 4_724_738),
    'depth_anything_3_large': (337_028_322, 8_396_802),
    'depth_anything_3_giant': (1_172_029_410, 18_886_658),
}
MONOCULAR_PARAMETERS = 334_171_394
CHANNELS = (8, 8, 12, 16)
SIZES = ((56, 56), (42, 84), (14, 28))


MONOCULAR = MODELS['depth_anything_3_metric_large']


@pytest.fixture(scope='module')
def encoder() -> AnyViewDinoV2:
    encoder = AnyViewDinoV2('vits', 14, 'sdpa').eval()
    randomise(encoder)
    return encoder


@pytest.mark.parametrize('name', PARAMETERS)
def test_any_view_models_have_the_published_size(name: str) -> None:
    with torch.device('meta'):
        model = create_model(MODELS[name])
    assert model.camera_head is not None
    total, camera = (
        sum(values.numel() for values in part.parameters()) for part in (model, model.camera_head)
    )
    assert (total - camera, camera) == PARAMETERS[name]


def test_rows_say_what_they_give_and_under_what_licence() -> None:
    for name in PARAMETERS:
        row = MODELS[name]
        assert row.output_kind is OutputKind.INVERSE_DEPTH_UP_TO_SCALE
        assert row.output == 'inverse depth up to a scale'
        free = name.endswith(('small', 'base'))
        assert row.licence == ('Apache-2.0' if free else 'CC-BY-NC-4.0')
        assert row.hub_repo.endswith('-1.1') is not free
    with pytest.raises(BackendError, match="'depth_anything_v2_vits' does not find the field"):
        small = load_estimator('depth_anything_v2_vits', weights='random')[0]
        small.field_of_view(image(14, 14))


@torch.inference_mode()
def test_output_is_the_inverse_of_the_depth_whose_logarithm_the_decoder_gives() -> None:
    model = load_estimator('depth_anything_3_small', weights='random')[0]
    values, inverse = model.values(image(28, 42)), model(image(28, 42))
    assert inverse.shape == (1, 28, 42)
    torch.testing.assert_close(inverse, 1.0 / values.exp())
    assert float(inverse.std() / inverse.mean()) > 1e-3


def test_monocular_model_has_the_published_size() -> None:
    with torch.device('meta'):
        model = create_model(MONOCULAR)
    assert sum(values.numel() for values in model.parameters()) == MONOCULAR_PARAMETERS
    assert 'pretrained.mask_token' not in model.state_dict()


def test_turned_queries_and_keys_meet_by_how_far_apart_their_patches_are() -> None:
    generator = torch.Generator().manual_seed(2)
    query, key = torch.randn(2, 1, 1, 1, 64, generator=generator)
    cosines, sines, *_ = PatchRotation(64).tables((5, 6))
    assert cosines.shape == (31, 2, 32)

    def met(first: tuple[int, int], second: tuple[int, int]) -> float:
        tokens = [1 + row * 6 + column for row, column in (first, second)]
        turned = [
            rotate(vectors, (cosines[[token]], sines[[token]]))
            for vectors, token in zip((query, key), tokens, strict=True)
        ]
        return float((turned[0] * turned[1]).sum())

    assert met((0, 0), (2, 3)) == pytest.approx(met((1, 2), (3, 5)), abs=1e-4)
    assert met((0, 0), (2, 3)) != pytest.approx(met((0, 0), (3, 2)), abs=1e-2)
    assert met((0, 0), (2, 3)) != pytest.approx(met((0, 0), (2, 0)), abs=1e-2)


def test_channels_turn_in_pairs_within_rows_and_within_columns() -> None:
    cosines, sines, *across = PatchRotation(64).tables((3, 4))
    for channel, partner, place in ((0, 16, 3), (20, 4, 3), (32, 48, 2), (63, 47, 2)):
        vector = torch.zeros(1, 1, 1, 64)
        vector[..., channel] = 1.0
        token = 1 + 2 * 4 + 1  # row 3, column 2, counted from 1
        turned = rotate(vector, (cosines[[token]], sines[[token]])).flatten()
        angle = place / 100 ** (channel % 16 / 16)
        sign = 1.0 if channel % 32 < 16 else -1.0
        assert turned[channel] == pytest.approx(math.cos(angle), abs=1e-6)
        assert turned[partner] == pytest.approx(sign * math.sin(angle), abs=1e-6)
        assert int((turned != 0).sum()) == 2
    vector = torch.randn(1, 1, 1, 64)
    assert torch.equal(rotate(vector, (cosines[[0]], sines[[0]])), vector)
    for table in across:
        assert torch.equal(table[1:], table[1:2].expand_as(table[1:]))
        assert not torch.equal(table[1], table[0])


@torch.inference_mode()
def test_layers_give_the_view_beside_all_views_and_only_the_latter_normalised(
    encoder: AnyViewDinoV2,
) -> None:
    with outputs_of(encoder.blocks) as outputs:
        taken = encoder(image(28, 42), (5, 8))
    assert len(outputs) == 9
    for (patches, first), within, own in zip(taken, (4, 8), (5, 8), strict=True):
        assert patches.shape == (1, 6, 768)
        assert torch.equal(patches[..., :384], outputs[within][:, 1:])
        assert torch.equal(patches[..., 384:], encoder.norm(outputs[own])[:, 1:])
        assert torch.equal(first, torch.cat((outputs[within][:, 0], outputs[own][:, 0]), dim=-1))


@torch.inference_mode()
def test_reference_token_takes_the_place_of_the_class_token(encoder: AnyViewDinoV2) -> None:
    pixels, saved = image(28, 42), encoder.camera_token.clone()
    before = encoder(pixels, (3, 5))
    encoder.camera_token[:, 1].neg_()
    others = encoder(pixels, (3, 5))
    encoder.camera_token[:, 0].neg_()
    reference = encoder(pixels, (3, 5))
    encoder.camera_token.copy_(saved)
    for index in (0, 1):
        assert torch.equal(others[index][0], before[index][0])
    assert torch.equal(reference[0][0], before[0][0])
    assert not torch.allclose(reference[1][0], before[1][0], atol=1e-3)


@pytest.mark.parametrize('grid', [(3, 5), (4, 2)])
def test_places_are_waves_over_the_image(grid: tuple[int, int]) -> None:
    times, channels = 7, 12
    across, down = Places([(channels, times)]).tables(grid)
    rows, columns = grid[0] * times, grid[1] * times
    assert across.shape == (6, 1, columns)
    assert down.shape == (6, rows, 1)
    diagonal = math.hypot(rows, columns)
    for table, count in ((across, columns), (down, rows)):
        centred = (2 * np.arange(count) + 1 - count) / diagonal
        for index in range(3):
            angles = centred / 100 ** (index / 3)
            waves = table.reshape(6, count).numpy()
            np.testing.assert_allclose(waves[index], 0.1 * np.sin(angles), atol=1e-6)
            np.testing.assert_allclose(waves[index + 3], 0.1 * np.cos(angles), atol=1e-6)


@torch.inference_mode()
def test_heads_give_two_numbers_a_pixel_at_every_grid() -> None:
    generator = torch.Generator().manual_seed(3)
    for head in (DualDPTHead, SkyDPTHead):
        network = head((10,) * 4, 14, 8, CHANNELS).eval()
        for grid in ((1, 1), (3, 5)):
            tokens = torch.randn(2, grid[0] * grid[1], 10, generator=generator)
            values = network([(tokens, tokens[:, 0])] * 4, grid)
            assert values.shape == (2, 2, 14 * grid[0], 14 * grid[1])
            assert float(values.std()) > 0


@torch.inference_mode()
def test_gated_mlp_follows_its_equation_and_loses_hidden_channels_whole() -> None:
    mlp = GatedMlp(24)  # 24 · 4 · 2 / 3 = 64
    randomise(mlp)
    tokens = torch.randn(1, 3, 24)
    gate, hidden = F.linear(tokens, mlp.w12.weight, mlp.w12.bias).split(64, dim=-1)
    expected = F.linear(gate * torch.sigmoid(gate) * hidden, mlp.w3.weight, mlp.w3.bias)
    torch.testing.assert_close(mlp(tokens), expected)
    network = nn.Sequential(mlp)
    shapes = {name: list(values.shape) for name, values in network.state_dict().items()}
    assert prunable_groups_of(network)['0'].count(shapes) == 64
    narrow(network, {'0.w12.weight': (80, 24), '0.w12.bias': (80,), '0.w3.weight': (24, 40)})
    assert network(tokens).shape == (1, 3, 24)
    assert mlp.w3.in_features == 40


def test_field_of_view_gives_the_focal_length() -> None:
    angles = torch.tensor([[math.pi / 2, 2 * math.atan(0.5)], [0.0, 4.0]])
    focal = focal_px(angles, 480, 640)
    np.testing.assert_allclose(focal[0], [240.0, 640.0], rtol=1e-6)
    np.testing.assert_allclose(focal[1], [240e6, 320e6], rtol=1e-5)


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict under the names of a published file, with what we do not read."""
    renamed = {}
    for key, values in state.items():
        part, _, rest = key.partition('.')
        theirs = {'pretrained': 'backbone.pretrained', 'depth_head': 'head'}.get(part, 'cam_dec')
        renamed[f'model.{theirs}.{rest}'] = values.clone()
    for key in (
        'cam_enc.trunk.0.norm1.weight',
        'cam_enc.token_norm.bias',
        'gs_head.projects.0.weight',
        'cam_dec.fc_t.weight',
        'cam_dec.fc_qvec.bias',
        'head.scratch.refinenet4_aux.out_conv.weight',
        'head.scratch.output_conv1_aux.0.4.bias',
        'head.scratch.output_conv2_aux.3.5.weight',
    ):
        renamed[f'model.{key}'] = torch.ones(2)
    return renamed


def test_published_names_become_ours_and_unknown_ones_stay(tmp_path: Path) -> None:
    ours = {
        'pretrained.patch_embed.proj.weight': torch.ones(4, 3, 14, 14),
        'pretrained.blocks.4.attn.q_norm.weight': torch.full((2,), 2.0),
        'depth_head.norm.weight': torch.full((2,), 3.0),
        'depth_head.scratch.output_conv2.2.bias': torch.full((2,), 4.0),
        'camera_head.fc_fov.0.weight': torch.full((2, 2), 5.0),
    }
    theirs = published(ours)
    save_file(theirs, tmp_path / 'model.safetensors')
    read = read_state(tmp_path / 'model.safetensors')
    assert set(read) == set(ours)
    assert all(torch.equal(read[key], ours[key]) for key in ours)
    theirs['model.head.scratch.refinenet9_aux.out_conv.weight'] = torch.ones(2)
    theirs['model.cam_dec.fc_x.weight'] = torch.ones(2)
    save_file(theirs, tmp_path / 'other.safetensors')
    assert set(read_state(tmp_path / 'other.safetensors')) - set(ours) == {
        'depth_head.scratch.refinenet9_aux.out_conv.weight',
        'camera_head.fc_x.weight',
    }


@pytest.fixture(scope='module')
def public():
    """Return the module of the public network, from the package that is no dependency."""
    return pytest.importorskip(
        'depth_anything_3.model.da3',
        reason='parity needs the package depth-anything-3 0.1.1 with omegaconf, addict, einops',
    )


@pytest.mark.parametrize('name', ['depth_anything_3_small', 'depth_anything_3_base'])
@torch.inference_mode()
def test_any_view_networks_are_the_public_ones(name: str, public, tmp_path: Path) -> None:
    from depth_anything_3.model.cam_dec import CameraDec
    from depth_anything_3.model.dinov2.dinov2 import DinoV2
    from depth_anything_3.model.dualdpt import DualDPT

    spec = MODELS[name]
    backbone = DinoV2(
        spec.encoder_size,
        list(spec.layers),
        alt_start=4,
        qknorm_start=4,
        rope_start=4,
        cat_token=True,
    )
    width = 2 * backbone.pretrained.embed_dim
    head = DualDPT(width, features=spec.features, out_channels=spec.out_channels)
    theirs = public.DepthAnything3Net(backbone, head, CameraDec(width), nn.Identity()).eval()
    randomise(theirs)
    file = tmp_path / 'model.safetensors'
    save_file({f'model.{key}': value.clone() for key, value in theirs.state_dict().items()}, file)
    model, _ = load_estimator(name, checkpoint=str(file))
    for height, columns in SIZES:
        pixels = image(height, columns)
        expected = theirs(pixels[:, None])
        inverse, sure = model.with_confidence(pixels)
        assert torch.equal(inverse, model(pixels))
        assert closeness(1.0 / inverse, expected.depth[0]) < 1e-4
        assert closeness(sure, 1.0 - 1.0 / expected.depth_conf[0]) < 1e-4
        focal = focal_px(model.field_of_view(pixels), height, columns)[0]
        matrix = expected.intrinsics[0, 0]
        torch.testing.assert_close(focal, matrix[[1, 0], [1, 0]], rtol=1e-4, atol=0.0)


@torch.inference_mode()
def test_monocular_network_is_the_public_one(public, tmp_path: Path) -> None:
    from depth_anything_3.model.dinov2.dinov2 import DinoV2
    from depth_anything_3.model.dpt import DPT

    # The published size takes 1.3 GB and its copy as much: the same with narrower tokens.
    spec = replace(MONOCULAR, encoder_size='vits', layers=(2, 5, 8, 11), features=64)
    spec = replace(spec, out_channels=(48, 96, 192, 384))
    model = create_model(spec).eval()
    head = DPT(384, features=64, out_channels=spec.out_channels)
    backbone = DinoV2('vits', list(spec.layers), cat_token=False)
    theirs = public.DepthAnything3Net(backbone, head).eval()
    randomise(theirs)
    file = tmp_path / 'model.safetensors'
    save_file(
        {f'model.{key}': values.clone() for key, values in theirs.state_dict().items()}, file
    )
    model.load_state_dict(read_state(file))
    for height, columns in SIZES:
        pixels = image(height, columns)
        # Before the public code overwrites the depth of the sky.
        expected = theirs.head(theirs.backbone(pixels[:, None])[0], height, columns, 0)
        values = model.depth_head(
            model.pretrained(pixels, spec.layers), (height // 14, columns // 14)
        )
        assert closeness(values[:, 0].exp(), expected.depth[0]) < 1e-4
        assert closeness(values[:, 1].relu(), expected.sky[0]) < 1e-4
