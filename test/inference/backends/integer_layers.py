"""
Errors of networks of two integer layers, whose products saturate where a processor lacks VNNI.

Run with names of backends it prints their errors as JSON: in a process of its own
ONEDNN_MAX_CPU_ISA can be another.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.activation import DYNAMIC
from depth_anything_ros.models.quantised import narrow_weights, quantise_inputs
from depth_anything_ros.types import Precision

CASES = {
    'linear': ('linear', (-1.0, 1.0)),
    'linear, from 0': ('linear', (0.0, 1.0)),
    'linear, dynamic': ('linear', DYNAMIC),
    'convolution': ('convolution', (-1.0, 1.0)),
    'convolution, from 0': ('convolution', (0.0, 1.0)),
    'depthwise': ('depthwise', (-1.0, 1.0)),
}
_SIZE, _WIDTH = (16, 16), 48


class Network(nn.Module):
    """Two layers of one kind, with the largest weights side by side; the first reads waves."""

    def __init__(self, kind: str, signed: bool) -> None:
        super().__init__()
        self.spec, self.activation_ranges, self.signed = MODELS['tiny'], {}, signed
        generator = torch.Generator().manual_seed(0)
        make = {
            'linear': lambda: nn.Linear(_WIDTH, _WIDTH),
            'convolution': lambda: nn.Conv2d(_WIDTH, _WIDTH, 1),
            'depthwise': lambda: nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH),
        }[kind]
        self.first, self.second = make(), make()
        for layer in (self.first, self.second):
            integers = torch.randint(-127, 128, layer.weight.shape, generator=generator).float()
            integers.flatten(1)[:, :2] = 127
            layer.weight.data = integers / 127 / layer.weight[0].numel()
            layer.bias.data.zero_()
        self.register_buffer('pitch', 0.5 + 3 * torch.rand(_WIDTH, generator=generator))

    def prepare(self, height: int, width: int) -> None:
        """Do nothing: no table depends on the input size."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Map (B, 3, h, w) to (B, C · h, w)."""
        waves = torch.sin(pixels.mean(1, keepdim=True) * self.pitch.reshape(-1, 1, 1))
        if not self.signed:
            waves = waves.square()
        if isinstance(self.first, nn.Linear):
            waves = waves.flatten(2).transpose(1, 2)  # (B, N, C)
        hidden = self.first(waves)
        out = self.second(hidden if self.signed else torch.relu(hidden))
        if isinstance(self.first, nn.Linear):
            out = out.transpose(1, 2)
        return out.reshape(-1, _WIDTH * _SIZE[0], _SIZE[1])


def relative_energy(values: Tensor, expected: Tensor) -> float:
    """Return the energy of the difference over that of what is expected."""
    return float((values - expected).square().sum() / expected.square().sum())


@torch.no_grad()
def errors(name: str, case: str) -> tuple[float, float]:
    """
    Return how far a backend is from the integers it was given, and what their rounding costs.

    :return: energy of the difference to the exact integer network of this processor, and that of
        leaving out the rounding of what its layers read, both over the energy of its output.
    """
    kind, inputs = CASES[case]
    network = Network(kind, signed=inputs != (0.0, 1.0)).eval()
    pixels = torch.randn(1, 3, *_SIZE, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)
    quantise_inputs(network, dict.fromkeys(['first', 'second'], inputs))
    with tempfile.TemporaryDirectory() as folder:
        options = BackendOptions(
            LoadedNetwork(network, case), _SIZE, Precision.FP32, 'cpu', threads=1,
            cache=ExportCache(Path(folder)),
        )  # fmt: skip
        found = torch.from_numpy(BACKENDS[name](options).infer(pixels.numpy()))
    for layer in BACKENDS[name].narrowed(network, 'cpu'):
        weight = network.get_submodule(layer).weight
        weight.data = narrow_weights(weight.data)
    exact = network(pixels)[0]
    for layer in (network.first, network.second):
        layer._forward_pre_hooks.clear()
    return relative_energy(found, exact), relative_energy(network(pixels)[0], exact)


def all_errors(names: Sequence[str]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the errors by backend and case."""
    return {name: {case: errors(name, case) for case in CASES} for name in names}


if __name__ == '__main__':
    sys.stdout.write(json.dumps(all_errors(sys.argv[1:])))
