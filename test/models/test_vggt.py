"""VGGT for one image: parity with the public code, sizes, names of the published file."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from random_networks import closeness, image, outputs_of, randomise
from safetensors.torch import save_file
from torch import Tensor, nn

from depth_anything_ros.cli.training_options import check_trainable
from depth_anything_ros.inference.preprocess import network_size
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.camera_head import RefiningCameraHead, focal_px
from depth_anything_ros.models.decoders.dpt import HeadForm, ResidualConvUnit
from depth_anything_ros.models.encoders.dinov2 import resample_positions
from depth_anything_ros.models.encoders.vggt import VggtAggregator
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.state_file import read_state
from depth_anything_ros.types import OutputKind

# Counted on the public code: aggregator without its mask token, depth head, camera head.
PARAMETERS = (909_111_296, 32_654_562, 216_174_610)
SIZES = ((56, 56), (42, 84), (14, 28))

WHOLE = MODELS['vggt']
REDUCED = replace(
    WHOLE,
    encoder_size='vits',
    layers=(2, 5, 8, 11),
    features=64,
    out_channels=(48, 96, 192, 384),
)


def count(part: nn.Module) -> int:
    return sum(values.numel() for values in part.parameters())


@pytest.fixture(scope='module')
def encoder() -> VggtAggregator:
    encoder = VggtAggregator('vits', 14, 'sdpa').eval()
    randomise(encoder)
    return encoder


def test_model_has_the_published_size_and_says_what_it_gives() -> None:
    with torch.device('meta'):
        model = create_model(WHOLE)
    assert model.camera_head is not None
    parts = (model.pretrained, model.depth_head, model.camera_head)
    assert tuple(map(count, parts)) == PARAMETERS
    assert WHOLE.output_kind is OutputKind.INVERSE_DEPTH_UP_TO_SCALE
    assert WHOLE.licence == 'CC-BY-NC-4.0'


@pytest.mark.parametrize(
    ('height', 'width'),
    [(480, 640), (720, 1280), (1080, 1920), (600, 800), (518, 518), (376, 672)],
)
def test_input_is_as_wide_as_that_of_the_public_code_and_as_high(height: int, width: int) -> None:
    # `load_and_preprocess_images`, which turns the width into 518 pixels.
    expected = (round(height * 518 / width / 14) * 14, 518)
    found = network_size(height, width, WHOLE.input_size, WHOLE.patch, WHOLE.longer_side)
    assert found == expected


@pytest.mark.parametrize('on', ['vggt', 'depth_anything_3_large'])
@pytest.mark.parametrize('decoder', ['dpt', 'dual_dpt', 'sdt'])
def test_decoders_to_be_trained_have_the_encoder_of_the_published_model(
    decoder: str, on: str
) -> None:
    name = f'{on}_{decoder}'
    if name == 'vggt_dual_dpt':  # VGGT has but one head for depth
        assert name not in MODELS
        return
    row, whole = MODELS[name], MODELS[on]
    assert (row.encoder, row.encoder_size, row.layers) == (
        whole.encoder, whole.encoder_size, whole.layers,
    )  # fmt: skip
    assert (row.weights_file, row.licence) == ('', whole.licence)
    assert row.output_kind is OutputKind.RELATIVE_INVERSE_DEPTH
    check_trainable(row)


@torch.inference_mode()
def test_layers_give_the_view_beside_all_views(encoder: VggtAggregator) -> None:
    with outputs_of(encoder.blocks) as outputs:
        taken = encoder(image(28, 42), (5, 8))
    assert len(outputs) == 9
    for (patches, camera), index in zip(taken, (5, 8), strict=True):
        within, across = outputs[index]
        assert patches.shape == (1, 6, 768)
        assert torch.equal(patches, torch.cat((within, across), dim=-1)[:, 5:])
        assert torch.equal(camera, torch.cat((within, across), dim=-1)[:, 0])


@torch.inference_mode()
def test_tokens_of_the_first_view_count_and_those_of_others_do_not(
    encoder: VggtAggregator,
) -> None:
    pixels = image(28, 42)
    before = encoder(pixels, (2,))[0][0]
    for token in (encoder.camera_token, encoder.register_token):
        for view, counts in ((1, False), (0, True)):
            token[:, view].neg_()
            changed = not torch.equal(encoder(pixels, (2,))[0][0], before)
            token[:, view].neg_()
            assert changed is counts


@torch.inference_mode()
def test_a_patch_of_the_last_rows_knows_its_place(encoder: VggtAggregator) -> None:
    # The same patch everywhere: only places tell them apart.
    pixels = image(14, 14).repeat(1, 1, 2, 3)
    encoder.patch_embed.pos_embed[:, 1:] = encoder.patch_embed.pos_embed[:, 1:2]
    encoder.patch_embed._tables.clear()
    patches = encoder.patch_embed(pixels, (11,))[0][0]
    torch.testing.assert_close(patches, patches[:, :1].expand_as(patches), rtol=0, atol=1e-4)
    placed = encoder(pixels, (0,))[0][0]
    assert float((placed - placed[:, :1]).abs()[0, 1:].amax(-1).min()) > 1e-3


def test_positions_of_models_with_registers_are_resampled_to_the_size_itself() -> None:
    rows = torch.linspace(-1, 1, 6)[:, None].expand(6, 6)
    table = torch.stack((rows, rows.T), dim=-1).reshape(1, 36, 2)
    table = torch.cat((torch.full((1, 1, 2), 9.0), table), dim=1)
    assert torch.equal(resample_positions(table, (6, 6), antialias=True), table)
    found = resample_positions(table, (3, 6), antialias=True)
    assert torch.equal(found[:, 0], table[:, 0])
    halved = found[0, 1:].reshape(3, 6, 2)
    # A plane stays one away from the edges: the middle of three rows is the middle of six.
    assert halved[1, :, 0].abs().max() < 1e-6
    torch.testing.assert_close(halved[0], halved[0].flip(0) * torch.tensor([1.0, -1.0]))


@torch.inference_mode()
def test_residual_units_add_to_what_the_published_code_left_in_place() -> None:
    unit = ResidualConvUnit(4, HeadForm(rectified=True))
    plain = ResidualConvUnit(4, HeadForm())
    plain.load_state_dict(unit.state_dict())
    features = torch.randn(1, 4, 3, 5, generator=torch.Generator().manual_seed(4))
    below = features.clamp(max=0)
    torch.testing.assert_close(unit(features), plain(features) - below)


@torch.inference_mode()
def test_camera_head_refines_four_times_and_gives_no_negative_angle() -> None:
    head = RefiningCameraHead(96).eval()
    randomise(head)
    token = torch.randn(2, 96, generator=torch.Generator().manual_seed(5))
    with outputs_of([head.pose_branch]) as calls:
        angles = head(token)
    assert len(calls) == 4
    torch.testing.assert_close(angles, torch.stack(calls).sum(0)[:, 0, 7:].relu())
    assert float(angles.min()) >= 0


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict under the names of a published file, with what we do not read."""
    renamed = {}
    for key, values in state.items():
        theirs = key.replace('pretrained.', 'aggregator.', 1)
        for pair, blocks in (('within', 'frame_blocks'), ('across', 'global_blocks')):
            start, found, end = theirs.partition(f'.{pair}.')
            if found:
                theirs = f'{start.replace("blocks", blocks)}.{end}'
        renamed[theirs] = values.clone()
    for key in (
        'point_head.norm.weight',
        'track_head.tracker.corr_mlp.fc1.weight',
        'aggregator.patch_embed.mask_token',
    ):
        renamed[key] = torch.ones(2)
    return renamed


