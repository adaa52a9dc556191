"""ONNX Runtime: on the CPU, ARM above all, and on NVIDIA's GPUs, by CUDA or TensorRT."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference.backends.base import (
    BackendOptions,
    ExportForm,
    NetworkOutput,
    check_pixels,
    require_precision,
)
from depth_anything_ros.inference.backends.export_key import export_key, export_label
from depth_anything_ros.inference.backends.onnx_binding import BoundRun
from depth_anything_ros.inference.backends.onnx_file import write_at_size
from depth_anything_ros.inference.backends.onnx_providers import require_provider
from depth_anything_ros.inference.backends.onnx_rewriting import (
    Rewriting,
    rewrite,
    rewriting_for,
)
from depth_anything_ros.inference.backends.onnx_session import (
    Engine,
    failures,
    open_session,
    reason,
)
from depth_anything_ros.inference.backends.processor import narrowed_layers
from depth_anything_ros.inference.devices import Device, DeviceKind, require_device
from depth_anything_ros.types import Float32Array, Precision

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

KINDS = (DeviceKind.CPU, DeviceKind.CUDA, DeviceKind.TENSORRT)

_MODEL_FILE = 'model.onnx'
_PRECISIONS = {
    DeviceKind.CPU: (Precision.FP32,),
    DeviceKind.CUDA: (Precision.FP32, Precision.FP16),
    DeviceKind.TENSORRT: (Precision.FP32, Precision.FP16),
}


class OnnxRuntimeBackend:
    """
    Run a network with ONNX Runtime.

    On a GPU the arrays stay there between the copy in and the copy out. TensorRT builds an engine
    at the first start, for minutes, which is kept beside the export.

    :param options: what to run and how.
    :raises BackendError: if the network cannot be exported or loaded.
    """

    name: ClassVar[str] = 'onnxruntime'
    libraries: ClassVar[tuple[str, ...]] = ('onnx', 'onnxruntime')

    def __init__(self, options: BackendOptions) -> None:
        source, self._size = options.source, options.size
        device = Device.parse(options.device)
        on_cpu = device.kind is DeviceKind.CPU
        narrowed = self.narrowed(source.estimator(), options.device) if source.integers else ()
        form = ExportForm(options.size, narrowed, options.device, options.precision)
        # What an export for one device holds, another may not run.
        own_form = '' if on_cpu else f'{device.kind.value} {options.precision.value}'

        def load(folder: Path) -> tuple[Any, Engine | None]:
            path, engine = folder / _MODEL_FILE, None
            if device.kind is DeviceKind.TENSORRT:
                engine = Engine.kept(folder, path, options.precision)
            session = open_session(path, options.threads, device, options.precision, engine)
            return session, engine

        self._session, engine = options.cache.load(
            export_label(options, self.name),
            export_key(options, self.libraries, narrowed, own_form),
            lambda folder: source.export(self.name, form, folder),
            load,
        )
        if engine is not None and engine.problem and not options.cache.problem:
            options.cache.problem = engine.problem
        self._input = self._session.get_inputs()[0].name
        self._bound = None if on_cpu else self._bind(device)

    @classmethod
    def export(cls, estimator: DepthEstimator, form: ExportForm, folder: Path) -> None:
        """Write a network as an ONNX file that the device reads; see `ExportingBackend`."""
        from depth_anything_ros.inference.backends.onnx_export import export_onnx

        path = folder / _MODEL_FILE
        dynamic = Device.parse(form.device).kind is DeviceKind.CPU
        export_onnx(estimator, form.size, form.narrowed, path, dynamic)
        _make_over(path, form)

    @classmethod
    def export_graph(cls, graph: Path, form: ExportForm, folder: Path) -> None:
        """Write the network of an ONNX file with its weights in it; see `ExportingBackend`."""
        path = folder / _MODEL_FILE
        write_at_size(graph, form.size, path)
        _make_over(path, form)

    def _bind(self, device: Device) -> BoundRun:
        outputs = [one.name for one in self._session.get_outputs()]
        return BoundRun(self._session, (1, 3, *self._size), np.float32, outputs, device)

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        """
        Check that ONNX Runtime is installed and can compute in `precision` on the device.

        :raises MissingDependencyError: if onnxruntime or onnx is not installed.
        :raises BackendError: if the device or the precision cannot be had; the message says why,
            and what to install.
        """
        if find_spec('onnxruntime') is None:
            raise MissingDependencyError('onnxruntime', 'onnx')
        if find_spec('onnx') is None:
            # The extra would put onnxruntime in the place of one for a GPU.
            raise MissingDependencyError('onnx', 'onnx', ', or with `pip install onnx` alone')
        found = require_device(cls.name, device, KINDS)
        require_precision(cls.name, device, precision, _PRECISIONS[found.kind])
        require_provider(found)

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        """Return fp16 on a GPU, and fp32, the only one, on the CPU."""
        return Precision.FP32 if device == DeviceKind.CPU.value else Precision.FP16

    @classmethod
    def narrowed(cls, estimator: DepthEstimator, device: str) -> tuple[str, ...]:
        """Return the layers whose weights take 7 bits on this processor, none on a GPU."""
        return narrowed_layers(estimator, device, dynamic=True)

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
        if self._bound is not None:
            return self._bound(pixels)
        try:
            outputs: list[Float32Array] = self._session.run(None, {self._input: pixels})
        except failures() as error:
            raise BackendError(f'onnxruntime failed: {reason(error)}') from error
        return outputs


def _make_over(path: Path, form: ExportForm) -> None:
    """Make over in an exported file what its device reads otherwise."""
    rewriting = rewriting_for(Device.parse(form.device), form.precision, path)
    if rewriting is not Rewriting.NONE:
        rewrite(rewriting, path, path)
