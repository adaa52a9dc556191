"""What a compression recipe is, and what it works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from depth_anything_ros.models import create_model
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.models.spec import ModelSpec

PackedState = dict[str, PackedTensor]
"""The tensors of a model by their public names."""


class Kind(Enum):
    """What a recipe changes; a chain has at most one of each kind, in this order."""

    SPARSITY = 'sparsity'
    NUMBER_FORMAT = 'number format'


class Layer(NamedTuple):
    """Describe the weight of a layer: the axis of its output channels, and if it is pruned."""

    axis: int
    prunable: bool


class Recipe(Protocol):
    """Change how the tensors of a model are stored; frozen dataclasses with these members."""

    kind: ClassVar[Kind]

    def apply(self, state: PackedState, layers: Mapping[str, Layer]) -> PackedState:
        """
        Return the changed tensors; the given ones stay as they are.

        :param state: of a whole model.
        :param layers: the weights of its linear and convolution layers, by name.
        """


def compress(
    spec: ModelSpec, state: Mapping[str, Tensor], recipes: Iterable[Recipe]
) -> PackedState:
    """
    Return the tensors of a model after the recipes of a chain, one after the other.

    :param spec: the row of the model.
    :param state: its weights, float32, under the public names.
    :param recipes: as :func:`parse_chain` returns them.
    """
    layers = layers_of(spec)
    packed = {name: PackedTensor(values) for name, values in state.items()}
    for recipe in recipes:
        packed = recipe.apply(packed, layers)
    return packed


def layers_of(spec: ModelSpec) -> dict[str, Layer]:
    """Return the weights of the linear and convolution layers of a model, by name, in order."""
    with torch.device('meta'):
        model = create_model(spec)
    layers: dict[str, Layer] = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            layers[f'{name}.weight'] = Layer(axis=0, prunable=True)
        elif isinstance(module, nn.ConvTranspose2d):
            # torch keeps these (inputs, outputs / groups, rows, columns).
            layers[f'{name}.weight'] = Layer(axis=1, prunable=False)
    return layers
