"""Counted operations against closed forms and against the figures of the AnyDepth paper."""

from dataclasses import replace

import pytest

from depth_anything_ros.errors import BackendError, UnknownNameError
from depth_anything_ros.lab.benchmark.operations import (
    count_operations,
    operations_of,
    without_numbers,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import build_estimator, load_estimator, load_weights

# "FLOPs (G)" of the paper with ViT-L. They are those of the head alone (they grow by exactly 4
# as the sides double, which attention and register tokens would not), two for a multiplication
# with addition.
PAPER_SDT = {256: 234.17, 512: 936.70, 1024: 3746.79}
PAPER_DPT = {256: 444.14, 512: 1776.56, 1024: 7106.22}


def test_encoder_operations_are_those_of_the_closed_form() -> None:
    tokens, width, depth = 4 * 6 + 5, 384, 12
    block = 12 * width**2 * tokens + 2 * tokens**2 * width
    patches = 3 * 16 * 16 * width * 24
    assert count_operations(MODELS['anydepth_vits'], 64, 96).encoder == patches + depth * block


def test_decoder_operations_are_those_of_the_closed_form() -> None:
    width, features = 384, 256
    readout = 4 * (width**2 * 24 + width**2)  # the class part once
    project = 4 * width * features * 24
    detail = 9 * features * 24
    # two 1×1 convolutions to 32 channels before, a 3×3 after each doubling
    stages = sum(2 * 32 * features * pixels // 4 + 9 * features**2 * pixels
                 for pixels in (96, 384, 1536, 6144))  # fmt: skip
    refine = 9 * features**2 * (384 + 6144)
    output = (9 * features * 128 + 9 * 128 * 32 + 32) * 6144
    expected = readout + project + detail + stages + refine + output
    operations = count_operations(MODELS['anydepth_vits'], 64, 96)
    assert operations.decoder == expected
    assert operations.total == operations.encoder + expected


def test_head_that_narrows_costs_less_than_its_encoder() -> None:
    wide = count_operations(MODELS['anydepth_vits'], 256, 256)
    narrow = count_operations(MODELS['anydepth_lite_vits'], 256, 256)
    assert narrow.encoder == wide.encoder
    assert narrow.decoder < 0.3 * narrow.encoder
    assert wide.decoder > 18 * wide.encoder


def test_decoders_on_one_small_encoder_differ_in_cost() -> None:
    pyramid, dpt, sdt, lite = (
        count_operations(MODELS[name], 192, 256)
        for name in ('tiny', 'tiny_dpt', 'tiny_sdt', 'tiny_sdt_lite')
    )
    assert len({part.encoder for part in (pyramid, dpt, sdt, lite)}) == 1
    assert lite.decoder < lite.encoder
    assert lite.decoder < pyramid.decoder < dpt.decoder < sdt.decoder
    assert sdt.decoder > 4 * sdt.encoder


@pytest.mark.parametrize('side', PAPER_SDT)
def test_sdt_head_makes_the_operations_of_the_paper(side: int) -> None:
    decoder = count_operations(MODELS['anydepth_vitl'], side, side).decoder
    assert 2e-9 * decoder == pytest.approx(PAPER_SDT[side], rel=0.03)


@pytest.mark.parametrize('side', PAPER_DPT)
def test_dpt_head_makes_the_operations_of_the_paper_as_that_counts_them(side: int) -> None:
    """
    The paper takes a transposed convolution for one that reads its whole kernel for every output.

    With stride = kernel each output reads one number of the kernel, so that is 16 and 4 times
    too many; without it DPT makes 307 G operations at 256, not 444 G.
    """
    decoder = count_operations(MODELS['dinov3_dpt_vitl'], side, side).decoder
    patches, width = (side // 16) ** 2, 1024
    too_many = ((16 - 1) * 16 + (4 - 1) * 4) * width**2 * patches
    assert 2e-9 * (decoder + too_many) == pytest.approx(PAPER_DPT[side], rel=0.03)
    assert 2e-9 * decoder == pytest.approx(0.69 * PAPER_DPT[side], rel=0.03)


def test_operations_of_a_network_are_those_of_its_row_and_of_what_was_left_in() -> None:
    whole = load_weights(MODELS['tiny'], weights='random')
    estimator = build_estimator(MODELS['tiny'], whole.state, {})
    found = operations_of(estimator, 64, 96)
    assert found == count_operations(MODELS['tiny'], 64, 96)
    estimator, _ = load_estimator('depth_anything_v2_vits', weights='random', attention='eager')
    assert 2e-9 * operations_of(estimator, 518, 518).total == pytest.approx(115.3, abs=0.5)
    assert all(values.device.type == 'cpu' for values in estimator.state_dict().values())


def test_shapes_without_numbers_take_no_memory() -> None:
    estimator, _ = load_estimator('tiny', weights='random')
    shapes = without_numbers(estimator)
    assert {values.device.type for values in shapes.parameters()} == {'meta'}
    assert sum(values.numel() for values in shapes.parameters()) == MODELS['tiny'].parameters


@pytest.mark.parametrize('size', [(0, 64), (64, -16), (64, 90)])
def test_size_off_the_patch_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BackendError, match=rf'{size[0]}×{size[1]} .* multiples of 16'):
        count_operations(MODELS['anydepth_vits'], *size)


def test_unknown_part_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown decoder 'dtp'"):
        count_operations(replace(MODELS['anydepth_vits'], decoder='dtp'), 64, 64)
