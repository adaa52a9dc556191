"""ONNX files made over for a GPU: products in half precision, integers that TensorRT reads."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.devices import Device, DeviceKind
from depth_anything_ros.types import Precision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

# What protobuf writes at once.
LARGEST_FILE = 2_000_000_000

_QUANTISE, _DEQUANTISE = 'QuantizeLinear', 'DequantizeLinear'
_PRODUCTS = frozenset({'MatMul', 'Gemm', 'Conv', 'ConvTranspose'})
_UNSIGNED, _SIGNED = 255, 127
_FLOAT32, _FLOAT16 = 1, 10  # TensorProto.DataType


class Rewriting(str, Enum):
    """What is made over in a file before a GPU runs it."""

    NONE = ''
    HALF = 'half'
    SIGNED = 'signed'


def rewriting_for(device: Device, precision: Precision, path: Path) -> Rewriting:
    """
    Return what has to be made over in a file for a device.

    CUDA computes in the number formats of the file, TensorRT chooses its own.

    :param path: of the file.
    """
    if device.kind is DeviceKind.CUDA and precision is Precision.FP16:
        return Rewriting.HALF
    if device.kind is DeviceKind.TENSORRT and rounds_to_integers(path):
        return Rewriting.SIGNED
    return Rewriting.NONE


def rounds_to_integers(path: Path) -> bool:
    """Return whether an ONNX file holds or makes integers that stand for numbers."""
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(name.encode()) >= 0 for name in (_QUANTISE, _DEQUANTISE))


def rewrite(rewriting: Rewriting, source: Path, target: Path) -> None:
    """
    Write a file made over; weights beyond 2 GB stand in a file beside.

    :param source: may be the same as the target.
    :raises MissingDependencyError: if onnx is not installed.
    :raises BackendError: if the file cannot be made over; the message says what is in the way.
    :raises OutputError: if there is no room.
    """
    if find_spec('onnx') is None:
        raise MissingDependencyError('onnx', 'onnx')
    import onnx

    model = onnx.load(source)
    if rewriting is Rewriting.HALF:
        _compute_in_half(model, source)
    elif rewriting is Rewriting.SIGNED:
        _sign_integers(model, source)
    save(model, target)


def save(model: ModelProto, path: Path) -> None:
    """
    Write an ONNX file.

    :raises OutputError: if there is no room.
    """
    import onnx

    large = model.ByteSize() > LARGEST_FILE
    try:
        onnx.save(model, path, save_as_external_data=large, location=f'{path.name}.data')
    except OSError as error:
        raise output_error(path, error) from error


def _compute_in_half(model: ModelProto, path: Path) -> None:
    """
    Let products compute in float16, as torch's autocast does: the rest stays float32.

    Sums over a network's depth, norms and softmax need the range. Weights that float16 cannot
    reach keep their layer in float32.
    """
    from onnx import TensorProto, helper

    types = _types(model, path)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    narrow: dict[str, TensorProto | None] = {}
    cast: set[str] = set()
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        names = [name for name in node.input if name]
        of_floats = all(types.get(name) == TensorProto.FLOAT for name in names)
        for name in names if of_floats and node.op_type in _PRODUCTS else ():
            if name in weights and name not in narrow:
                narrow[name] = _narrowed(weights[name])
        fits = all(narrow.get(name) is not None for name in names if name in weights)
        if node.op_type not in _PRODUCTS or not of_floats or not fits:
            nodes.append(node)
            continue
        for name in dict.fromkeys(names):
            if name not in weights and name not in cast:
                nodes.append(helper.make_node('Cast', [name], [_half(name)], to=_FLOAT16))
                cast.add(name)
        node.input[:] = [_half(name) if name else '' for name in node.input]
        given, node.output[0] = node.output[0], f'{node.output[0]}_of_half'
        nodes += [node, helper.make_node('Cast', [node.output[0]], [given], to=_FLOAT32)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = _read_names(nodes)
    found = [*weights.values(), *filter(None, narrow.values())]
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensor for tensor in found if tensor.name in used)


def _narrowed(weights: TensorProto) -> TensorProto | None:
    """Return weights in float16, None where that cannot reach them."""
    from onnx.numpy_helper import from_array, to_array

    numbers = to_array(weights)
    if np.abs(numbers).max(initial=0.0) > np.finfo(np.float16).max:
        return None
    return from_array(numbers.astype(np.float16), _half(weights.name))


def _read_names(nodes: Iterable[NodeProto]) -> set[str]:
    """Return all names that nodes read, those within their branches and loops too."""
    read = set()
    for node in nodes:
        read.update(node.input)
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                read |= _read_names(graph.node)
                read.update(output.name for output in graph.output)
    return read


def _half(name: str) -> str:
    return f'{name}_half'


def _types(model: ModelProto, path: Path) -> dict[str, int]:
    """Return the number formats of what goes through a graph, by name."""
    from onnx.shape_inference import infer_shapes

    try:
        graph = infer_shapes(model).graph
    except (ValueError, RuntimeError) as error:
        raise BackendError(
            f"'{path}' cannot be made to compute in fp16: {error}; take precision fp32, or device "
            'tensorrt'
        ) from error
    values = (*graph.input, *graph.value_info, *graph.output)
    found = {value.name: int(value.type.tensor_type.elem_type) for value in values}
    return found | {tensor.name: tensor.data_type for tensor in graph.initializer}


def _sign_integers(model: ModelProto, path: Path) -> None:
    """
    Let numbers from 0 on round to 0..127 instead of 0..255.

    TensorRT reads integers with a sign only. It takes those without for such as have one, and then
    clips what lies in the upper half of their range.
    Source: QuantDequantLinearHelper of onnx-tensorrt's onnxOpImporters.cpp.
    """
    from onnx import TensorProto
    from onnx.numpy_helper import from_array, to_array

    constants = _constants(model)
    rounded = {node.output[0] for node in model.graph.node if node.op_type == _QUANTISE}
    added: dict[str, TensorProto] = {}
    for node in model.graph.node:
        if node.op_type not in (_QUANTISE, _DEQUANTISE):
            continue
        zero = constants.get(node.input[2]) if len(node.input) > 2 else None
        # Without a zero, what is stored has its own number format.
        kind = zero or (constants.get(node.input[0]) if node.op_type == _DEQUANTISE else None)
        if kind is not None and kind.data_type != TensorProto.UINT8:
            continue
        steps = constants.get(node.input[1])
        if zero is None or steps is None or np.any(to_array(zero)):
            raise _unsigned_error(path, node.name, 'has no constant step, or a zero point but 0')
        if node.op_type == _DEQUANTISE and node.input[0] not in rounded:
            raise _unsigned_error(path, node.name, 'reads integers that are stored')
        # Of its own: steps and zeros may serve layers with signs too.
        for place, values in (
            (1, (to_array(steps) * (_UNSIGNED / _SIGNED)).astype(np.float32)),
            (2, to_array(zero).astype(np.int8)),
        ):
            name = f'{node.input[place]}_signed'
            added[name] = from_array(values, name)
            node.input[place] = name
    model.graph.initializer.extend(added.values())


def _constants(model: ModelProto) -> dict[str, TensorProto]:
    """Return the constants of a graph by all names that they go by."""
    found = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:  # each after what it reads
        if node.op_type == 'Constant' and node.attribute[0].name == 'value':
            found[node.output[0]] = node.attribute[0].t
        elif node.op_type == 'Identity' and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _unsigned_error(path: Path, node: str, why: str) -> BackendError:
    return BackendError(
        f"'{path}' rounds to integers without a sign in '{node}', which {why}: TensorRT would "
        'misread them; quantise it with symmetric int8, or take device cuda'
    )
