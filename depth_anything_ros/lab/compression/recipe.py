"""What a compression recipe is, and what it works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from depth_anything_ros.errors import CompressionError
from depth_anything_ros.models import create_model
from depth_anything_ros.models.activation import ActivationRange
from depth_anything_ros.models.checkpoint import build_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.models.spec import ModelSpec

_LEAST_AMOUNT, _MOST_AMOUNT = 0.1, 0.9

PackedState = dict[str, PackedTensor]
"""The tensors of a model by their public names."""


class Kind(Enum):
    """What a recipe changes; a chain has at most one of each kind, in this order."""

    STRUCTURE = 'structure'
    SPARSITY = 'sparsity'
    NUMBER_FORMAT = 'number format'


class Layer(NamedTuple):
    """
    Describe the weight of a layer.

    `axis` is that of its output channels; `prunable` and `linear` tell what kind it is.
    """

    axis: int
    prunable: bool
    linear: bool = False


@dataclass(frozen=True)
class ModelContext:
    """
    What recipes know of a model besides its tensors.

    `layers` are the weights of its linear and convolution layers, by name; `images` are network
    inputs, float32 (1, 3, h, w) each, that show what it will see.
    """

    spec: ModelSpec
    layers: Mapping[str, Layer]
    images: Sequence[Tensor] = ()


class Recipe(Protocol):
    """
    Change how the tensors of a model are stored; frozen dataclasses with these members.

    `calibrated` tells whether it looks at images.
    """

    kind: ClassVar[Kind]
    calibrated: ClassVar[bool]

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:
        """
        Return the changed tensors; the given ones stay as they are.

        :param state: of a whole model.
        :param context: the model.
        :raises CompressionError: if the recipe needs images and there are none.
        """


def check_amount(recipe: str, amount: float) -> None:
    """
    Check the share that a recipe prunes.

    :raises CompressionError: if it is out of range.
    """
    if not _LEAST_AMOUNT <= amount <= _MOST_AMOUNT:
        raise CompressionError(
            f'recipe {recipe}: amount {amount:g}; allowed: {_LEAST_AMOUNT:g} to {_MOST_AMOUNT:g}'
        )


def compress(
    spec: ModelSpec,
    state: Mapping[str, Tensor],
    recipes: Iterable[Recipe],
    images: Sequence[Tensor] = (),
) -> PackedState:
    """
    Return the tensors of a model after the recipes of a chain, one after the other.

    :param spec: the row of the model.
    :param state: its weights, float32, under the public names.
    :param recipes: as :func:`parse_chain` returns them.
    :param images: network inputs, float32 (1, 3, h, w) each, for recipes that are calibrated.
    :raises CompressionError: if a recipe needs images and there are none.
    """
    context = ModelContext(spec, layers_of(spec), images)
    packed = {name: PackedTensor(values) for name, values in state.items()}
    for recipe in recipes:
        packed = recipe.apply(packed, context)
    return packed


def estimator_of(spec: ModelSpec, state: PackedState) -> DepthEstimator:
    """Return the network with these tensors, in float32 and in evaluation mode."""
    numbers = {name: tensor.numbers() for name, tensor in state.items()}
    return build_estimator(spec, numbers, activation_ranges_of(state))


def activation_ranges_of(state: PackedState) -> dict[str, ActivationRange]:
    """Return the activation ranges of layers that round what they read, by their names."""
    return {
        name.removesuffix('.weight'): tensor.activation_range
        for name, tensor in state.items()
        if tensor.activation_range is not None
    }


def layers_of(spec: ModelSpec) -> dict[str, Layer]:
    """Return the weights of the linear and convolution layers of a model, by name, in order."""
    with torch.device('meta'):
        model = create_model(spec)
    layers: dict[str, Layer] = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            linear = isinstance(module, nn.Linear)
            layers[f'{name}.weight'] = Layer(axis=0, prunable=True, linear=linear)
        elif isinstance(module, nn.ConvTranspose2d):
            # torch keeps these (inputs, outputs / groups, rows, columns).
            layers[f'{name}.weight'] = Layer(axis=1, prunable=False)
    return layers
