"""
Layers that read integers of 8 bits: what a packed file says of their inputs, made to happen.

The weights of such a layer are multiples of a step a channel already. Here its input becomes a
multiple of one step too, by rounding before each call; a library that the network is exported to
finds both steps in the graph and multiplies integers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from depth_anything_ros.models.activation import DYNAMIC, ActivationRange
from depth_anything_ros.models.estimator import DepthEstimator

LARGEST = 127  # of a weight: symmetric, so that no product needs a correction
_SIGNED, _UNSIGNED = (-128, 127), (0, 255)
# The least step: of a channel or an input that is all zeros.
_TINY = 2.0**-96
# What two neighbouring weights of one sign may add up to: times 255 it fits into 16 bits.
_PAIR = 32767 // _UNSIGNED[1]


@dataclass(frozen=True)
class RoundedInput:
    """
    Round what a layer reads to 256 steps of a fixed range; a hook that runs before the layer.

    Signed numbers get a symmetric range and numbers from 0 on one that starts there, so that zero,
    with which convolutions pad, is exact and integers multiply without offsets.
    """

    step: float
    limits: tuple[int, int]

    @classmethod
    def of_range(cls, low: float, high: float) -> RoundedInput:
        """Return the rounding for numbers from `low` to `high`; what lies outside is clipped."""
        if low >= 0.0:
            return cls(max(high, _TINY) / _UNSIGNED[1], _UNSIGNED)
        return cls(max(-low, high) / LARGEST, _SIGNED)

    def __call__(self, _: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        """Return the rounded numbers."""
        numbers = inputs[0].float()
        if torch.is_grad_enabled() or torch._C._get_tracing_state() is not None:
            return torch.fake_quantize_per_tensor_affine(numbers, self.step, 0, *self.limits)
        # The same bits in half the time or less; only NaN, which that operator hides, stays NaN.
        inverse = 1.0 / torch.tensor(self.step)
        return numbers.mul(inverse).round_().clamp_(*self.limits).mul_(self.step)


def round_dynamically(_: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    """
    Round what a layer reads to 256 steps between its own least and greatest number.

    Exports leave this out: there the library rounds by itself, in its own way.
    Source: the operator DynamicQuantizeLinear of ONNX.
    """
    numbers = inputs[0]
    if torch._C._get_tracing_state() is not None:
        return numbers
    numbers = numbers.float()
    low, high = numbers.min().clamp(max=0.0), numbers.max().clamp(min=0.0)
    step = ((high - low) / _UNSIGNED[1]).clamp(min=_TINY)
    zero = (-low / step).round()
    return torch.fake_quantize_per_tensor_affine(numbers, step, zero.int(), *_UNSIGNED)


def quantise_inputs(
    estimator: DepthEstimator, activation_ranges: Mapping[str, ActivationRange]
) -> None:
    """
    Let layers of a network round what they read from now on.

    :param activation_ranges: by the names of linear and convolution layers.
    :raises AttributeError: if the network has no layer of a name.
    """
    for name, numbers in activation_ranges.items():
        hook = round_dynamically if numbers == DYNAMIC else RoundedInput.of_range(*numbers)
        estimator.get_submodule(name).register_forward_pre_hook(hook)
    estimator.activation_ranges = dict(activation_ranges)


def weight_steps(weights: Tensor) -> Tensor:
    """Return the step of each output channel, (outputs,): its largest magnitude / 127."""
    return weights.flatten(1).abs().amax(1).clamp(min=_TINY) / LARGEST


def narrow_steps(weights: Tensor) -> Tensor:
    """
    Return the step of each output channel with which no sum of two products leaves 16 bits.

    Processors without VNNI add products of neighbouring inputs up in 16 bits, which stop at 32767.
    One factor is 0 to 255: instructions want it without sign, and libraries move a signed one
    there. So a channel whose largest pair of weights of one sign is too large gets larger steps,
    by just as much and at most twice: 7 bits instead of 8. The others keep theirs.
    Source: the overflow fix of NNCF, which halves all weights of a layer.

    :param weights: (outputs, inputs, …), multiples of their steps; places after inputs.
    :return: (outputs,).
    """
    return weight_steps(weights) * _widening(weights)


def narrow_weights(weights: Tensor) -> Tensor:
    """Return weights as multiples of the steps of :func:`narrow_steps`."""
    shape = (-1, *[1] * (weights.ndim - 1))
    factors = _widening(weights).reshape(shape)
    integers = (weights / weight_steps(weights).reshape(shape)).round()
    return (integers / factors).round() * narrow_steps(weights).reshape(shape)


def _widening(weights: Tensor) -> Tensor:
    """Return by how much the step of each channel has to grow, 1 to 2, (outputs,)."""
    rows = weights.movedim(1, -1).flatten(1)  # (outputs, inputs)
    integers = (rows / weight_steps(weights).unsqueeze(1)).round()
    signs = functional.pad(torch.stack((integers, -integers)).clamp(min=0), (0, 1))
    pairs = (signs[..., 1:] + signs[..., :-1]).amax((0, 2))  # (outputs,)
    # Rounding moves a sum by at most 1.
    return torch.where(pairs > _PAIR, pairs / (_PAIR - 1), torch.ones_like(pairs))


def saturating_layers(estimator: DepthEstimator) -> list[str]:
    """
    Return the layers with integers whose products can saturate in sums of 16 bits.

    Depthwise convolutions do not: libraries add up their products in 32 bits everywhere.
    """
    return [
        name
        for name in estimator.activation_ranges
        if not _is_depthwise(estimator.get_submodule(name))
        and bool((_widening(_weights(estimator, name)) > 1).any())
    ]


def _weights(estimator: DepthEstimator, layer: str) -> Tensor:
    return estimator.get_submodule(layer).get_parameter('weight').detach()


def _is_depthwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1


def dynamic_layers(estimator: DepthEstimator) -> list[str]:
    """Return the names of the layers that find the range of what they read for every image."""
    return [name for name, numbers in estimator.activation_ranges.items() if numbers == DYNAMIC]


def dynamic_width(estimator: DepthEstimator) -> int:
    """Return the greatest count that divides the numbers a token has, in every dynamic layer."""
    return math.gcd(*(_weights(estimator, name).shape[1] for name in dynamic_layers(estimator)))


@contextmanager
def rounded_weights(estimator: DepthEstimator, narrowed: Collection[str] = ()) -> Iterator[None]:
    """
    Show in a trace how the weights of layers with a fixed input range are rounded.

    They are multiples of their step already and stay as they are. Those of narrowed layers are
    :func:`narrow_weights` meanwhile.

    :param narrowed: names of layers.
    """
    with ExitStack() as stack:
        for name, numbers in estimator.activation_ranges.items():
            if numbers != DYNAMIC:
                layer, weights = estimator.get_submodule(name), _weights(estimator, name)
                steps = weight_steps(weights)
                if name in narrowed:
                    stack.callback(setattr, layer, 'weight', layer.weight)
                    layer.weight = nn.Parameter(narrow_weights(weights), requires_grad=False)
                    steps = narrow_steps(weights)
                parametrize.register_parametrization(layer, 'weight', _RoundedWeight(steps))
                stack.callback(
                    parametrize.remove_parametrizations, layer, 'weight', leave_parametrized=False
                )
        yield


class _RoundedWeight(nn.Module):
    steps: Tensor
    zeros: Tensor

    def __init__(self, steps: Tensor) -> None:
        super().__init__()
        self.register_buffer('steps', steps)
        self.register_buffer('zeros', torch.zeros_like(steps, dtype=torch.int32))

    def forward(self, weights: Tensor) -> Tensor:
        rounded: Tensor = torch.fake_quantize_per_channel_affine(
            weights, self.steps, self.zeros, 0, *_SIGNED
        )
        return rounded
