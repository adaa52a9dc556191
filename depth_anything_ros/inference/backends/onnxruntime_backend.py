"""ONNX Runtime on the CPU: for machines that OpenVINO does not serve, ARM above all."""

from __future__ import annotations

import inspect
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

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
from depth_anything_ros.inference.backends.onnx_file import failures, open_session
from depth_anything_ros.inference.backends.processor import narrowed_layers
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.quantised import (
    dynamic_layers,
    narrow_steps,
    narrow_weights,
    weight_steps,
)
from depth_anything_ros.types import Float32Array, Precision

_MODEL_FILE = 'model.onnx'
_OPSET = 17


class OnnxRuntimeBackend:
    """
    Run a network with ONNX Runtime.

    :param options: what to run and how.
    :raises BackendError: if the network cannot be exported or loaded.
    """

    name: ClassVar[str] = 'onnxruntime'
    libraries: ClassVar[tuple[str, ...]] = ('onnx', 'onnxruntime')

    def __init__(self, options: BackendOptions) -> None:
        import onnx
        import onnxruntime

        self._size = options.size
        narrowed = self.narrowed(options.estimator)
        versions = {'onnx': onnx.__version__, 'onnxruntime': onnxruntime.__version__}
        self._session = options.cache.load(
            export_label(options, self.name),
            export_key(options, narrowed, **versions),
            lambda target: _export(options, narrowed, target),
            lambda folder: open_session(folder / _MODEL_FILE, options.threads),
        )
        self._input = self._session.get_inputs()[0].name

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        """
        Check that ONNX Runtime is installed and can compute in `precision` on the CPU.

        :raises MissingDependencyError: if onnxruntime or onnx is not installed.
        :raises BackendError: if the device is not the CPU or the precision not fp32.
        """
        for module in ('onnxruntime', 'onnx'):
            if find_spec(module) is None:
                raise MissingDependencyError(module, 'onnx')
        require_cpu(cls.name, device)
        require_precision(cls.name, device, precision, (Precision.FP32,))

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        """Return fp32, the only one."""
        del device
        return Precision.FP32

    @classmethod
    def narrowed(cls, estimator: DepthEstimator) -> tuple[str, ...]:
        """Return the layers whose weights take 7 bits on this processor."""
        return narrowed_layers(estimator, dynamic=True)

    def infer(self, pixels: Float32Array) -> Float32Array:
        """
        Return the network's output, float32 (h, w).

        :param pixels: normalised image, float32 (1, 3, h, w).
        :raises BackendError: if the size is not the one built for, or ONNX Runtime fails.
        """
        values: Float32Array = self._infer(pixels)[0][0]
        return values

    def infer_with_confidence(self, pixels: Float32Array) -> NetworkOutput:
        """
        Return the network's output, with its confidence where it tells one.

        :raises BackendError: as :meth:`infer`.
        """
        return NetworkOutput(*(output[0] for output in self._infer(pixels)))

    def _infer(self, pixels: Float32Array) -> list[Float32Array]:
        check_pixels(pixels, self._size)
        try:
            outputs: list[Float32Array] = self._session.run(None, {self._input: pixels})
        except failures() as error:
            raise BackendError(f'onnxruntime failed: {error}') from error
        return outputs


def _export(options: BackendOptions, narrowed: tuple[str, ...], target: Path) -> None:
    # From 2.5 on torch has two exporters; the newer one needs one more library.
    parameters = inspect.signature(torch.onnx.export).parameters
    classic: dict[str, Any] = {'dynamo': False} if 'dynamo' in parameters else {}
    names = ['values', 'confidence'] if options.estimator.spec.confidence else ['values']
    with tracing(options, narrowed) as example:
        try:
            torch.onnx.export(
                exported(options.estimator),
                (example,),
                str(target / _MODEL_FILE),
                input_names=['pixels'],
                output_names=names,
                opset_version=_OPSET,
                **classic,
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise BackendError(f'torch cannot export the network to ONNX: {error}') from error
    dynamic = dynamic_layers(options.estimator)
    if dynamic:
        _quantise_products(target / _MODEL_FILE, narrow=bool({*dynamic} & {*narrowed}))


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
