"""Networks whose every parameter matters, what they read, and how near two of them are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from depth_anything_ros.models.checkpoint import Weights, load_weights
from depth_anything_ros.models.spec import ModelSpec


def randomise(network: nn.Module, seed: int = 0) -> None:
    """Fill every parameter, so that each of them matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in network.named_parameters():
            if values.ndim == 1:
                values.normal_(0.0, 0.2, generator=generator)
                values.add_(0.0 if name.endswith('bias') else 1.0)
            else:
                values.normal_(0.0, 0.7 / math.sqrt(values[0].numel()), generator=generator)


def random_weights(spec: ModelSpec) -> Weights:
    """Return random weights of a model, biases too, which the package's own set to zero."""
    weights = load_weights(spec, weights='random', seed=4)
    generator = torch.Generator().manual_seed(5)
    state = {
        name: values + 0.1 * torch.rand(values.shape, generator=generator)
        if name.endswith('.bias')
        else values
        for name, values in weights.state.items()
    }
    return replace(weights, state=state)


@contextmanager
def outputs_of(modules: Iterable[nn.Module]) -> Iterator[list[Any]]:
    """Yield a list that every call of a module adds its output to, while it lasts."""
    outputs: list[Any] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
        for module in modules
    ]
    yield outputs
    for hook in hooks:
        hook.remove()


def image(height: int, width: int) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def closeness(ours: Tensor, theirs: Tensor, least_range: float = 1e-2) -> float:
    """Return the largest difference over the range of the second, which has to be that wide."""
    assert ours.shape == theirs.shape
    assert float(theirs.max() - theirs.min()) > least_range
    return float((ours - theirs).abs().max() / (theirs.max() - theirs.min()))
