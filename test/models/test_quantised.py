import copy

import pytest
import torch
from torch import nn

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.quantised import (
    RoundedInput,
    dynamic_layers,
    dynamic_width,
    narrow_steps,
    narrow_weights,
    quantise_inputs,
    round_dynamically,
    rounded_weights,
    saturating_layers,
    weight_steps,
)


def rounded(numbers, low, high):
    return RoundedInput.of_range(low, high)(nn.Identity(), (torch.tensor(numbers),)).tolist()


def test_signed_range_is_symmetric_with_127_steps_a_side():
    # A step is 2.54 / 127 = 0.02; -128 steps is the least.
    numbers = [-9.0, -2.0, -0.011, -0.009, 0.0, 0.03, 2.54, 9.0]
    expected = [-2.56, -2.0, -0.02, 0.0, 0.0, 0.04, 2.54, 2.54]
    assert rounded(numbers, -2.54, 1.0) == pytest.approx(expected, abs=1e-6)


def test_range_from_zero_has_255_steps():
    numbers = [-1.0, 0.0, 0.009, 0.011, 5.1, 7.0]
    assert rounded(numbers, 0.0, 5.1) == pytest.approx([0.0, 0.0, 0.0, 0.02, 5.1, 5.1], abs=1e-6)


@pytest.mark.parametrize('ends', [(-2.54, 1.0), (0.0, 5.1), (-0.0031, 0.0), (0.0, 0.0)])
def test_numbers_are_those_that_exports_show_in_every_bit(ends):
    rounding = RoundedInput.of_range(*ends)
    numbers = torch.randn(100_000, generator=torch.Generator().manual_seed(2))
    # Halves between two steps, and what lies far outside, too.
    halves = (torch.arange(-300, 300) + 0.5) * rounding.step
    numbers = torch.cat((numbers, halves, torch.tensor([-1e30, 1e30])))
    shown = rounding(nn.Identity(), (numbers,))
    with torch.inference_mode():
        assert torch.equal(rounding(nn.Identity(), (numbers,)), shown)
        assert rounding(nn.Identity(), (torch.tensor(torch.nan),)).isnan()


def test_layer_that_read_only_zeros_reads_zeros():
    assert rounded([0.0, 0.0], 0.0, 0.0) == [0.0, 0.0]


def test_dynamic_rounding_is_that_of_onnx():
    numbers = torch.randn(4, 50, generator=torch.Generator().manual_seed(0)) * 3 + 1
    # DynamicQuantizeLinear, by the text of the operator.
    low, high = min(0.0, float(numbers.min())), max(0.0, float(numbers.max()))
    step = (high - low) / 255
    zero = round(-low / step)
    expected = ((numbers / step).round() + zero).clamp(0, 255).sub(zero) * step
    torch.testing.assert_close(round_dynamically(nn.Identity(), (numbers,)), expected)
    assert len(expected.unique()) > 60


def test_dynamic_rounding_of_zeros_gives_zeros():
    zeros = torch.zeros(3, 3)
    assert torch.equal(round_dynamically(nn.Identity(), (zeros,)), zeros)


@pytest.fixture
def estimator():
    torch.manual_seed(0)
    return create_model(MODELS['tiny']).eval()


def convolutions(estimator):
    return [name for name, part in estimator.named_modules() if isinstance(part, nn.Conv2d)]


def test_layer_reads_rounded_numbers_and_a_copy_does_too(estimator):
    name = convolutions(estimator)[0]
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before = estimator(pixels)
    coarse = copy.deepcopy(estimator)
    quantise_inputs(coarse, {name: (0.0, 1.0)})
    levels = (pixels * 255).round() / 255
    torch.testing.assert_close(coarse(pixels), estimator(levels))
    assert not torch.equal(coarse(pixels), before)
    assert torch.equal(copy.deepcopy(coarse)(pixels), coarse(pixels))
    assert coarse.activation_ranges == {name: (0.0, 1.0)}


def test_only_dynamic_layers_are_called_so(estimator):
    first, second = convolutions(estimator)[:2]
    quantise_inputs(estimator, {first: 'dynamic', second: (0.0, 1.0)})
    assert dynamic_layers(estimator) == [first]


