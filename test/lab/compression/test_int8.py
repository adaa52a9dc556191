"""The recipes with integers of 8 bits, from closed forms to the backends."""

import pytest
import torch
from torch import nn

from depth_anything_ros.errors import CompressionError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.compression.calibration import input_ranges
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.fidelity import output_sqnr_db
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.int8 import quantise
from depth_anything_ros.lab.compression.recipe import (
    activation_ranges_of,
    compress,
    estimator_of,
    layers_of,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import build_estimator, load_estimator, load_weights
from depth_anything_ros.models.quantised import narrow_weights

TINY, VITS = MODELS['tiny'], MODELS['depth_anything_v2_vits']


def images(side, count=3):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, 3, side, side, generator=generator) for _ in range(count)]


@pytest.fixture(scope='module')
def vits():
    return load_estimator(VITS.name, weights='random')


@pytest.mark.parametrize(('shape', 'axis'), [((8, 5, 3, 3), 0), ((6, 4, 2, 2), 1), ((7, 90), 0)])
@pytest.mark.parametrize('size', [1e-20, 1.0, 1e20])
def test_int8_is_at_most_half_a_step_of_its_channel_away(shape, axis, size):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(2)) * size
    values.select(axis, 2).zero_()
    packed = quantise(values, axis)
    assert packed.values.dtype == torch.int8
    assert packed.scale.shape == tuple(n if i == axis else 1 for i, n in enumerate(shape))
    others = [index for index in range(values.ndim) if index != axis]
    largest = values.abs().amax(others, True)
    full = packed.values.abs().amax(others) == 127
    assert int(full.sum()) == shape[axis] - 1
    errors = (packed.numbers() - values).abs()
    assert torch.all(errors <= largest / 127 * (0.5 + 1e-4))
    assert torch.equal(packed.numbers().select(axis, 2), values.select(axis, 2))


class Chain(nn.Module):
    """Two layers, the second of which reads what a ReLU leaves; and one that reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 1, 1, bias=False)
        self.second = nn.Conv2d(1, 1, 1, bias=False)
        self.unused = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(self.first.weight, 2.0)

    def forward(self, pixels):
        return self.second(torch.relu(self.first(pixels)))


def test_ranges_are_those_of_what_each_layer_reads():
    even = torch.linspace(-1, 1, 4001).reshape(1, 1, 1, -1)
    names = ['first.weight', 'second.weight', 'unused.weight']
    ranges = input_ranges(Chain(), names, [0.5 * even, even])
    assert list(ranges) == names[:2]
    assert ranges['first.weight'] == pytest.approx((-1, 1), rel=0.02)
    assert ranges['second.weight'] == pytest.approx((0, 2), rel=0.02)


def test_one_far_number_among_a_million_is_clipped():
    numbers = torch.randn(1, 1, 1000, 1000, generator=torch.Generator().manual_seed(1))
    numbers[0, 0, 3, 3] = 40.0
    low, high = input_ranges(Chain(), ['first.weight'], [numbers])['first.weight']
    assert high < 20
    assert low < 0


class Tokens(nn.Module):
    """One linear layer, as of a vision transformer of width 768."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(768, 1)

    def forward(self, tokens):
        return self.first(tokens)


@pytest.mark.parametrize('channel', [0, 1, 2])
def test_a_loud_channel_is_seen_wherever_it_is(channel):
    tokens = torch.randn(1, 1814, 768, generator=torch.Generator().manual_seed(0))
    tokens[..., channel] *= 30
    _, high = input_ranges(Tokens(), ['first.weight'], [tokens])['first.weight']
    assert high > 35  # where the channel is not looked at, a fifth of its greatest number


def test_readout_of_anydepth_rounds_what_it_reads():
    spec = MODELS['dinov3_dpt_vits']
    parent, weights = load_estimator(spec.name, weights='random')
    recipes = parse_chain('int8_static')
    state = compress(spec, weights.state, recipes, images(64))
    name = 'depth_head.readout_projects.0.0.weight'
    assert state[name].activation_range is not None
    assert output_sqnr_db(parent, estimator_of(spec, state), images(64, 1)) > 20


def test_static_needs_images():
    weights = load_weights(TINY, weights='random')
    with pytest.raises(CompressionError, match='int8_static needs images'):
        compress(TINY, weights.state, parse_chain('int8_static'))


