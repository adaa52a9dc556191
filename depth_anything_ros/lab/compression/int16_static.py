"""Integers of 16 bits with a scale for each output channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from depth_anything_ros.lab.compression.recipe import Kind, Layer, ModelContext, PackedState
from depth_anything_ros.models.packed import PackedTensor

LARGEST = 32767
# Steps tried for a channel, as the integer that its largest magnitude gets.
_REACHES = range(LARGEST, LARGEST - 16 * 47, -47)
# How much the spread of the errors counts beside their sum.
_SPREAD = 0.1
# Weights with fewer numbers a channel stay as they are.
_LEAST_NUMBERS = 64


@dataclass(frozen=True)
class Int16Static:
    """
    Store weights as int16, read back as float32.

    Weights of linear and convolution layers have a scale for each output channel, tables such as
    that of positions one for each column. What has one axis (biases, norms) stays float32, and so
    do weights with fewer than 64 numbers a channel (depthwise convolutions, a stem): they are a
    small part of a model, and errors of few numbers do not average out.
    Source: "Depth Anything V2 Mini", static INT16, with the scale that its code leaves out.
    """

    kind: ClassVar[Kind] = Kind.NUMBER_FORMAT
    calibrated: ClassVar[bool] = False

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:
        """Return the tensors, those with enough numbers a channel in int16."""
        return {name: _packed(tensor, context.layers.get(name)) for name, tensor in state.items()}


def quantise(values: Tensor, axis: int) -> PackedTensor:
    """
    Return values as symmetric int16, at most half a step of their channel away.

    The step of a channel is its largest magnitude / 32767, or up to 2 % more: of 16 steps the one
    whose rounding errors add up to least. What a layer reads mostly left a ReLU or is an image,
    so its numbers share a mean, and the sum of the errors times that mean shifts a whole channel.

    :param values: float32, finite.
    :param axis: of the channels.
    """
    rows = values.movedim(axis, 0).flatten(1).double()  # (C, N)
    largest = rows.abs().amax(dim=1, keepdim=True)
    best = torch.full_like(largest, torch.inf)
    scale = torch.zeros_like(largest)
    for reach in _REACHES:
        step = (largest / reach).float().double()  # as it is read back
        errors = _integers(rows, step) * step - rows
        spread = errors.square().sum(1, keepdim=True)
        cost = errors.sum(1, keepdim=True).square() + _SPREAD * spread
        scale = torch.where(cost < best, step, scale)
        best = torch.minimum(cost, best)
    channels = [1] * values.ndim
    channels[axis] = -1
    scale = scale.reshape(channels)
    return PackedTensor(_integers(values.double(), scale).to(torch.int16), scale.float())


def _integers(values: Tensor, step: Tensor) -> Tensor:
    return (values / torch.where(step > 0, step, 1.0)).round().clamp(-LARGEST, LARGEST)


def _packed(tensor: PackedTensor, layer: Layer | None) -> PackedTensor:
    values = tensor.values
    if values.ndim < 2 or not values.is_floating_point():
        return tensor
    axis = layer.axis if layer else values.ndim - 1
    few = values.numel() < _LEAST_NUMBERS * values.shape[axis]
    return tensor if few else quantise(values, axis)
