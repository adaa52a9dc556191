"""OpenVINO on the CPU: the fastest on x86, more so with bf16 instructions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.backends.base import (
    BackendOptions,
    NetworkOutput,
    check_pixels,
    require_cpu,
    require_precision,
)
from depth_anything_ros.inference.backends.export import (
    export_key,
    export_label,
    exported,
    tracing,
)
from depth_anything_ros.inference.backends.openvino_file import (
    HINTS,
    compile_file,
    core,
    settings,
)
from depth_anything_ros.inference.backends.processor import cpu_has_bf16, narrowed_layers
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.quantised import dynamic_layers, dynamic_width, weight_steps
from depth_anything_ros.types import Float32Array, Precision

logger = logging.getLogger(__name__)

_MODEL_FILE = 'model.xml'


class OpenVinoBackend:
    """
    Run a network with OpenVINO, converted straight from the torch module.

    :param options: what to run and how.
    :raises BackendError: if OpenVINO cannot convert or compile the network.
    """

    name: ClassVar[str] = 'openvino'
    libraries: ClassVar[tuple[str, ...]] = ('openvino',)

    def __init__(self, options: BackendOptions) -> None:
        import openvino

        self._size = options.size
        narrowed = self.narrowed(options.estimator)
        key = export_key(options, narrowed, openvino=openvino.__version__)
        config = settings(options.precision, options.threads)
        if dynamic_layers(options.estimator):
            # How many numbers share a step; what does not divide a token is computed in floats.
            config['DYNAMIC_QUANTIZATION_GROUP_SIZE'] = dynamic_width(options.estimator)
        self._request = options.cache.load(
            export_label(options, self.name),
            key,
            lambda target: _convert(options, narrowed, target),
            lambda folder: compile_file(folder / _MODEL_FILE, config),
        )

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        """
        Check that OpenVINO is installed and can compute in `precision` on the CPU.

        :raises MissingDependencyError: if openvino is not installed.
        :raises BackendError: if the device is not the CPU, or lacks the precision.
        """
        if find_spec('openvino') is None:
            raise MissingDependencyError('openvino', 'openvino')
        require_cpu(cls.name, device)
        require_precision(cls.name, device, precision, tuple(HINTS))
        if precision is Precision.BF16:
            capabilities = core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
            if 'BF16' not in capabilities:
                raise BackendError(f'{cls.name} cannot compute in bf16 on this CPU; allowed: fp32')

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        """Return bf16 where the CPU has instructions for it, else fp32."""
        del device
        return Precision.BF16 if cpu_has_bf16() else Precision.FP32

    @classmethod
    def narrowed(cls, estimator: DepthEstimator) -> tuple[str, ...]:
        """
        Return the layers whose weights take 7 bits on this processor.

        Without VNNI OpenVINO computes layers with dynamic ranges in floats.
        """
        return narrowed_layers(estimator, dynamic=False)

    def infer(self, pixels: Float32Array) -> Float32Array:
        """
        Return the network's output, float32 (h, w).

        :param pixels: normalised image, float32 (1, 3, h, w).
        :raises BackendError: if the size is not the one built for, or OpenVINO fails.
        """
        return np.asarray(self._infer(pixels)[0][0], np.float32)

    def infer_with_confidence(self, pixels: Float32Array) -> NetworkOutput:
        """
        Return the network's output, with its confidence where it tells one.

        :raises BackendError: as :meth:`infer`.
        """
        outputs = self._infer(pixels)
        arrays = [np.asarray(outputs[place][0], np.float32) for place in range(len(outputs))]
        return NetworkOutput(*arrays)

    def _infer(self, pixels: Float32Array) -> Any:
        check_pixels(pixels, self._size)
        try:
            return self._request.infer([pixels], share_inputs=True)
        except RuntimeError as error:
            raise BackendError(f'openvino failed: {error}') from error


@contextmanager
def _root_log_level_kept() -> Iterator[None]:
    """Undo what the converter does to the root logger: all warnings would vanish after it."""
    root = logging.getLogger()
    level = root.level
    try:
        yield
    finally:
        root.setLevel(level)


def _convert(options: BackendOptions, narrowed: tuple[str, ...], target: Path) -> None:
    import openvino

    with tracing(options, narrowed) as example, _root_log_level_kept():
        try:
            model = openvino.convert_model(
                exported(options.estimator), example_input=example, input=list(example.shape)
            )
        except (RuntimeError, openvino.frontend.OpConversionFailure) as error:
            raise BackendError(f'openvino cannot convert the network: {error}') from error
    if dynamic_layers(options.estimator):
        _store_products_in_int8(model)
    try:
        openvino.save_model(model, target / _MODEL_FILE, compress_to_fp16=False)
    except RuntimeError as error:
        raise output_error(target, OSError(error)) from error


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
