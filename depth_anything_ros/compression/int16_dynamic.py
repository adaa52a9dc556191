"""Floating point of 16 bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from depth_anything_ros.compression.recipe import Kind, Layer, PackedState
from depth_anything_ros.models.packed import PackedTensor

_LARGEST = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class Int16Dynamic:
    """
    Store weights as float16; the precision of the backend says what is computed in.

    What has one axis (biases, norms) stays float32, and so does a tensor with a number that
    float16 cannot hold.
    Source: "Depth Anything V2 Mini", dynamic INT16, which is float16 there too.
    """

    kind: ClassVar[Kind] = Kind.NUMBER_FORMAT

    def apply(self, state: PackedState, layers: Mapping[str, Layer]) -> PackedState:  # noqa: ARG002
        """Return the tensors with float16 where they fit."""
        return {name: _packed(tensor) for name, tensor in state.items()}


def _packed(tensor: PackedTensor) -> PackedTensor:
    values = tensor.values
    if values.ndim < 2 or not values.is_floating_point() or values.abs().max() > _LARGEST:
        return tensor
    return PackedTensor(values.half())
