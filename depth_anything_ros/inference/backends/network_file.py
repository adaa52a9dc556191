"""Running a network that comes as a file, whatever its shapes and number formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.base import NetworkOutput, check_pixels
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.models.contract import (
    Channels,
    Contract,
    InputContract,
    OutputContract,
)
from depth_anything_ros.types import Float32Array, OutputKind, Precision

# The number formats of images that networks read.
_DTYPES = {
    'float32': np.float32, 'float16': np.float16, 'float64': np.float64, 'uint8': np.uint8,
}  # fmt: skip
_UINT8 = (0.0, 255.0)
_PLANES = '1×1×H×W, 1×H×W×1, 1×H×W or H×W'
# No more than rounding to whole numbers does.
_UINT8_OFF = 0.5
# Of depth without scale, no more than this share may be no depth.
_MOST_WITHOUT_DEPTH = 0.5
# No more than half precision rounds to beside 0..1.
_CONFIDENCE_OFF = 1e-3


@dataclass(frozen=True)
class Port:
    """An input or output of a network: its name, shape (None is any size) and number format."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str

    @property
    def text(self) -> str:
        """Return it for people."""
        if self.shape is None:
            return f'{self.name} of any shape'
        sides = '×'.join('?' if side is None else str(side) for side in self.shape)
        return f'{self.name} {self.dtype} {sides}'


Run = Callable[[NDArray[Any]], list[NDArray[Any]]]


@dataclass(frozen=True)
class FileOptions:
    """
    How a network file is run.

    `precision` is the number format to compute in, `device` a name of `devices.DEVICE_NAMES`,
    `threads` the CPU threads, 0 leaves these to the library. What a library makes of the file for
    a GPU is kept in `cache` under `weights_key`, which is another for other weights.
    """

    precision: Precision
    device: str
    threads: int
    cache: ExportCache
    weights_key: str


class NetworkFile(Protocol):
    """
    Open a network file in one library; an entry of FILE_READERS is a class like this.

    `suffixes` are those of the files that the library reads.

    :param path: of the file.
    :param options: how it is run.
    :raises BackendError: if the library cannot read it.
    """

    suffixes: ClassVar[tuple[str, ...]]

    def __init__(self, path: Path, options: FileOptions) -> None: ...

    @property
    def inputs(self) -> Sequence[Port]:
        """Return what it reads."""

    @property
    def outputs(self) -> Sequence[Port]:
        """Return what it gives."""

    def runner(self, shape: tuple[int, ...], outputs: Sequence[int]) -> Run:
        """
        Return what runs it on input of this shape and returns some of its outputs.

        :raises BackendError: if the library cannot; so may what is returned.
        """


