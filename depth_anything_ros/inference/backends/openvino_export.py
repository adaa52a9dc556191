"""Networks as OpenVINO IR, converted straight from the torch module."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from depth_anything_ros.errors import BackendError
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.backends.export import exported, output_names, tracing
from depth_anything_ros.inference.backends.openvino_file import root_log_level_kept
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.quantised import dynamic_layers, weight_steps


def export_openvino(
    estimator: DepthEstimator,
    size: tuple[int, int],
    narrowed: Collection[str],
    path: Path,
    half: bool = False,
) -> None:
    """
    Write a network as OpenVINO IR for one input size: an .xml file and a .bin beside it.

    :param estimator: the network in evaluation mode, on the CPU in fp32.
    :param size: (height, width) of its input.
    :param narrowed: names of the layers whose weights take 7 bits.
    :param path: of the .xml file, in a folder that is there.
    :param half: whether weights are stored in 16 bits; they are computed with as any others.
    :raises BackendError: if OpenVINO cannot convert it.
    :raises OutputError: if there is no room.
    """
    import openvino

    with tracing(estimator, size, narrowed) as example, root_log_level_kept():
        try:
            model = openvino.convert_model(
                exported(estimator), example_input=example, input=list(example.shape)
            )
        except (RuntimeError, openvino.frontend.OpConversionFailure) as error:
            raise BackendError(f'openvino cannot convert the network: {error}') from error
    for output, name in zip(model.outputs, output_names(estimator), strict=True):
        output.get_tensor().set_names({name})
    if dynamic_layers(estimator):
        _store_products_in_int8(model)
    try:
        openvino.save_model(model, path, compress_to_fp16=half)
    except RuntimeError as error:
        # Its words are of streams, whatever the reason.
        raise output_error(path, OSError('OpenVINO could not write all of it')) from error


def _store_products_in_int8(model: Any) -> None:
    """Store the second factor of matrix products with constants as integers and their steps."""
    import openvino
    from openvino import opset13

    for node in model.get_ops():
        factor = node.input_value(1).get_node() if node.get_type_name() == 'MatMul' else None
        if factor is None or factor.get_type_name() != 'Constant':
            continue
        weights = torch.from_numpy(factor.data.copy())
        axis = 0 if node.get_attributes()['transpose_b'] else 1
        steps = weight_steps(weights.movedim(axis, 0)).unsqueeze(1 - axis)
        integers = (weights / steps).round().to(torch.int8)
        numbers = opset13.convert(opset13.constant(integers.numpy()), openvino.Type.f32)
        product = opset13.multiply(numbers, opset13.constant(steps.numpy()))
        node.input(1).replace_source_output(product.output(0))