def test_published_names_become_ours_and_unknown_ones_stay(tmp_path: Path) -> None:
    ours = {
        'pretrained.camera_token': torch.ones(1, 2, 1, 3),
        'pretrained.patch_embed.blocks.3.attn.qkv.weight': torch.full((2, 2), 2.0),
        'pretrained.blocks.0.within.attn.qkv.weight': torch.full((2, 2), 3.0),
        'pretrained.blocks.11.across.ls2.gamma': torch.full((2,), 4.0),
        'depth_head.scratch.output_conv2.2.bias': torch.full((2,), 5.0),
        'camera_head.trunk.1.mlp.fc1.bias': torch.full((2,), 6.0),
    }
    theirs = published(ours)
    assert 'aggregator.global_blocks.11.ls2.gamma' in theirs
    save_file(theirs, tmp_path / 'model.safetensors')
    torch.save(theirs, tmp_path / 'model.pt')
    for file in ('model.safetensors', 'model.pt'):
        read = read_state(tmp_path / file)
        assert set(read) == set(ours)
        assert all(torch.equal(read[key], ours[key]) for key in ours)
    theirs['aggregator.frame_tokens'] = torch.ones(2)
    theirs['sky_head.weight'] = torch.ones(2)
    save_file(theirs, tmp_path / 'other.safetensors')
    assert set(read_state(tmp_path / 'other.safetensors')) - set(ours) == {
        'pretrained.frame_tokens',
        'sky_head.weight',
    }


