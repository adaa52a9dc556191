"""What a predictor needs of a network, wherever that comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from depth_anything_ros.inference.backends.base import Runner
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.models.spec import NetworkSpec
from depth_anything_ros.types import Float32Array, ModelIdentity


@runtime_checkable
class FindsLens(Protocol):
    """A network that can be asked for the field of view of an image."""

    def field_of_view(self, pixels: Float32Array) -> tuple[float, float]:
        """
        Return the field of view down and across an image in radians.

        :param pixels: normalised image, float32 (1, 3, h, w).
        :raises BackendError: if the network does not find it.
        """


class Network(Protocol):
    """A network with its weights, and the library that runs it."""

    @property
    def spec(self) -> NetworkSpec:
        """Return what it reads, and what its output means."""

    @property
    def selection(self) -> Selection:
        """Return what runs it."""

    @property
    def identity(self) -> ModelIdentity:
        """Return what makes its output; the input size is (0, 0)."""

    @property
    def weights_path(self) -> Path | None:
        """Return the file of the weights, None of random ones."""

    @property
    def recipe(self) -> str:
        """Return the recipe that packed the weights, empty if none did."""

    @property
    def cache_problem(self) -> str:
        """Return why its export is not kept, empty if it is or there is none."""

    def backend(self, size: tuple[int, int]) -> Runner:
        """
        Return what runs it at the network's (height, width); one thread at a time asks.

        :raises BackendError: if it cannot be built.
        """
