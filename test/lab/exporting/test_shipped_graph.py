"""The graphs that ship beside the weights of a model."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.onnx_file import open_session
from depth_anything_ros.lab.exporting import shipped_graph as module
from depth_anything_ros.lab.exporting.shipped_graph import write_graph
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.hub import published_file
from depth_anything_ros.models.shipped_graph import SHIPPED_GRAPHS, graph_beside, shipped_graph
from depth_anything_ros.models.stored_weights import stored_weights

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

# In patches; the graph was traced at another size.
SIZES = ((1, 1), (1, 3), (3, 2))


def error(path: Path, name: str, size: tuple[int, int]) -> float:
    """Return how far a graph is from torch, of the range of the output."""
    estimator, _ = load_estimator(name)
    patch = estimator.spec.patch
    shape = (1, 3, size[0] * patch, size[1] * patch)
    pixels = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    with torch.no_grad():
        wanted = estimator(torch.from_numpy(pixels)).numpy()
    (found,) = open_session(path, 1).run(None, {'pixels': pixels})
    return float(np.abs(found - wanted).max() / np.ptp(wanted))


@pytest.mark.parametrize('name', SHIPPED_GRAPHS)
def test_the_graph_that_ships_is_the_network_at_every_size(name):
    """Else write it anew; its module says how."""
    path = graph_beside(published_file(MODELS[name]))
    assert max(error(path, name, size) for size in SIZES) <= 1e-5


@pytest.mark.parametrize('name', SHIPPED_GRAPHS)
def test_a_graph_that_is_written_anew_holds_no_weights_and_is_the_network(name, tmp_path):
    checkpoint = published_file(MODELS[name])
    path = write_graph(name, tmp_path)
    (tmp_path / checkpoint.name).write_bytes(checkpoint.read_bytes())
    assert path.name == graph_beside(checkpoint).name
    assert path.stat().st_size < 0.05 * checkpoint.stat().st_size
    assert error(path, name, (2, 1)) <= 1e-5


def test_a_graph_is_of_the_weights_that_ship_alone():
    stored = stored_weights(MODELS['tiny'])
    assert shipped_graph(stored) == graph_beside(published_file(MODELS['tiny']))
    assert shipped_graph(replace(stored, sha256='0' * 64)) is None
    assert shipped_graph(replace(stored, origin='checkpoint')) is None
    assert shipped_graph(replace(stored, spec=replace(stored.spec, max_depth_m=10.0))) is None
    assert shipped_graph(stored_weights(MODELS['tiny_sdt_lite'])) is None


def test_weights_that_are_stored_as_something_else_have_no_graph(tmp_path, monkeypatch):
    start, entries = module._entries(published_file(MODELS['tiny']))
    traced = module._traced(load_estimator('tiny')[0])
    monkeypatch.setattr(module, '_traced', lambda _: deepcopy(traced))
    name = 'depth_head.output.2.weight'
    for entry in ({**entries[name], 'dtype': 'I8'}, {**entries[name], 'shape': [1]}):
        changed = {**entries, name: entry}
        monkeypatch.setattr(module, '_entries', lambda _, changed=changed: (start, changed))
        with pytest.raises(BackendError, match=f"'{name}' is stored as"):
            write_graph('tiny', tmp_path)
    del entries[name]
    monkeypatch.setattr(module, '_entries', lambda _: (start, entries))
    with pytest.raises(BackendError, match=f"'{name}' of the graph is not in"):
        write_graph('tiny', tmp_path)
