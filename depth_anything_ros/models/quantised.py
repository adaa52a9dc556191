"""
Layers that read integers of 8 bits: what a packed file says of their inputs, made to happen.

The weights of such a layer are multiples of a step a channel already. Here its input becomes a
multiple of one step too, by rounding before each call; a library that the network is exported to
finds both steps in the graph and multiplies integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.packed import DYNAMIC, Inputs

LARGEST = 127  # of a weight: symmetric, so that no product needs a correction
_SIGNED, _UNSIGNED = (-128, 127), (0, 255)
# The least step: of a channel or an input that is all zeros.
_TINY = 2.0**-96


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
        return torch.fake_quantize_per_tensor_affine(inputs[0].float(), self.step, 0, *self.limits)


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


def quantise_inputs(estimator: DepthEstimator, inputs: Mapping[str, Inputs]) -> None:
    """
    Let layers of a network round what they read from now on.

    :param inputs: by the names of linear and convolution layers.
    :raises AttributeError: if the network has no layer of a name.
    """
    for name, numbers in inputs.items():
        hook = round_dynamically if numbers == DYNAMIC else RoundedInput.of_range(*numbers)
        estimator.get_submodule(name).register_forward_pre_hook(hook)
    estimator.inputs = dict(inputs)


def weight_steps(weights: Tensor) -> Tensor:
    """Return the step of each output channel, (outputs,): its largest magnitude / 127."""
    return weights.flatten(1).abs().amax(1).clamp(min=_TINY) / LARGEST


def dynamic_layers(estimator: DepthEstimator) -> list[str]:
    """Return the names of the layers that find the range of what they read for every image."""
    return [name for name, numbers in estimator.inputs.items() if numbers == DYNAMIC]


def dynamic_width(estimator: DepthEstimator) -> int:
    """Return the greatest count that divides the numbers a token has, in every dynamic layer."""
    layers = [estimator.get_submodule(name) for name in dynamic_layers(estimator)]
    return math.gcd(*(layer.get_parameter('weight').shape[1] for layer in layers))


@contextmanager
def rounded_weights(estimator: DepthEstimator) -> Iterator[None]:
    """
    Show in a trace how the weights of layers with a fixed input range are rounded.

    It changes none of them: they are multiples of their step already.
    """
    with ExitStack() as stack:
        for name, numbers in estimator.inputs.items():
            if numbers != DYNAMIC:
                layer = estimator.get_submodule(name)
                rounded = _RoundedWeight(layer.get_parameter('weight').detach())
                parametrize.register_parametrization(layer, 'weight', rounded)
                stack.callback(
                    parametrize.remove_parametrizations, layer, 'weight', leave_parametrized=False
                )
        yield


class _RoundedWeight(nn.Module):
    steps: Tensor
    zeros: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        steps = weight_steps(weights)
        self.register_buffer('steps', steps)
        self.register_buffer('zeros', torch.zeros_like(steps, dtype=torch.int32))

    def forward(self, weights: Tensor) -> Tensor:
        rounded: Tensor = torch.fake_quantize_per_channel_affine(
            weights, self.steps, self.zeros, 0, *_SIGNED
        )
        return rounded
