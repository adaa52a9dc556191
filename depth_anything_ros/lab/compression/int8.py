"""Weights as integers of 8 bits: what the recipes with them share."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from depth_anything_ros.lab.compression.fp16 import to_float16
from depth_anything_ros.lab.compression.recipe import Layer, ModelContext, PackedState
from depth_anything_ros.models.activation import ActivationRange
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.models.quantised import LARGEST, weight_steps


def quantise(values: Tensor, axis: int) -> PackedTensor:
    """
    Return values as symmetric int8, at most half a step of their channel away.

    The step of a channel is its largest magnitude / 127.

    :param values: float32, finite.
    :param axis: of the channels.
    """
    shape = [1] * values.ndim
    shape[axis] = -1
    scale = weight_steps(values.movedim(axis, 0)).reshape(shape)
    integers = (values.double() / scale.double()).round().clamp(-LARGEST, LARGEST)
    return PackedTensor(integers.to(torch.int8), scale)


def pack(
    state: PackedState, context: ModelContext, ranges: dict[str, ActivationRange]
) -> PackedState:
    """
    Return the tensors, weights of layers in int8 and other tables in float16.

    :param ranges: by the names of weights: of layers that round what they read.
    """
    return {
        name: _packed(tensor, context.layers.get(name), ranges.get(name))
        for name, tensor in state.items()
    }


def _packed(
    tensor: PackedTensor, layer: Layer | None, activation_range: ActivationRange | None
) -> PackedTensor:
    if layer is None:
        return to_float16(tensor)
    return replace(quantise(tensor.values, layer.axis), activation_range=activation_range)
