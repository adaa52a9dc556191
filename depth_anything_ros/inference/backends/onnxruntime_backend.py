"""ONNX Runtime on the CPU: for machines that OpenVINO does not serve, ARM above all."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference.backends.base import (
    BackendOptions,
    NetworkOutput,
    check_pixels,
    require_cpu,
    require_precision,
)
from depth_anything_ros.inference.backends.onnx_file import failures, open_session
from depth_anything_ros.inference.backends.processor import narrowed_layers
from depth_anything_ros.types import Float32Array, Precision

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

_MODEL_FILE = 'model.onnx'


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

        # They import torch, which a network in a folder runs without.
        from depth_anything_ros.inference.backends.export import export_key, export_label
        from depth_anything_ros.inference.backends.onnx_export import export_onnx

        self._size = options.size
        narrowed = self.narrowed(options.estimator)
        versions = {'onnx': onnx.__version__, 'onnxruntime': onnxruntime.__version__}
        self._session = options.cache.load(
            export_label(options, self.name),
            export_key(options, narrowed, **versions),
            lambda target: export_onnx(
                options.estimator, options.size, narrowed, target / _MODEL_FILE
            ),
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
