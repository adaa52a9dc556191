"""Networks as ONNX files: what torch writes, and integers where layers multiply them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depth_anything_ros.errors import BackendError
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.backends.export import exported, output_names, tracing
from depth_anything_ros.inference.backends.onnx_rewriting import save
from depth_anything_ros.inference.backends.onnx_session import failures
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.quantised import (
    dynamic_layers,
    narrow_steps,
    narrow_weights,
    weight_steps,
)

_OPSET = 17


def export_onnx(
    estimator: DepthEstimator,
    size: tuple[int, int],
    narrowed: Collection[str],
    path: Path,
    dynamic: bool = True,
) -> None:
    """
    Write a network as an ONNX file for one input size; weights beyond 2 GB stand in files beside.

    :param estimator: the network in evaluation mode, on the CPU in fp32.
    :param size: (height, width) of its input.
    :param narrowed: names of the layers whose weights take 7 bits.
    :param path: of the file, in a folder that is there.
    :param dynamic: whether layers that find the range of what they read for every image multiply
        integers; for what cannot they multiply floats.
    :raises BackendError: if torch or ONNX Runtime cannot convert it.
    :raises OutputError: if there is no room.
    """
    # From 2.5 on torch has two exporters; the newer one needs one more library.
    parameters = inspect.signature(torch.onnx.export).parameters
    classic: dict[str, Any] = {'dynamo': False} if 'dynamo' in parameters else {}
    with tracing(estimator, size, narrowed) as example:
        try:
            torch.onnx.export(
                exported(estimator),
                (example,),
                str(path),
                input_names=['pixels'],
                output_names=output_names(estimator),
                opset_version=_OPSET,
                **classic,
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise BackendError(f'torch cannot export the network to ONNX: {error}') from error
    layers = dynamic_layers(estimator) if dynamic else []
    if layers:
        _quantise_products(path, narrow=bool({*layers} & {*narrowed}))


def _quantise_products(path: Path, narrow: bool) -> None:
    """
    Let matrix products with constants multiply integers, weights with a step a channel.

    :param narrow: whether products must not saturate in sums of 16 bits.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    silent = logging.NullHandler()
    # It writes a hint to the root logger, which without a handler gets one that stays.
    root.addHandler(silent)
    try:
        quantize_dynamic(
            path,
            path,
            op_types_to_quantize=['MatMul'],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
    except DecodeError as error:
        # It reads back what it has written on its way, where a full disk cut it off.
        raise output_error(path, OSError(error)) from error
    except failures() as error:
        raise BackendError(f'onnxruntime cannot quantise the network: {error}') from error
    finally:
        root.removeHandler(silent)
    if narrow:
        _narrow_products(path)


def _narrow_products(path: Path) -> None:
    """Give the integers of matrix products larger steps where two products can saturate."""
    import onnx
    from onnx.numpy_helper import from_array, to_array

    model = onnx.load(path)
    constants = {constant.name: constant for constant in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != 'MatMulInteger':
            continue
        name = node.input[1]
        scale = constants[name.removesuffix('_quantized') + '_scale']
        integers = torch.from_numpy(to_array(constants[name]).copy()).float().T
        steps = narrow_steps(integers)
        narrowed = (narrow_weights(integers) / steps.unsqueeze(1)).round().to(torch.int8).T
        steps = steps / weight_steps(integers)
        constants[name].CopyFrom(from_array(narrowed.contiguous().numpy(), name))
        scale.CopyFrom(from_array(to_array(scale) * steps.numpy(), scale.name))
    onnx.save(model, path)


def store_in_half(source: Path, target: Path) -> None:
    """
    Write an ONNX file with its weights in 16 bits, which a library reads back as float32.

    Tensors with numbers that float16 cannot reach stay as they are.

    :raises OutputError: if there is no room.
    """
    import onnx
    from onnx import TensorProto, helper
    from onnx.numpy_helper import from_array, to_array

    model = onnx.load(source)
    casts = []
    for constant in model.graph.initializer:
        if constant.data_type != TensorProto.FLOAT:
            continue
        numbers = to_array(constant)
        if numbers.size < 2 or np.abs(numbers).max() > np.finfo(np.float16).max:
            continue
        name = constant.name
        constant.CopyFrom(from_array(numbers.astype(np.float16), f'{name}_fp16'))
        casts.append(
            helper.make_node('Cast', [constant.name], [name], f'{name}_cast', to=TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    save(model, target)
