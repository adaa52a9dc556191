"""ONNX files in ONNX Runtime, on the CPU."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.network_file import Port, Run
from depth_anything_ros.types import Precision

_DTYPES = {
    'tensor(float)': 'float32', 'tensor(float16)': 'float16', 'tensor(double)': 'float64',
    'tensor(uint8)': 'uint8',
}  # fmt: skip
# Its kind of error, the file that is named already, and the function that raised.
_PLACES = re.compile(
    r'^\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from \S+ failed:|'
    r'/onnxruntime_src/.*?\) (?=[A-Z])'
)


class OnnxFile:
    """
    Open an ONNX file in ONNX Runtime; one session runs it at every size.

    :param path: of the file.
    :param precision: fp32, in which the library computes what the file does not say otherwise.
    :param threads: CPU threads; 0 leaves it to the library.
    :raises BackendError: if it cannot be read.
    """

    suffixes: ClassVar[tuple[str, ...]] = ('.onnx',)

    def __init__(self, path: Path, precision: Precision, threads: int) -> None:
        del precision  # the one that there is
        self._session = open_session(path, threads)

    @property
    def inputs(self) -> Sequence[Port]:
        """Return what it reads."""
        return [_port(one) for one in self._session.get_inputs()]

    @property
    def outputs(self) -> Sequence[Port]:
        """Return what it gives."""
        return [_port(one) for one in self._session.get_outputs()]

    def runner(self, shape: tuple[int, ...], outputs: Sequence[int]) -> Run:
        """Return what runs it and returns some of its outputs."""
        del shape  # the session finds it out
        given, known = self.inputs[0].name, self.outputs
        wanted = [known[place].name for place in outputs]

        def run(pixels: NDArray[Any]) -> list[NDArray[Any]]:
            try:
                values: list[NDArray[Any]] = self._session.run(wanted, {given: pixels})
            except failures() as error:
                raise BackendError(f'onnxruntime failed: {reason(error)}') from error
            return values

        return run


def open_session(path: Path, threads: int) -> Any:
    """
    Return what runs an ONNX file.

    :param threads: CPU threads; 0 leaves it to the library.
    :raises BackendError: if it cannot be loaded.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path), settings, providers=['CPUExecutionProvider']
        )
    except failures() as error:
        raise BackendError(f"onnxruntime cannot load '{path}': {reason(error)}") from error


def failures() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its errors share no base class but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    named = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf)
    return (*named, state.NoSuchFile, state.NotImplemented, state.RuntimeException, RuntimeError)


def reason(error: Exception) -> str:
    """Return why the library raised, in one line, without the places in its source."""
    return _PLACES.sub('', ' '.join(str(error).split()))


def _port(given: Any) -> Port:
    shape = tuple(side if isinstance(side, int) else None for side in given.shape)
    return Port(given.name, shape, _DTYPES.get(given.type, given.type))
