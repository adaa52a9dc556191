"""Integers of 8 bits, with the range of what a layer reads found once, on a set of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from depth_anything_ros.errors import CompressionError
from depth_anything_ros.lab.compression.balance import balance
from depth_anything_ros.lab.compression.calibration import input_ranges
from depth_anything_ros.lab.compression.int8 import pack
from depth_anything_ros.lab.compression.recipe import Kind, ModelContext, PackedState, estimator_of


@dataclass(frozen=True)
class Int8Static:
    """
    Store weights as int8 with a scale for each output channel; all layers multiply integers.

    What linear and convolution layers read is rounded to 256 steps of a range that calibration
    finds. Norms and the weights that read them are balanced. What has one axis (biases, norms)
    stays float32, tables are float16.
    """

    kind: ClassVar[Kind] = Kind.NUMBER_FORMAT
    calibrated: ClassVar[bool] = True

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:
        """
        Return the tensors, weights of layers in int8.

        :raises CompressionError: if there are no images.
        """
        if not context.images:
            raise CompressionError('recipe int8_static needs images to find ranges on')
        layers = [name for name, layer in context.layers.items() if layer.prunable]
        balanced = balance(state, context)
        ranges = input_ranges(estimator_of(context.spec, balanced), layers, context.images)
        return pack(balanced, context, dict(ranges))
