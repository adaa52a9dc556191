"""What every inference backend offers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.types import Float32Array, Precision

if TYPE_CHECKING:
    from depth_anything_ros.inference.backends.source import NetworkSource
    from depth_anything_ros.models.estimator import DepthEstimator


@dataclass(frozen=True)
class BackendOptions:
    """
    What to run and how.

    `source` is the network, `size` the (height, width) of its input, `device` a name of
    `devices.DEVICE_NAMES`. `threads` 0 leaves the number of CPU threads to the library. `cache`
    keeps exported networks.
    """

    source: NetworkSource
    size: tuple[int, int]
    precision: Precision
    device: str
    threads: int
    cache: ExportCache


@dataclass(frozen=True)
class ExportForm:
    """
    Say what of an export depends on what runs it.

    `size` is the (height, width) of the input, `narrowed` are the names of the layers whose
    weights take 7 bits; `device` and `precision` are those of :class:`BackendOptions`.
    """

    size: tuple[int, int]
    narrowed: tuple[str, ...]
    device: str
    precision: Precision


class Runner(Protocol):
    """Run a network at one input size."""

    def infer(self, pixels: Float32Array) -> Float32Array:
        """
        Return the network's output.

        :param pixels: normalised image, float32 (1, 3, h, w), h and w as it was built for.
        :return: float32 (h, w), the caller's own: later calls do not overwrite it.
        """


class Backend(Runner, Protocol):
    """
    Run a network of the package at one input size; an entry of BACKENDS is a class like this.

    `libraries` are the modules that it imports when it is first used, besides torch.

    :param options: what to run and how.
    :raises BackendError: if the network cannot be built; NoRoomError if its export can be written
        nowhere.
    """

    name: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]]

    def __init__(self, options: BackendOptions) -> None: ...

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        """
        Check that the backend can compute in `precision` on `device` on this machine.

        :raises MissingDependencyError: if its library is not installed.
        :raises BackendError: if device or precision cannot be had; the message says why.
        """

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        """Return the fastest precision that the device computes natively."""

    @classmethod
    def narrowed(cls, estimator: DepthEstimator, device: str) -> tuple[str, ...]:
        """Return the layers whose weights take 7 bits on the device; see `processor`."""


@runtime_checkable
class ExportingBackend(Protocol):
    """An entry of BACKENDS that runs an export of the network, which is kept for the next time."""

    def export(self, estimator: DepthEstimator, form: ExportForm, folder: Path) -> None:
        """
        Write a network as the backend reads it.

        :param estimator: the network in evaluation mode, on the CPU in fp32.
        :param folder: an empty one.
        :raises BackendError: if it cannot be converted.
        :raises OutputError: if there is no room.
        """

    def export_graph(self, graph: Path, form: ExportForm, folder: Path) -> None:
        """
        Write the network of an ONNX file that reads any size as the backend reads it.

        :param graph: of the network, with its weights in the file or beside it.
        :param folder: an empty one.
        :raises BackendError: if it cannot be read.
        :raises OutputError: if there is no room.
        """


@runtime_checkable
class BatchBackend(Runner, Protocol):
    """A backend that runs on several images at once."""

    def infer_batch(self, pixels: Float32Array) -> Float32Array:
        """
        Return the network's outputs.

        :param pixels: normalised images, float32 (N, 3, h, w), h and w as it was built for.
        :return: float32 (N, h, w), the caller's own.
        """


@dataclass(frozen=True)
class NetworkOutput:
    """
    What leaves a network.

    `values` is float32 (h, w), of the model's output kind. `confidence` is how sure the network is
    of each, float32 (h, w) in 0..1, None where it does not tell.
    """

    values: Float32Array
    confidence: Float32Array | None = None


@runtime_checkable
class ConfidentBackend(Protocol):
    """A backend that also gives what a network tells of its confidence."""

    def infer_with_confidence(self, pixels: Float32Array) -> NetworkOutput:
        """
        Return the network's output, with its confidence where it tells one.

        :param pixels: normalised image, float32 (1, 3, h, w), h and w as in the options.
        :return: arrays of the caller's own.
        """


def require_precision(
    backend: str, device: str, precision: Precision, allowed: tuple[Precision, ...]
) -> None:
    """
    Check that a precision is among those allowed.

    :raises BackendError: if it is not.
    """
    if precision not in allowed:
        names = ', '.join(item.value for item in allowed)
        raise BackendError(
            f'{backend} cannot compute in {precision.value} on {device}; allowed: {names}'
        )


def check_pixels(pixels: Float32Array, size: tuple[int, int]) -> None:
    """
    Check that the input fits a network built for (height, width).

    :raises BackendError: if its shape is another.
    """
    if pixels.shape != (1, 3, *size):
        raise BackendError(
            f'network input has shape {pixels.shape}; this backend was built for {(1, 3, *size)}'
        )
