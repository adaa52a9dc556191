"""Integers of 8 bits, with the range of what a layer reads found for every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from depth_anything_ros.lab.compression.balance import balance
from depth_anything_ros.lab.compression.int8 import pack
from depth_anything_ros.lab.compression.recipe import Kind, ModelContext, PackedState
from depth_anything_ros.models.activation import DYNAMIC


@dataclass(frozen=True)
class Int8Dynamic:
    """
    Store weights as int8 with a scale for each output channel; linear layers multiply integers.

    Convolutions compute in the precision of the backend. Norms and the weights that read them are
    balanced. What has one axis (biases, norms) stays
    float32, tables are float16.
    Source: "Depth Anything V2 Mini", dynamic INT8.
    """

    kind: ClassVar[Kind] = Kind.NUMBER_FORMAT
    calibrated: ClassVar[bool] = False

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:
        """Return the tensors, weights of layers in int8."""
        linear = [name for name, layer in context.layers.items() if layer.linear]
        return pack(balance(state, context), context, dict.fromkeys(linear, DYNAMIC))