def test_dynamic_is_for_linear_layers_only(vits):
    state = compress(VITS, vits[1].state, parse_chain('int8_dynamic'))
    layers = layers_of(VITS)
    for name, tensor in state.items():
        linear = name in layers and layers[name].linear
        assert tensor.activation_range == ('dynamic' if linear else None), name
        wanted = torch.int8 if name in layers else None
        assert wanted is None or tensor.values.dtype == wanted


@pytest.mark.parametrize('recipe', ['int8_static', 'int8_dynamic'])
def test_output_of_a_vision_transformer_is_kept(recipe, vits):
    calibration, (seen, *_) = images(70), images(70, 1)
    state = compress(VITS, vits[1].state, parse_chain(recipe), calibration)
    found = output_sqnr_db(vits[0], estimator_of(VITS, state), [seen])
    assert 30 < found < 70


def exact_networks(spec, state, backend):
    """Return the integer network as this processor multiplies it, and one that reads floats."""
    numbers = {name: tensor.numbers() for name, tensor in state.items()}
    for layer in BACKENDS[backend].narrowed(estimator_of(spec, state), 'cpu'):
        numbers[f'{layer}.weight'] = narrow_weights(numbers[f'{layer}.weight'])
    return build_estimator(spec, numbers, activation_ranges_of(state)), build_estimator(
        spec, numbers, {}
    )


def relative_energy(values, expected):
    return float(((values - expected) ** 2).sum() / (expected**2).sum())


@pytest.mark.parametrize(
    'recipe', ['int8_static', pytest.param('int8_dynamic', marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    'backend', ['openvino', pytest.param('onnxruntime', marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ('model', 'side'),
    [
        (VITS.name, 70),
        pytest.param('anydepth_vits', 64, marks=pytest.mark.slow),
    ],
)
def test_backends_agree_with_torch(model, side, backend, recipe, tmp_path, request):
    """
    Where floats differ in the last bits a number is rounded to the other side, and so are others.

    In a deep network that goes as far as two roundings that know nothing of each other, and the
    energy of their difference is twice that of what rounding changes; no further.
    """
    pytest.importorskip(backend)
    path, recipes, spec = tmp_path / 'eight.safetensors', parse_chain(recipe), MODELS[model]
    weights = load_weights(spec, weights='random')
    state = compress(spec, weights.state, recipes, images(side))
    write_packed(path, state, model, recipes, weights)
    rgb = torch.randint(0, 256, (side, side, 3), generator=torch.Generator().manual_seed(0))
    rgb = rgb.to(torch.uint8).numpy()
    predictors = [
        create_predictor(NetworkOptions(
            model, checkpoint=str(path), backend=backend, precision='fp32', device='cpu',
            input_size=side, threads=1, cache_dir=str(tmp_path / 'cache'),
        ))
        for _ in range(2)
    ]  # fmt: skip
    integers, again = (predictor.predict(rgb).values for predictor in predictors)
    assert (integers == again).all()
    pixels = torch.from_numpy(predictors[0].preprocess(rgb).pixels)
    with torch.inference_mode():
        exact, floats = (
            network(pixels)[0].numpy() for network in exact_networks(spec, state, backend)
        )
    assert '-bit weights in' in predictors[0].identity.integers
    if (model, backend, recipe) == ('anydepth_vits', 'openvino', 'int8_dynamic'):
        reason = 'up to 3.1 times as much on AVX-512 with VNNI and no AMX; the cause is not known'
        request.applymarker(pytest.mark.xfail(reason=reason, strict=False))
    assert relative_energy(integers, exact) < 2 * relative_energy(floats, exact)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('chain', 'most_mb'),
    [('int8_dynamic', 27.0), ('int8_static', 27.0), ('prune(0.5)+int8_static', 20.0)],
)
def test_sizes_of_a_vision_transformer_in_int8(chain, most_mb, vits, tmp_path):
    path, recipes = tmp_path / 'vits.safetensors', parse_chain(chain)
    state = compress(VITS, vits[1].state, recipes, images(70))
    write_packed(path, state, VITS.name, recipes, vits[1])
    assert path.stat().st_size <= most_mb * 1e6
