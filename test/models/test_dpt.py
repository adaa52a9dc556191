"""The DPT head in AnyDepth's form: class-token readout, its sizes, its difference to the other."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.decoders.dpt import (
    DPTHead,
    PlainDPTHead,
    PyramidDPTHead,
    ReadoutDPTHead,
)
from depth_anything_ros.models.decoders.readout import Readout
from depth_anything_ros.models.estimator import LayerTokens

WIDTHS = (6, 6, 10, 10)
CHANNELS = (4, 5, 6, 7)
# Of the paper, whose head gives 256 numbers a pixel instead of one: 8,415 parameters more.
PAPER = {'vits': 50.83e6, 'vitb': 76.05e6, 'vitl': 99.58e6}


def layers_of(grid: tuple[int, int], batch: int = 2) -> list[LayerTokens]:
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(batch, grid[0] * grid[1], width, generator=generator),
            torch.randn(batch, width, generator=generator),
        )
        for width in WIDTHS
    ]


def resized(features: Tensor, factor: int) -> Tensor:
    return F.interpolate(features, scale_factor=factor, mode='bilinear', align_corners=True)


def reference(head: ReadoutDPTHead, layers: list[LayerTokens], grid: tuple[int, int]) -> Tensor:
    """Return the public baseline's computation, from the names of the parameters."""
    state = head.state_dict()

    def conv(name: str, features: Tensor, **geometry: int) -> Tensor:
        weight, bias = state[f'fusion.{name}.weight'], state.get(f'fusion.{name}.bias')
        return F.conv2d(features, weight, bias, **geometry)

    def unit(name: str, features: Tensor) -> Tensor:
        inner = conv(f'{name}.conv1', features.relu(), padding=1)
        return features + conv(f'{name}.conv2', inner.relu(), padding=1)

    maps = []
    for index, (patches, class_token) in enumerate(layers):
        pairs = torch.cat((patches, class_token[:, None].expand_as(patches)), dim=-1)
        weight = state[f'readout_projects.{index}.0.weight']
        mixed = F.gelu(pairs @ weight.T + state[f'readout_projects.{index}.0.bias'])
        image = mixed.transpose(1, 2).reshape(len(patches), -1, *grid)
        image = conv(f'projects.{index}', image)
        name = f'fusion.resize_layers.{index}'
        if index < 2:
            up, bias = state[f'{name}.weight'], state[f'{name}.bias']
            image = F.conv_transpose2d(image, up, bias, stride=4 >> index)
        elif index == 3:
            image = conv('resize_layers.3', image, stride=2, padding=1)
        maps.append(conv(f'scratch.layer{index + 1}_rn', image, padding=1))
    path = torch.zeros(())
    for number in (4, 3, 2, 1):
        name = f'scratch.refinenet{number}'
        layer = maps[number - 1]
        path = layer if number == 4 else path + unit(f'{name}.resConfUnit1', layer)
        path = conv(f'{name}.out_conv', resized(unit(f'{name}.resConfUnit2', path), 2))
    path = conv('scratch.project.0', path, padding=1).relu()
    path = resized(conv('scratch.output_conv1', path, padding=1), 2)
    path = conv('scratch.output_conv2.0', path, padding=1).relu()
    return conv('scratch.output_conv2.2', path)


@torch.inference_mode()
def test_head_is_the_public_baseline() -> None:
    torch.manual_seed(0)
    head = ReadoutDPTHead(WIDTHS, 16, 8, CHANNELS).eval()
    layers, grid = layers_of((2, 4)), (2, 4)
    expected = reference(head, layers, grid)
    assert expected.shape == (2, 1, 32, 64)
    torch.testing.assert_close(head(layers, grid), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('grid', [(1, 1), (3, 5)])
@torch.inference_mode()
def test_odd_grids_give_the_size_of_the_input(grid: tuple[int, int]) -> None:
    head = ReadoutDPTHead(WIDTHS, 16, 8, CHANNELS).eval()
    assert head(layers_of(grid), grid).shape == (2, 1, 16 * grid[0], 16 * grid[1])


@torch.inference_mode()
def test_head_on_maps_is_the_head_on_tokens_resized_to_such_maps() -> None:
    torch.manual_seed(0)
    plain = PlainDPTHead(WIDTHS, 16, 8, CHANNELS).eval()
    grid = (2, 4)
    images = [tokens.transpose(1, 2).reshape(2, -1, *grid) for tokens, _ in layers_of(grid)]
    resizing = zip(images, plain.projects, plain.resize_layers, strict=True)
    maps = [resize(project(image)) for image, project, resize in resizing]
    head = PyramidDPTHead(CHANNELS, 32, 8, CHANNELS).eval()
    head.scratch.load_state_dict(plain.scratch.state_dict())
    for project, channels in zip(head.projects, CHANNELS, strict=True):
        project.weight.copy_(torch.eye(channels)[:, :, None, None])
        project.bias.zero_()
    values = head(maps, (1, 2))
    assert values.shape == (2, 1, 32, 64)
    torch.testing.assert_close(values, plain(layers_of(grid), grid), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('size', PAPER)
def test_decoder_has_the_published_size(size: str) -> None:
    with torch.device('meta'):
        head = create_model(MODELS[f'dinov3_dpt_{size}']).depth_head
    count = sum(values.numel() for values in head.parameters())
    assert count == pytest.approx(PAPER[size], rel=1e-3)
    assert count + 255 * 33 == pytest.approx(PAPER[size], abs=5e3)  # rounded to 0.01 M


def test_heads_have_what_their_public_code_has() -> None:
    plain = set(DPTHead(WIDTHS, 14, 8, CHANNELS).state_dict())
    lean = set(ReadoutDPTHead(WIDTHS, 16, 8, CHANNELS).fusion.state_dict())
    assert lean - plain == {'scratch.project.0.weight', 'scratch.project.0.bias'}
    units = [
        f'scratch.refinenet{number}.resConfUnit{unit}.conv{conv}'
        for number in (1, 2, 3, 4)
        for unit in (1, 2)
        for conv in (1, 2)
    ]
    unused = 'scratch.refinenet4.resConfUnit1'
    assert plain - lean == {f'{name}.bias' for name in units} | {
        f'{unused}.conv1.weight',
        f'{unused}.conv2.weight',
    }


@torch.inference_mode()
def test_readout_mixes_the_class_token_into_every_patch() -> None:
    torch.manual_seed(0)
    readout = Readout(6)
    patches, class_token = torch.randn(2, 5, 6), torch.randn(2, 6)
    pairs = torch.cat((patches, class_token[:, None].expand_as(patches)), dim=-1)
    expected = F.gelu(readout[0](pairs))
    torch.testing.assert_close(readout(patches, class_token), expected, rtol=1e-5, atol=1e-6)
