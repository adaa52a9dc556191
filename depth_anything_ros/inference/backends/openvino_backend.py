"""OpenVINO: the fastest on x86, more so with bf16 instructions; Intel's GPUs and NPUs too."""

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
from depth_anything_ros.inference.backends.openvino_file import (
    PLUGINS,
    compile_file,
    core,
    plugin,
    settings,
    write_at_size,
)
from depth_anything_ros.inference.backends.processor import cpu_has_bf16, narrowed_layers
from depth_anything_ros.inference.devices import Device, DeviceKind, require_device
from depth_anything_ros.types import Float32Array, Precision

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

_MODEL_FILE = 'model.xml'
_PRECISIONS = {
    DeviceKind.CPU: (Precision.FP32, Precision.BF16),
    DeviceKind.INTEL_GPU: (Precision.FP32, Precision.FP16),
    DeviceKind.INTEL_NPU: (Precision.FP16,),
}
_DRIVERS = {
    DeviceKind.INTEL_GPU: "Intel's OpenCL driver (intel-opencl-icd), and in a container /dev/dri",
    DeviceKind.INTEL_NPU: "Intel's linux-npu-driver, and in a container /dev/accel",
}


class OpenVinoBackend:
    """
    Run a network with OpenVINO, converted straight from the torch module.

    :param options: what to run and how.
    :raises BackendError: if OpenVINO cannot convert or compile the network.
    """

    name: ClassVar[str] = 'openvino'
    libraries: ClassVar[tuple[str, ...]] = ('openvino',)

    def __init__(self, options: BackendOptions) -> None:
        source, self._size = options.source, options.size
        device = Device.parse(options.device)
        config = settings(options.precision, options.threads, device)
        narrowed: tuple[str, ...] = ()
        if source.integers:
            # It imports torch, which an export without integers runs without.
            from depth_anything_ros.models.quantised import dynamic_layers, dynamic_width

            narrowed = self.narrowed(source.estimator(), options.device)
            if device.kind is DeviceKind.CPU and dynamic_layers(source.estimator()):
                # How many numbers share a step; what does not divide a token is computed in
                # floats.
                config['DYNAMIC_QUANTIZATION_GROUP_SIZE'] = dynamic_width(source.estimator())
        form = ExportForm(options.size, narrowed, options.device, options.precision)
        self._request = options.cache.load(
            export_label(options, self.name),
            export_key(options, self.libraries, narrowed),
            lambda folder: source.export(self.name, form, folder),
            lambda folder: compile_file(folder / _MODEL_FILE, device, config),
        )

    @classmethod
    def export(cls, estimator: DepthEstimator, form: ExportForm, folder: Path) -> None:
        """Write a network as OpenVINO IR; see `ExportingBackend`."""
        from depth_anything_ros.inference.backends.openvino_export import export_openvino

        export_openvino(estimator, form.size, form.narrowed, folder / _MODEL_FILE)

    @classmethod
    def export_graph(cls, graph: Path, form: ExportForm, folder: Path) -> None:
        """Write the network of an ONNX file as OpenVINO IR; see `ExportingBackend`."""
        write_at_size(graph, form.size, folder / _MODEL_FILE)

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        """
        Check that OpenVINO is installed and can compute in `precision` on the device.

        :raises MissingDependencyError: if openvino is not installed.
        :raises BackendError: if the device is not here, or lacks the precision.
        """
        if find_spec('openvino') is None:
            raise MissingDependencyError('openvino', 'openvino')
        found = require_device(cls.name, device, PLUGINS)
        require_precision(cls.name, device, precision, _PRECISIONS[found.kind])
        if found.kind is not DeviceKind.CPU:
            _require_intel(found)
        elif precision is Precision.BF16:
            capabilities = core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
            if 'BF16' not in capabilities:
                raise BackendError(f'{cls.name} cannot compute in bf16 on this CPU; allowed: fp32')

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        """Return bf16 where the CPU has instructions for it, else fp32; fp16 off the CPU."""
        if device != DeviceKind.CPU.value:
            return Precision.FP16
        return Precision.BF16 if cpu_has_bf16() else Precision.FP32

    @classmethod
    def narrowed(cls, estimator: DepthEstimator, device: str) -> tuple[str, ...]:
        """
        Return the layers whose weights take 7 bits on this processor, none off the CPU.

        Without VNNI OpenVINO computes layers with dynamic ranges in floats.
        """
        return narrowed_layers(estimator, device, dynamic=False)

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


def _require_intel(device: Device) -> None:
    """Check that OpenVINO sees the device, which needs a driver."""
    name, seen = plugin(device), core().available_devices
    # A single one has no number, of several each has.
    if name not in seen and f'{name}.0' not in seen:
        raise BackendError(
            f"openvino sees no {name}, only {', '.join(seen)}: '{device.kind.value}' needs "
            f'{_DRIVERS[device.kind]}'
        )
