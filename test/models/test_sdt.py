"""The SDT head: equal to its equations written out, its keys, sizes and sampling."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.decoders.sdt import DySample, PyramidSDTHead, SDTHead
from depth_anything_ros.models.estimator import LayerTokens

WIDTHS = (6, 6, 10, 10)
GRID = (2, 3)
State = dict[str, Tensor]


def random_head(patch: int = 16, channels: tuple[int, int, int, int] = (8, 8, 8, 8)) -> SDTHead:
    """Return a small head whose every parameter and statistic is random."""
    generator = torch.Generator().manual_seed(0)
    head = SDTHead(WIDTHS, patch, 8, channels).eval()
    with torch.no_grad():
        for name, values in head.named_parameters():
            spread = 0.5 if values.ndim == 1 else 1.5 / math.sqrt(values[0].numel())
            spread = 0.6 if 'offset.weight' in name or 'scope' in name else spread
            values.normal_(0.0, spread, generator=generator)
        for name, values in head.named_buffers():
            if name.endswith('running_mean'):
                values.normal_(0.0, 0.3, generator=generator)
            elif name.endswith('running_var'):
                values.uniform_(0.5, 2.0, generator=generator)
    return head


def tokens(batch: int = 2, grid: tuple[int, int] = GRID) -> list[LayerTokens]:
    generator = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(batch, grid[0] * grid[1], width, generator=generator),
            torch.randn(batch, width, generator=generator),
        )
        for width in WIDTHS
    ]


def gelu(values: Tensor) -> Tensor:
    return values * 0.5 * (1 + torch.erf(values / math.sqrt(2)))


def fused(state: State, layers: list[LayerTokens]) -> Tensor:
    """Equation 1, with the class token concatenated to every patch token; (B, N, F)."""
    logits = state['weighted_fusion.layer_weights']
    alpha = logits.exp() / logits.exp().sum()
    total = torch.zeros(())
    for index, (patches, class_token) in enumerate(layers):
        name = f'weighted_fusion.readout_projects.{index}.0'
        everywhere = class_token[:, None].expand_as(patches)
        pairs = torch.cat((patches, everywhere), dim=-1).double()
        mixed = gelu(pairs @ state[f'{name}.weight'].T + state[f'{name}.bias'])
        projected = gelu(mixed @ state[f'weighted_fusion.projections.{index}.0.weight'].T)
        total = total + alpha[index] * projected
    return total


def norm(state: State, name: str, features: Tensor) -> Tensor:
    mean, variance = state[f'{name}.running_mean'], state[f'{name}.running_var']
    scale = state[f'{name}.weight'] / torch.sqrt(variance + 1e-5)
    shift = state[f'{name}.bias'] - mean * scale
    return features * scale[:, None, None] + shift[:, None, None]


def sampled(features: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Double a map (F, h, w) pixel by pixel, four groups of channels each by its own offsets.

    :param offsets: (x or y, group, row in pixel, column in pixel, h, w), in coarse pixels.
    """
    channels, height, width = features.shape
    out = np.zeros((channels, 2 * height, 2 * width))
    each = channels // 4
    for group, row, column in np.ndindex(4, 2 * height, 2 * width):
        y, i, x, j = row // 2, row % 2, column // 2, column % 2
        right = x + (j - 0.5) / 2 + offsets[0, group, i, j, y, x]
        down = y + (i - 0.5) / 2 + offsets[1, group, i, j, y, x]
        right, down = np.clip(right, 0, width - 1), np.clip(down, 0, height - 1)
        left, top = int(right), int(down)
        part = features[group * each : (group + 1) * each]
        for dy, dx in np.ndindex(2, 2):
            weight = (1 - abs(down - top - dy)) * (1 - abs(right - left - dx))
            if weight > 0:
                out[group * each : (group + 1) * each, row, column] += (
                    weight * part[:, top + dy, left + dx]
                )
    return out