class ImageNetwork:
    """
    A network file that reads one image and gives one number a pixel, as its contract says.

    :param file: as a library opened it.
    :param path: of the file, for messages.
    :param contract: of its folder.
    :raises BackendError: if its inputs and outputs are others than the contract says.
    """

    def __init__(self, file: NetworkFile, path: Path, contract: Contract) -> None:
        self._file = file
        self.path = path
        self._contract = contract
        if len(file.inputs) != 1:
            raise self._error(f'reads {_listed(file.inputs)}; one image is needed')
        (self._input,) = file.inputs
        self._axes = self._image_axes()
        if self._input.dtype not in _DTYPES:
            known = ', '.join(_DTYPES)
            raise self._error(f'reads {self._input.text}; known number formats: {known}')
        if _DTYPES[self._input.dtype] is np.uint8:
            self._check_bytes(contract.input)
        self._outputs = self._output_indices(contract.output)
        for place in self._outputs:
            self._check_plane(self._file.outputs[place])

    @property
    def size(self) -> tuple[int, int] | None:
        """
        Return the only (height, width) that it reads, None if there are more.

        :raises BackendError: if one side is fixed and the other is not.
        """
        assert self._input.shape is not None
        height, width = (self._input.shape[axis] for axis in self._axes)
        if height is None and width is None:
            return None
        if height is None or width is None:
            raise self._error(f'reads {self._input.text}, of which one side is fixed only')
        return height, width

    def shape_at(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape of its input for (height, width)."""
        return (1, 3, *size) if self._is_planar else (1, *size, 3)

    def backend(self, size: tuple[int, int]) -> FileBackend:
        """
        Return what runs it at (height, width) of the input.

        :raises BackendError: if the library cannot.
        """
        return FileBackend(
            self._file.runner(self.shape_at(size), self._outputs), self._contract, size,
            self._is_planar, _DTYPES[self._input.dtype],
        )  # fmt: skip

    @property
    def _is_planar(self) -> bool:
        return self._axes == (2, 3)

    def _image_axes(self) -> tuple[int, int]:
        """Return the axes of height and width."""
        shape = self._input.shape
        if shape is None or len(shape) != 4 or shape[0] not in (1, None):
            raise self._error(f'reads {self._input.text}; one image 1×3×H×W or 1×H×W×3 is needed')
        if shape[1] == 3:
            return 2, 3
        if shape[3] == 3:
            return 1, 2
        raise self._error(f'reads {self._input.text}, of which no axis holds three colours')

    def _check_bytes(self, own: InputContract) -> None:
        """Check that images fill the bytes that the network reads, as no others can be meant."""
        ends = [
            ((value - mean) / std, nearest)
            for mean, std in zip(own.mean, own.std, strict=True)
            for value, nearest in zip((0.0, own.range), _UINT8, strict=True)
        ]
        if any(abs(end - nearest) > _UINT8_OFF for end, nearest in ends):
            found = [end for end, _ in ends]
            raise self._error(
                f'reads {self._input.text}: bytes, which are 0 to 255, and input.range '
                f'{own.range}, input.mean {list(own.mean)} and input.std {list(own.std)} make '
                f'{min(found):.4g} to {max(found):.4g} of an image; a network of bytes has '
                'range 255, mean [0, 0, 0] and std [1, 1, 1]'
            )

    def _output_indices(self, wanted: OutputContract) -> tuple[int, ...]:
        """Return the places of depth and, where the contract names one, of confidence."""
        if wanted.name is None:
            if len(self._file.outputs) != 1:
                raise self._error(
                    f"gives {_listed(self._file.outputs)}; key 'output.name' must name one of them"
                )
            depth = 0
        else:
            depth = self._output_index('name', wanted.name)
        if wanted.confidence is None:
            return (depth,)
        return depth, self._output_index('confidence', wanted.confidence)

    def _output_index(self, key: str, name: str) -> int:
        names = [port.name for port in self._file.outputs]
        if name not in names:
            known = ', '.join(names)
            raise self._error(f"gives no '{name}', key 'output.{key}'; it gives: {known}")
        return names.index(name)

    def _check_plane(self, given: Port) -> None:
        """Check that an output can be one number a pixel, as far as the file tells its shape."""
        if not given.shape:
            return
        sides = [side for side in given.shape if side is not None and side > 1]
        layers = len(given.shape) == 4 and given.shape[1] not in (1, None) and given.shape[3] != 1
        if len(given.shape) > 4 or len(sides) > 2 or layers:
            raise self._error(f'gives {given.text}; {_PLANES} are needed')

    def _error(self, what: str) -> BackendError:
        return BackendError(f"network '{self.path}' {what}")


class FileBackend:
    """
    Run a network file at one input size, and make of its numbers what the package calls them.

    :param run: the network.
    :param contract: of its folder.
    :param size: (height, width) of the input.
    :param planar: whether it reads colours as planes (1, 3, h, w), or else (1, h, w, 3).
    :param dtype: of what it reads.
    """

    def __init__(
        self, run: Run, contract: Contract, size: tuple[int, int], planar: bool, dtype: type
    ) -> None:
        self._run = run
        self._contract = contract
        self._size = size
        self._planar = planar
        self._dtype = dtype

    def infer(self, pixels: Float32Array) -> Float32Array:
        """
        Return inverse depth or metres, float32 (h, w), at the size that the network gives.

        :param pixels: normalised image, float32 (1, 3, h, w), red first.
        :raises BackendError: if the size is not the one built for, the network fails, or it gives
            no number a pixel.
        """
        return meant_values(_plane(self._given(pixels)[0]), self._contract.output)

    def infer_with_confidence(self, pixels: Float32Array) -> NetworkOutput:
        """
        Return the network's output, with its confidence where the contract names one.

        :raises BackendError: as :meth:`infer`, or if confidence is not in 0..1.
        """
        given, *sure = self._given(pixels)
        values = meant_values(_plane(given), self._contract.output)
        return NetworkOutput(values, *(self._confidence(_plane(one)) for one in sure))

    def _given(self, pixels: Float32Array) -> list[NDArray[Any]]:
        """Return what the network gives of a normalised image, as it is."""
        check_pixels(pixels, self._size)
        if self._contract.input.channels is Channels.BGR:
            pixels = pixels[:, ::-1]
        if not self._planar:
            pixels = pixels.transpose(0, 2, 3, 1)
        if self._dtype is np.uint8:
            pixels = np.rint(pixels.clip(*_UINT8))
        return self._run(np.ascontiguousarray(pixels, self._dtype))

    def _confidence(self, sure: Float32Array) -> Float32Array:
        least, most = float(sure.min()), float(sure.max())
        if least >= -_CONFIDENCE_OFF and most <= 1.0 + _CONFIDENCE_OFF:
            return sure.clip(0.0, 1.0)
        raise BackendError(
            f"output '{self._contract.output.confidence}', key 'output.confidence', gives "
            f'{least:.3g} to {most:.3g}; allowed: 0 to 1, more where the network is surer'
        )


def meant_values(given: Float32Array, output: OutputContract) -> Float32Array:
    """
    Return inverse depth or metres of the numbers of a network.

    Depth without scale that is not above 0 counts as the nearest that is: what a network puts
    there is near. Metres that are not above 0 stay unknown. NaN and infinity stay, so that nobody
    takes a network that is broken for one that finds no depth.

    :param given: float32 (h, w).
    :param output: what they are.
    :return: float32 (h, w).
    :raises BackendError: if depth is above 0 hardly anywhere.
    """
    kind, known = output.kind, given > 0
    if kind.output_kind is OutputKind.METRIC_DEPTH:
        assert output.metres_per_unit is not None, 'the contract was checked'
        unit_m = np.float32(output.metres_per_unit)
        if not kind.is_inverted:
            return given * unit_m
        metres = np.divide(unit_m, given, out=np.zeros_like(given), where=known)
        return np.where(np.isfinite(given), metres, given)
    if not kind.is_inverted:
        return given
    if np.count_nonzero(given <= 0) > _MOST_WITHOUT_DEPTH * given.size:
        raise BackendError(
            f'{np.count_nonzero(given <= 0)} of {given.size} values are not above 0, which is no '
            f"depth; is output.kind '{kind.value}' right?"
        )
    nearest = given.min(where=known, initial=np.inf)
    values: Float32Array = np.reciprocal(np.maximum(given, np.float32(nearest)))
    return np.where(np.isfinite(given), values, given)


def _plane(given: NDArray[Any]) -> Float32Array:
    """
    Return the plane (h, w) of (1, 1, h, w), (1, h, w), (1, h, w, 1) or (h, w).

    :raises BackendError: if there is no one plane.
    """
    shape = given.shape
    sides = tuple(side for side in shape if side > 1)
    if len(sides) != 2 or len(shape) > 4:
        words = '×'.join(map(str, shape))
        raise BackendError(f'the network gave {words} values; {_PLANES} are needed')
    plane: Float32Array = np.ascontiguousarray(given, np.float32).reshape(sides)
    return plane


def _listed(ports: Sequence[Port]) -> str:
    return f'{len(ports)} ({"; ".join(port.text for port in ports)})'
