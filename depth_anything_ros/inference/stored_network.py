"""A network whose weights stay in their file while an export of it is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.errors import WITHOUT_TORCH, MissingDependencyError, torch_named
from depth_anything_ros.inference.backends.base import ExportForm
from depth_anything_ros.inference.backends.source import export_for, exporting
from depth_anything_ros.inference.devices import DeviceKind
from depth_anything_ros.models.shipped_graph import shipped_graph
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.stored_weights import StoredWeights

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

_LOG = logging.getLogger(__name__)

ExportApart = Callable[[StoredWeights, str, ExportForm, Path], None]
"""Writes a network in a process of its own: weights, backend, form, folder."""


class StoredNetwork:
    """
    A network that is read from its file when something needs it, not before; see `NetworkSource`.

    :param stored: its weights.
    :param apart: exports it in a process of its own, so that this one never imports torch for it;
        None exports it here, where it is read once for all sizes.
    """

    def __init__(self, stored: StoredWeights, apart: ExportApart | None = None) -> None:
        self._stored = stored
        self._apart = apart
        self._estimator: DepthEstimator | None = None

    @property
    def spec(self) -> ModelSpec:
        """Return the row of the model, with the output that the weights have."""
        return self._stored.spec

    @property
    def key(self) -> str:
        """Return what names the weights."""
        return self._stored.key

    @property
    def integers(self) -> bool:
        """Return whether layers multiply integers."""
        return self._stored.integers

    def graph_for(self, device: str) -> Path | None:
        """
        Return the graph that ships with the weights, None where there is none.

        Where torch is there, it exports for what is no CPU: its graph is folded further.
        """
        if device != DeviceKind.CPU.value and _has_torch():
            return None
        return shipped_graph(self._stored)

    def estimator(self) -> DepthEstimator:
        """
        Return the network; see :class:`NetworkSource`.

        :raises CheckpointError: if its weights are damaged, of another model, or others by now.
        :raises MissingDependencyError: if torch is not installed.
        """
        if self._estimator is None:
            with torch_named():
                from depth_anything_ros.models.checkpoint import load_stored

                self._stored.check_unchanged()
                self._estimator, _ = load_stored(self._stored)
        return self._estimator

    def export(self, backend: str, form: ExportForm, folder: Path) -> None:
        """Write the network as a backend reads it; see :class:`NetworkSource`."""
        graph = self.graph_for(form.device)
        if graph is not None:
            entry = exporting(backend)
            assert entry is not None, f'{backend} runs networks as they are'
            entry.export_graph(graph, form, folder)
            return
        require_torch()
        if self._apart is None or self._estimator is not None:
            export_for(backend, self.estimator(), form, folder)
            return
        self._apart(self._stored, backend, form, folder)


def require_torch() -> None:
    """
    Check that torch is installed, without importing it.

    :raises MissingDependencyError: if it is not.
    """
    if not _has_torch():
        raise MissingDependencyError('torch', 'torch', WITHOUT_TORCH)


def _has_torch() -> bool:
    return find_spec('torch') is not None
