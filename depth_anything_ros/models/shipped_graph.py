"""Graphs that ship beside the weights of a model, by which it runs where torch is missing."""

from __future__ import annotations

from pathlib import Path

from depth_anything_ros.models import MODELS
from depth_anything_ros.models.stored_weights import StoredWeights

SHIPPED_GRAPHS = ('tiny',)
"""The models with one: those whose graph is the same for every size of the input."""


def graph_beside(checkpoint: Path) -> Path:
    """Return where the graph of a checkpoint is, if it has one."""
    return checkpoint.with_suffix('.onnx')


def shipped_graph(stored: StoredWeights) -> Path | None:
    """Return the graph of weights that ship with this package, None of others."""
    spec = stored.spec
    if spec.name not in SHIPPED_GRAPHS or stored.origin != 'pretrained':
        return None
    # A row changed from outside is another network, or other weights.
    known = MODELS[spec.name]
    path = graph_beside(stored.path)
    return path if spec == known and stored.sha256 == known.sha256 and path.is_file() else None