def public_network(spec: ModelSpec, depth: int, heads: int) -> nn.Module:
    """Return the public network of these sizes, with the heads that are read here."""
    pytest.importorskip(
        'vggt.models.vggt', reason='parity needs the code of github.com/facebookresearch/vggt'
    )
    from vggt.heads.camera_head import CameraHead
    from vggt.heads.dpt_head import DPTHead
    from vggt.models.aggregator import Aggregator
    from vggt.models.vggt import VGGT

    width = 64 * heads
    network = VGGT(
        embed_dim=width,
        enable_camera=False,
        enable_point=False,
        enable_depth=False,
        enable_track=False,
    )
    network.aggregator = Aggregator(
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        patch_embed=f'dinov2_{spec.encoder_size}14_reg',
    )
    network.camera_head = CameraHead(dim_in=2 * width)
    network.depth_head = DPTHead(
        dim_in=2 * width,
        output_dim=2,
        activation='exp',
        conf_activation='expp1',
        features=spec.features,
        out_channels=list(spec.out_channels),
        intermediate_layer_idx=list(spec.layers),
    )
    return network.eval()


@torch.inference_mode()
def check_parity(spec: ModelSpec, theirs: nn.Module) -> None:
    """Compare the public network, with random weights, with ours, which shares its memory."""
    from vggt.utils.pose_enc import pose_encoding_to_extri_intri

    from depth_anything_ros.models.vggt_layout import vggt_state

    with torch.device('meta'):
        model = create_model(spec).eval()
    model.load_state_dict(vggt_state(theirs.state_dict()), assign=True)
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (spec.mean, spec.std))
    for height, columns in SIZES:
        pixels = image(height, columns)
        expected = theirs(pixels * std + mean)
        assert closeness(1.0 / model(pixels), expected['depth'][0, ..., 0]) < 1e-4
        grid = (height // 14, columns // 14)
        logits = model.depth_head(model.pretrained(pixels, spec.layers), grid)
        assert closeness(logits[:, 1].exp() + 1, expected['depth_conf'][0]) < 1e-4
        angles = model.field_of_view(pixels)
        matrix = pose_encoding_to_extri_intri(expected['pose_enc'], (height, columns))[1][0, 0]
        torch.testing.assert_close(
            focal_px(angles, height, columns)[0], matrix[[1, 0], [1, 0]], rtol=1e-4, atol=0.0
        )


def spread_camera(head: nn.Module) -> None:
    """Let the field of view of random weights lie around a radian, where a lens may be."""
    with torch.no_grad():
        head.pose_branch.fc2.weight.mul_(0.05)
        head.pose_branch.fc2.bias.fill_(0.25)


def test_network_is_the_public_one_with_narrower_tokens() -> None:
    theirs = public_network(REDUCED, depth=12, heads=6)
    randomise(theirs)
    spread_camera(theirs.camera_head)
    check_parity(REDUCED, theirs)


@pytest.mark.slow
def test_network_is_the_public_one() -> None:
    theirs = public_network(WHOLE, depth=24, heads=16)
    with torch.no_grad():
        for name, values in theirs.named_parameters():
            if values.ndim > 1 and 'token' not in name and 'pos_embed' not in name:
                continue  # as the public code initialises it, which is fast
            values.normal_(1.0 if values.ndim == 1 and 'bias' not in name else 0.0, 0.2)
    spread_camera(theirs.camera_head)
    assert math.isclose(count(theirs), sum(PARAMETERS) + 1024)
    check_parity(WHOLE, theirs)