def dysample(state: State, name: str, features: Tensor) -> Tensor:
    offset = F.conv2d(features, state[f'{name}.offset.weight'], state[f'{name}.offset.bias'])
    scope = F.conv2d(features, state[f'{name}.scope.weight'])
    moves = 0.5 * offset / (1 + torch.exp(-scope))
    shape = (2, 4, 2, 2, *features.shape[2:])
    return torch.stack(
        [
            torch.from_numpy(sampled(image.numpy(), move.reshape(shape).numpy()))
            for image, move in zip(features, moves, strict=True)
        ]
    )


def upsampled(state: State, name: str, features: Tensor) -> Tensor:
    """Equations 3 and 4."""
    for stage in ('dysample1', 'dysample2'):
        finer = dysample(state, f'{name}.{stage}.0', features)
        convolved = F.conv2d(finer, state[f'{name}.{stage}.1.weight'], padding=1)
        features = norm(state, f'{name}.{stage}.2', convolved).clamp_min(0)
    return features


def refined(state: State, name: str, features: Tensor) -> Tensor:
    """Equation 5."""
    convolved = F.conv2d(features, state[f'{name}.0.weight'], state[f'{name}.0.bias'], padding=1)
    return norm(state, f'{name}.1', convolved).clamp_min(0)


def reference(head: SDTHead, layers: list[LayerTokens], grid: tuple[int, int]) -> Tensor:
    """Return the head by equations 1 to 6 of the paper, in float64."""
    state = {name: values.detach().double() for name, values in head.state_dict().items()}
    flat = fused(state, layers)
    features = flat.transpose(1, 2).reshape(flat.shape[0], -1, *grid)
    depthwise = state['detail_enhancer.dwconv.weight']
    detail = F.conv2d(features, depthwise, padding=1, groups=depthwise.shape[0])
    features = (features + norm(state, 'detail_enhancer.norm', detail)).clamp_min(0)  # eq. 2
    for step in (1, 2):  # eq. 6
        features = upsampled(state, f'upsample_{step}', features)
        features = refined(state, f'refinement_{step}', features)
    for index, padding in ((0, 1), (2, 1), (4, 0)):
        name = f'output_conv.{index}'
        features = F.conv2d(
            features.clamp_min(0), state[f'{name}.weight'], state[f'{name}.bias'], padding=padding
        )
    return features


