"""Files of OpenVINO IR and ONNX in OpenVINO, on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import BackendError
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.backends.network_file import FileOptions, Port, Run
from depth_anything_ros.inference.devices import Device, DeviceKind
from depth_anything_ros.types import Precision

HINTS = {Precision.FP32: 'f32', Precision.BF16: 'bf16', Precision.FP16: 'f16'}

PLUGINS = {DeviceKind.CPU: 'CPU', DeviceKind.INTEL_GPU: 'GPU', DeviceKind.INTEL_NPU: 'NPU'}
"""What OpenVINO calls a device."""

_DTYPES = {'f32': 'float32', 'f16': 'float16', 'f64': 'float64', 'u8': 'uint8'}


class OpenVinoFile:
    """
    Open an IR (.xml with its .bin) or an ONNX file in OpenVINO; each size is compiled for itself.

    :param path: of the file.
    :param options: how it is run.
    :raises BackendError: if it cannot be read.
    """

    suffixes: ClassVar[tuple[str, ...]] = ('.xml', '.onnx')

    def __init__(self, path: Path, options: FileOptions) -> None:
        self._path = path
        self._device = Device.parse(options.device)
        self._config = settings(options.precision, options.threads, self._device)
        try:
            self._model = core().read_model(path)
        except RuntimeError as error:
            raise BackendError(f"openvino cannot read '{path}': {reason(error)}") from error

    @property
    def inputs(self) -> Sequence[Port]:
        """Return what it reads."""
        return [_port(one) for one in self._model.inputs]

    @property
    def outputs(self) -> Sequence[Port]:
        """Return what it gives."""
        return [_port(one) for one in self._model.outputs]

    def runner(self, shape: tuple[int, ...], outputs: Sequence[int]) -> Run:
        """
        Return what runs it on input of this shape and returns some of its outputs.

        :raises BackendError: if it cannot be compiled for that shape.
        """
        try:
            model = self._model.clone()
            model.reshape(list(shape))
            name = plugin(self._device)
            request = core().compile_model(model, name, self._config).create_infer_request()
        except RuntimeError as error:
            raise BackendError(
                f"openvino cannot compile '{self._path}': {reason(error)}"
            ) from error

        def run(pixels: NDArray[Any]) -> list[NDArray[Any]]:
            try:
                found = request.infer([pixels], share_inputs=True)
            except RuntimeError as error:
                raise BackendError(f'openvino failed: {reason(error)}') from error
            # Copies: the memory is that of the next image, too.
            return [np.array(found[place]) for place in outputs]

        return run


def plugin(device: Device) -> str:
    """Return what OpenVINO calls a device, with the number of one that is not the first."""
    name = PLUGINS[device.kind]
    return f'{name}.{device.index}' if device.index else name


def settings(precision: Precision, threads: int, device: Device) -> dict[str, Any]:
    """Return how a network is compiled; `threads` of the CPU, 0 leaves these to the library."""
    config: dict[str, Any] = {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': HINTS[precision],
    }
    if threads > 0 and device.kind is DeviceKind.CPU:
        config['INFERENCE_NUM_THREADS'] = threads
    return config


@cache
def core() -> Any:
    """
    Return the one core of the process, never given back.

    The plugin for the CPU gives the thread that loads it a signal stack of its own. With the last
    core it goes away, perhaps on another thread, and takes that memory along: the next signal that
    the first thread gets would crash the process.
    """
    import openvino

    return openvino.Core()


def compile_file(path: Path, device: Device, config: Mapping[str, Any]) -> Any:
    """
    Return a request that runs an IR as it is.

    :param device: one of PLUGINS.
    :param config: as :func:`settings` returns it.
    :raises BackendError: if it cannot be compiled.
    """
    try:
        model = core().compile_model(core().read_model(path), plugin(device), config)
        return model.create_infer_request()
    except RuntimeError as error:
        raise BackendError(f"openvino cannot compile '{path}': {error}") from error


@contextmanager
def root_log_level_kept() -> Iterator[None]:
    """Undo what the converter does to the root logger: all warnings would vanish after it."""
    root = logging.getLogger()
    level = root.level
    try:
        yield
    finally:
        root.setLevel(level)


def write_at_size(graph: Path, size: tuple[int, int], path: Path) -> None:
    """
    Write the network of an ONNX file as OpenVINO IR that reads one (height, width).

    :param graph: of the network, which reads any size.
    :param path: of the .xml file, in a folder that is there.
    :raises BackendError: if it cannot be read.
    :raises OutputError: if there is no room.
    """
    import openvino

    try:
        # Unlike what reads files it also merges what can be, which compiling would do each time.
        with root_log_level_kept():
            model = openvino.convert_model(graph, input=[1, 3, *size])
    except RuntimeError as error:
        raise BackendError(f"openvino cannot read '{graph}': {reason(error)}") from error
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        # Its words are of streams, whatever the reason.
        raise output_error(path, OSError('OpenVINO could not write all of it')) from error


def reason(error: Exception) -> str:
    """Return why the library raised, in one line, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(('Exception from', 'Check '))]
    return ' '.join(told or lines)


def _port(given: Any) -> Port:
    shape, rank = given.get_partial_shape(), given.get_partial_shape().rank
    sides = (
        tuple(side.get_length() if side.is_static else None for side in shape)
        if rank.is_static
        else None
    )
    dtype = given.get_element_type().get_type_name()
    return Port(given.get_any_name(), sides, _DTYPES.get(dtype, dtype))
