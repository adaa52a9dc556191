"""ONNX files in ONNX Runtime, on the CPU and on NVIDIA's GPUs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import BackendError
from depth_anything_ros.files import output_error
from depth_anything_ros.inference.backends.cache import source_digest
from depth_anything_ros.inference.backends.network_file import FileOptions, Port, Run
from depth_anything_ros.inference.backends.onnx_binding import BoundRun
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
from depth_anything_ros.inference.devices import Device, DeviceKind

_TYPES = {
    'tensor(float)': 'float32', 'tensor(float16)': 'float16', 'tensor(double)': 'float64',
    'tensor(uint8)': 'uint8',
}  # fmt: skip
_NETWORK = 'network.onnx'
_SOURCE = 'source.txt'


class OnnxFile:
    """
    Open an ONNX file in ONNX Runtime.

    One session runs it at every size, but for TensorRT, which builds an engine for each. What is
    made of the file for a GPU, and the engine, are kept in the cache.

    :param path: of the file.
    :param options: how it is run; the library computes in the precision of the file where the
        device is the CPU.
    :raises BackendError: if it cannot be read.
    """

    suffixes: ClassVar[tuple[str, ...]] = ('.onnx',)

    def __init__(self, path: Path, options: FileOptions) -> None:
        self._path = path
        self._options = options
        self._device = Device.parse(options.device)
        self._in_engine = self._device.kind is DeviceKind.TENSORRT
        # For TensorRT only to see what it reads and gives, before an engine takes minutes.
        session = open_session(path, options.threads) if self._in_engine else self._session()
        self.inputs: Sequence[Port] = [_port(one) for one in session.get_inputs()]
        self.outputs: Sequence[Port] = [_port(one) for one in session.get_outputs()]
        self._shared = None if self._in_engine else session

    def runner(self, shape: tuple[int, ...], outputs: Sequence[int]) -> Run:
        """
        Return what runs it and returns some of its outputs.

        :raises BackendError: if TensorRT cannot build its engine, or a GPU has no room.
        """
        (given,) = self.inputs
        wanted = [self.outputs[place].name for place in outputs]
        session = self._shared or self._session((given.name, shape))
        if self._device.kind is not DeviceKind.CPU:
            dtype = np.dtype(given.dtype).type
            return BoundRun(session, shape, dtype, wanted, self._device)

        def run(pixels: NDArray[Any]) -> list[NDArray[Any]]:
            try:
                values: list[NDArray[Any]] = session.run(wanted, {given.name: pixels})
            except failures() as error:
                raise BackendError(f'onnxruntime failed: {reason(error)}') from error
            return values

        return run

    def _session(self, given: tuple[str, tuple[int, ...]] | None = None) -> Any:
        """Return a session on the device, for one (name, shape) of the input in an engine."""
        options, device = self._options, self._device
        rewriting = rewriting_for(device, options.precision, self._path)
        if rewriting is Rewriting.NONE and not self._in_engine:
            return open_session(self._path, options.threads, device, options.precision)

        def load(folder: Path) -> Any:
            network = folder / _NETWORK if rewriting is not Rewriting.NONE else self._path
            engine = None
            if self._in_engine:
                engine = Engine.kept(folder, network, options.precision, given)
            return open_session(
                network, options.threads, device, options.precision, engine
            ), engine

        session, engine = options.cache.load(self._label(), self._key(rewriting, given),
                                             self._build(rewriting), load)  # fmt: skip
        if engine is not None and engine.problem and not options.cache.problem:
            options.cache.problem = engine.problem
        return session

    def _label(self) -> str:
        return f'{self._path.stem}-{self._device.kind.value}'

    def _key(
        self, rewriting: Rewriting, given: tuple[str, tuple[int, ...]] | None
    ) -> dict[str, str]:
        import onnxruntime

        # Without it, as what was not made over may outlast this version: an engine takes minutes.
        made_by = {'source': source_digest()} if rewriting is not Rewriting.NONE else {}
        return {
            **made_by,
            'weights': self._options.weights_key,
            'file': self._path.name,
            'rewriting': rewriting.value,
            'input': str(given),
            'onnxruntime': onnxruntime.__version__,
        }

    def _build(self, rewriting: Rewriting) -> Callable[[Path], None]:
        def build(folder: Path) -> None:
            if rewriting is not Rewriting.NONE:
                rewrite(rewriting, self._path, folder / _NETWORK)
            (folder / _SOURCE).write_text(f'{self._path}\n', encoding='utf-8')

        return build


def _port(given: Any) -> Port:
    shape = tuple(side if isinstance(side, int) else None for side in given.shape)
    return Port(given.name, shape, _TYPES.get(given.type, given.type))


def write_at_size(graph: Path, size: tuple[int, int], path: Path) -> None:
    """
    Write an ONNX file with its weights in it, which reads one (height, width).

    :param graph: of the network, which reads any size.
    :param path: of the file, in a folder that is there.
    :raises OutputError: if there is no room.
    """
    import onnx

    model = onnx.load(graph)
    for port in (model.graph.input[0], model.graph.output[0]):
        # Height and width come last in both.
        for given, side in zip(port.type.tensor_type.shape.dim[-2:], size, strict=True):
            given.dim_value = side
    try:
        onnx.save(model, path)
    except OSError as error:
        raise output_error(path, error) from error
