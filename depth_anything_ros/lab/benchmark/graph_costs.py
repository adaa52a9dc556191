"""How many parameters a network file holds, and the operations it makes for one image."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.inference.backends.openvino_file import core

# Numbers of 8 bits and more; shapes and places are whole numbers of 32 and 64.
_WEIGHTS = ('f64', 'f32', 'f16', 'bf16', 'i8', 'u8')
# A constant of fewer numbers is a factor or a limit, not something learnt.
_FEWEST = 2


def count_costs(path: Path, shape: tuple[int, ...]) -> tuple[int, int]:
    """
    Return the parameters of a network file, and its multiply-accumulates for input of a shape.

    Matrix products and convolutions count, as for networks of the package.

    :raises MissingDependencyError: if openvino, which reads the graph, is not installed.
    """
    if find_spec('openvino') is None:
        raise MissingDependencyError('openvino', 'openvino')
    model = core().read_model(path)
    model.reshape(list(shape))
    parameters = operations = 0
    for node in model.get_ops():
        kind = node.get_type_name()
        if kind == 'Constant':
            size = math.prod(node.get_output_shape(0))
            known = node.get_output_element_type(0).get_type_name() in _WEIGHTS
            parameters += size if known and size >= _FEWEST else 0
        elif kind in _COSTS:
            operations += _COSTS[kind](node)
    return parameters, operations


def _convolution(node: Any) -> int:
    # Weights are (out, in, …), in groups (groups, out, in, …).
    grouped = node.get_type_name().startswith('Group')
    weights = list(node.get_input_shape(1))[2 if grouped else 1 :]
    return int(math.prod(node.get_output_shape(0)) * math.prod(weights))


def _transposed(node: Any) -> int:
    # Weights are (in, out, …), in groups (groups, in, out, …).
    grouped = node.get_type_name().startswith('Group')
    weights = list(node.get_input_shape(1))[2 if grouped else 1 :]
    return int(math.prod(node.get_input_shape(0)) * math.prod(weights))


def _product(node: Any) -> int:
    shape, turned = list(node.get_input_shape(0)), node.get_attributes()['transpose_a']
    inner = shape[-2] if turned and len(shape) > 1 else shape[-1]
    return int(math.prod(node.get_output_shape(0)) * inner)


_COSTS: dict[str, Callable[[Any], int]] = {
    'Convolution': _convolution,
    'GroupConvolution': _convolution,
    'ConvolutionBackpropData': _transposed,
    'GroupConvolutionBackpropData': _transposed,
    'MatMul': _product,
}