def test_rounding_of_weights_is_shown_and_taken_back(estimator):
    name = convolutions(estimator)[0]
    layer = estimator.get_submodule(name)
    steps = weight_steps(layer.weight.detach())
    steps = steps[:, None, None, None]
    layer.weight.data = (layer.weight.data / steps).round() * steps
    before = layer.weight.detach().clone()
    quantise_inputs(estimator, {name: (0.0, 1.0)})
    keys = list(estimator.state_dict())
    with rounded_weights(estimator):
        assert list(estimator.state_dict()) != keys
        torch.testing.assert_close(layer.weight, before, rtol=1e-6, atol=0)
    assert list(estimator.state_dict()) == keys
    assert torch.equal(layer.weight, before)


def test_group_that_shares_a_step_divides_every_token():
    vits = create_model(MODELS['depth_anything_v2_vits'])
    layers = ['pretrained.blocks.0.mlp.fc1', 'pretrained.blocks.0.mlp.fc2']
    quantise_inputs(vits, dict.fromkeys(layers, 'dynamic'))
    assert dynamic_width(vits) == 384


@pytest.mark.parametrize(
    ('integers', 'factor'),
    [
        ([127, 0, 127, 1], 1.0),  # 255 · (127 + 1) = 32640: it fits
        ([127, -127, 127, -127], 1.0),  # they take from each other
        ([127, 2, 0, 0], 129 / 127),  # 255 · 129 = 32895 does not
        ([0, 127, 50, 0], 177 / 127),
        ([-100, -60, 127, 0], 160 / 127),
        ([127, 127, 0, 0], 2.0),
    ],
)
def test_steps_of_a_channel_grow_by_what_its_largest_pair_needs(integers, factor):
    other = [127, 0, 0, 0]
    weights = torch.tensor([integers, other]) * torch.tensor([[0.01], [3.0]])
    expected = torch.tensor([0.01 * factor, 3.0])
    torch.testing.assert_close(narrow_steps(weights), expected)


@pytest.mark.parametrize('shape', [(40, 385), (40, 3, 3, 3), (40, 8, 1, 1), (40, 1, 5, 5)])
def test_no_two_products_leave_16_bits_with_narrow_steps(shape):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randint(-127, 128, shape, generator=generator).float()
    weights.view(40, -1)[:, 0] = 127
    steps = narrow_steps(weights).view(40, *[1] * (len(shape) - 1))
    integers = (narrow_weights(weights) / steps).movedim(1, -1).flatten(1).round()
    for part in (integers.clamp(min=0), integers.clamp(max=0)):
        sums = 255 * (part[:, 1:] + part[:, :-1])
        assert -32768 <= sums.min() <= sums.max() <= 32767
    assert 1 <= steps.min() <= steps.max() <= 2 + 1e-6


class Layers(nn.Module):
    """A linear layer, a convolution that filters each channel by itself, and one of places."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.places = nn.Conv2d(1, 1, 3)


@pytest.mark.parametrize(
    ('linear', 'saturating'),
    [([1.0, 1.0], ['linear', 'places']), ([1.0, -1.0], ['places']), ([1.0, 0.01], ['places'])],
)
def test_layers_that_can_saturate_are_found_by_their_weights(linear, saturating):
    layers = Layers()
    with torch.no_grad():
        layers.linear.weight.copy_(torch.tensor([linear]))
        layers.depthwise.weight.fill_(1.0)
        layers.places.weight.fill_(1.0)
    layers.activation_ranges = dict.fromkeys(['linear', 'depthwise', 'places'], (0.0, 1.0))
    assert saturating_layers(layers) == saturating
    layers.activation_ranges = {'depthwise': 'dynamic'}
    assert saturating_layers(layers) == []


def test_narrowed_layers_alone_are_rounded_anew(estimator):
    names = convolutions(estimator)[-3:-1]
    layers = [estimator.get_submodule(name) for name in names]
    for layer in layers:
        steps = weight_steps(layer.weight.detach())[:, None, None, None]
        layer.weight.data = (layer.weight.data / steps).round() * steps
    kept = [layer.weight.detach().clone() for layer in layers]
    quantise_inputs(estimator, dict.fromkeys(names, (0.0, 1.0)))
    with rounded_weights(estimator, narrowed=names[:1]):
        torch.testing.assert_close(layers[0].weight, narrow_weights(kept[0]))
        torch.testing.assert_close(layers[1].weight, kept[1])
        assert not torch.allclose(layers[0].weight, kept[0])
    assert torch.equal(layers[0].weight, kept[0])
