"""A network of the package as a backend takes it: known without torch, read where it has to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import ExportForm, ExportingBackend
from depth_anything_ros.models.spec import ModelSpec

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator


class NetworkSource(Protocol):
    """
    Tell what an export of a network depends on, and give the network itself on demand.

    What is asked of the properties needs no torch, so that an export that is kept runs without.
    """

    @property
    def spec(self) -> ModelSpec:
        """Return the row of the model, with the output that the weights have."""

    @property
    def key(self) -> str:
        """Return what names the weights: a file's sha256, or 'random-' and a digest."""

    @property
    def integers(self) -> bool:
        """Return whether layers multiply integers."""

    def graph_for(self, device: str) -> Path | None:
        """Return the graph that it is exported from without torch, None where torch does it."""

    def estimator(self) -> DepthEstimator:
        """
        Return the network in evaluation mode, on the CPU in fp32; backends do not change it.

        :raises CheckpointError: if its weights are damaged, or of another model.
        :raises MissingDependencyError: if torch is not installed.
        """

    def export(self, backend: str, form: ExportForm, folder: Path) -> None:
        """
        Write the network as a backend reads it.

        :param backend: the name of one that exports, see `ExportingBackend`.
        :param folder: an empty one.
        :raises CheckpointError: as :meth:`estimator`; likewise MissingDependencyError.
        :raises BackendError: if it cannot be converted.
        :raises OutputError: if there is no room.
        """


class LoadedNetwork:
    """
    A network that is in memory.

    :param estimator: the network in evaluation mode, on the CPU in fp32.
    :param key: names its weights.
    """

    def __init__(self, estimator: DepthEstimator, key: str) -> None:
        self._estimator = estimator
        self.key = key

    @property
    def spec(self) -> ModelSpec:
        """Return the row of the model, with the output that the weights have."""
        return self._estimator.spec

    @property
    def integers(self) -> bool:
        """Return whether layers multiply integers."""
        return bool(self._estimator.activation_ranges)

    def graph_for(self, device: str) -> Path | None:
        """Return none: torch holds the network already."""
        del device
        return None

    def estimator(self) -> DepthEstimator:
        """Return the network."""
        return self._estimator

    def export(self, backend: str, form: ExportForm, folder: Path) -> None:
        """Write the network as a backend reads it; see :class:`NetworkSource`."""
        export_for(backend, self._estimator, form, folder)


def export_for(backend: str, estimator: DepthEstimator, form: ExportForm, folder: Path) -> None:
    """
    Write a network that is in memory as a backend reads it; see :class:`NetworkSource`.

    :raises BackendError: if it cannot be converted.
    :raises OutputError: if there is no room.
    """
    entry = exporting(backend)
    assert entry is not None, f'{backend} runs networks as they are'
    entry.export(estimator, form, folder)


def exporting(backend: str) -> ExportingBackend | None:
    """Return the entry of BACKENDS, None of one that does not export."""
    entry: object = BACKENDS[backend]
    return entry if isinstance(entry, ExportingBackend) else None
