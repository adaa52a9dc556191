"""Floating point of 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from depth_anything_ros.lab.compression.recipe import Kind, ModelContext, PackedState
from depth_anything_ros.models.packed import PackedTensor

_LARGEST = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class Fp16:
    """
    Store weights as float16; the precision of the backend says what is computed in.

    What has one axis (biases, norms) stays float32, and so does a tensor with a number that
    float16 cannot hold.
    Source: what "Depth Anything V2 Mini" calls dynamic INT16.
    """

    kind: ClassVar[Kind] = Kind.NUMBER_FORMAT
    calibrated: ClassVar[bool] = False

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:  # noqa: ARG002
        """Return the tensors with float16 where they fit."""
        return {name: to_float16(tensor) for name, tensor in state.items()}


def to_float16(tensor: PackedTensor) -> PackedTensor:
    """Return a tensor as float16 if it has more than one axis and its numbers fit."""
    values = tensor.values
    if values.ndim < 2 or not values.is_floating_point() or values.abs().max() > _LARGEST:
        return tensor
    return PackedTensor(values.half())