@pytest.mark.parametrize('channels', [(8, 8, 8, 8), (12, 8, 4, 4)])
@torch.inference_mode()
def test_head_is_that_of_the_equations(channels: tuple[int, int, int, int]) -> None:
    head = random_head(channels=channels)
    expected = reference(head, tokens(), GRID)
    assert expected.shape == (2, 1, 32, 48)
    assert float(expected.std()) > 0.05
    torch.testing.assert_close(head(tokens(), GRID).double(), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_result_is_resized_where_a_patch_is_smaller() -> None:
    head = random_head(patch=14)
    expected = F.interpolate(
        reference(head, tokens(), GRID), (28, 42), mode='bilinear', align_corners=True
    )
    torch.testing.assert_close(head(tokens(), GRID).double(), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_images_of_a_batch_do_not_mix() -> None:
    head = random_head()
    layers = tokens()
    alone = [
        head(
            [(patches[i : i + 1], class_token[i : i + 1]) for patches, class_token in layers], GRID
        )
        for i in range(2)
    ]
    torch.testing.assert_close(head(layers, GRID), torch.cat(alone), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ('name', 'parameters'),
    [
        ('anydepth_vits', 5_517_381),
        ('anydepth_vitb', 9_451_077),
        ('anydepth_vitl', 13_384_261),
    ],
)
def test_decoder_has_the_published_size(name: str, parameters: int) -> None:
    with torch.device('meta'):
        head = create_model(MODELS[name]).depth_head
    assert sum(values.numel() for values in head.parameters()) == parameters


def test_keys_are_those_of_the_public_head() -> None:
    normed = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
    keys = {'weighted_fusion.layer_weights', 'detail_enhancer.dwconv.weight'}
    keys |= {f'detail_enhancer.norm.{kind}' for kind in normed}
    for i in range(4):
        keys |= {
            f'weighted_fusion.projections.{i}.0.weight',
            f'weighted_fusion.readout_projects.{i}.0.weight',
            f'weighted_fusion.readout_projects.{i}.0.bias',
        }
    for i in (1, 2):
        keys |= {f'refinement_{i}.0.weight', f'refinement_{i}.0.bias'}
        keys |= {f'refinement_{i}.1.{kind}' for kind in normed}
        for j in (1, 2):
            stage = f'upsample_{i}.dysample{j}'
            sampler = ('offset.weight', 'offset.bias', 'scope.weight', 'init_pos')
            keys |= {f'{stage}.0.{part}' for part in sampler} | {f'{stage}.1.weight'}
            keys |= {f'{stage}.2.{kind}' for kind in normed}
    keys |= {f'output_conv.{i}.{kind}' for i in (0, 2, 4) for kind in ('weight', 'bias')}
    assert set(random_head().state_dict()) == keys


def test_new_pixels_start_a_quarter_from_the_centre() -> None:
    # x then y, the same for each of four groups; (left, right) in each of two rows
    expected = torch.tensor([[-0.25, 0.25, -0.25, 0.25] * 4, [-0.25, -0.25, 0.25, 0.25] * 4])
    assert torch.equal(DySample(8).init_pos, expected.reshape(1, 32, 1, 1))


@torch.inference_mode()
def test_sampling_without_offsets_is_bilinear() -> None:
    sampler = DySample(8)
    torch.nn.init.zeros_(sampler.offset.weight)
    features = torch.randn(2, 8, 3, 5, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(features, scale_factor=2, mode='bilinear', align_corners=False)
    torch.testing.assert_close(sampler(features), expected, rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_constant_offsets_shift_the_map() -> None:
    # offset · sigmoid(0) · 0.5 = one pixel to the right
    sampler = DySample(4)
    torch.nn.init.zeros_(sampler.offset.weight)
    sampler.offset.bias[:16] = 4.0
    ramp = torch.arange(6.0).expand(1, 4, 5, 6)
    shifted = sampler(ramp)[0, 0, 0]
    expected = (torch.arange(12.0) - 0.5) / 2 + 1
    torch.testing.assert_close(shifted, expected.clamp(0, 5))


def test_places_of_a_size_are_computed_once_and_anew_after_loading() -> None:
    head = random_head()
    head.prepare((2, 3))
    sampler = head.upsample_2.dysample2[0]
    assert isinstance(sampler, DySample)
    kept = sampler.tables((16, 24))
    with torch.inference_mode():
        head(tokens(), GRID)
    assert sampler.tables((16, 24)) is kept
    head.load_state_dict(head.state_dict())
    assert sampler.tables((16, 24)) is not kept


def test_every_parameter_learns() -> None:
    head = random_head().train()
    with torch.inference_mode():
        head(tokens(), GRID)
    head(tokens(), GRID).square().mean().backward()
    still = [name for name, values in head.named_parameters() if not values.grad.any()]
    assert still == []


def maps(grid: tuple[int, int] = GRID) -> list[Tensor]:
    """Return maps of a convolutional encoder, the coarsest of that grid."""
    generator = torch.Generator().manual_seed(2)
    rows, columns = grid
    return [
        torch.randn(2, width, 8 * rows >> index, 8 * columns >> index, generator=generator)
        for index, width in enumerate(WIDTHS)
    ]


@torch.inference_mode()
def test_fusion_of_maps_weighs_patches_and_upsampled_places() -> None:
    torch.manual_seed(0)
    fusion = PyramidSDTHead(WIDTHS, 32, 8, (8, 8, 8, 8)).weighted_fusion
    fusion.layer_weights.copy_(torch.tensor([0.3, -0.2, 0.5, 0.0]))
    alpha = fusion.layer_weights.exp() / fusion.layer_weights.exp().sum()
    expected = torch.zeros(2, 8, 4, 6)
    for index, (features, side) in enumerate(zip(maps(), (4, 2, 1, 1), strict=True)):
        kernel = fusion.state_dict()[f'projections.{index}.0.weight']
        patches = F.unfold(features, side, stride=side)  # (B, C · side², places)
        places = gelu(torch.einsum('fk,bkn->bfn', kernel.flatten(1), patches))
        rows, columns = features.shape[2] // side, features.shape[3] // side
        image = places.reshape(2, 8, rows, columns)
        if index == 3:
            image = F.interpolate(image, scale_factor=2, mode='bilinear', align_corners=False)
        expected += alpha[index] * image
    torch.testing.assert_close(fusion(maps(), (4, 6)), expected, rtol=1e-4, atol=1e-6)


@torch.inference_mode()
def test_head_on_maps_is_the_head_on_tokens_after_the_fusion() -> None:
    head = PyramidSDTHead(WIDTHS, 32, 8, (8, 8, 8, 8)).eval()
    plain = random_head()
    rest = {
        name: values
        for name, values in plain.state_dict().items()
        if not name.startswith('weighted_fusion')
    }
    head.load_state_dict(rest, strict=False)
    values = head(maps(), GRID)
    assert values.shape == (2, 1, 64, 96)
    assert torch.equal(values, plain.reassemble(head.weighted_fusion(maps(), (4, 6))))


def test_places_of_a_coarsest_map_are_those_that_its_forward_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = PyramidSDTHead(WIDTHS, 32, 8, (8, 8, 8, 8)).train()
    head.prepare(GRID)

    def fail(_sampler: DySample, grid: tuple[int, int]) -> None:
        pytest.fail(f'the places of {grid} were not prepared')

    monkeypatch.setattr(DySample, 'make', fail)
    head(maps(), GRID).square().mean().backward()
    still = [name for name, values in head.named_parameters() if not values.grad.any()]
    # The scope starts at zero, and multiplies offsets of a thousandth.
    assert [name for name in still if 'scope' not in name] == []


@torch.inference_mode()
def test_bf16_keeps_its_places_exact() -> None:
    sampler = DySample(4)
    torch.nn.init.zeros_(sampler.offset.weight)
    ramp = torch.arange(256.0).expand(1, 4, 2, 256).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        fine = sampler(ramp)[0, 0, 0]
    expected = (torch.arange(512) - 0.5) / 2
    torch.testing.assert_close(fine, expected.clamp(0, 255), rtol=0, atol=1e-3)


@torch.inference_mode()
def test_random_weights_give_positive_output_that_follows_the_image() -> None:
    model = load_estimator('anydepth_vits', weights='random')[0]
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(2, 3, 4, 6, generator=generator)
    first, second = model(F.interpolate(coarse, (64, 96), mode='bilinear'))
    assert float(first.min()) > 0
    assert float(first.std()) > 0.02 * float(first.mean())
    assert float((first - second).abs().mean()) > 0.02 * float(first.mean())


@pytest.mark.slow
@torch.inference_mode()
def test_published_output_is_inverse_depth_on_a_known_scene() -> None:
    from depth_anything_ros.inference.opening import create_predictor
    from depth_anything_ros.inference.options import NetworkOptions
    from depth_anything_ros.lab.simulation.world import World
    from depth_anything_ros.types import RelativeInverseDepth

    hub = pytest.importorskip('huggingface_hub')
    spec = MODELS['depth_anything_v2_vitb_sdt']
    if not isinstance(hub.try_to_load_from_cache(spec.hub_repo, spec.weights_file), str):
        pytest.skip(f'{spec.weights_file} is not in the Hugging Face cache')
    predictor = create_predictor(NetworkOptions(spec.name, backend='torch', precision='fp32'))
    correlations = []
    for sample in (World(7, 480, 640).sample(index) for index in range(3)):
        prediction = predictor.predict(sample.rgb)
        assert isinstance(prediction, RelativeInverseDepth)
        known = sample.valid
        inverse = 1 / sample.depth_m[known]
        correlations.append(np.corrcoef(prediction.values[known], inverse)[0, 1])
    assert float(np.median(correlations)) > 0.5
