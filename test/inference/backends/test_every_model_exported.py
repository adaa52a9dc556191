"""Every model in every backend at a fixed size, its tables constants of what is exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from narrow_models import narrow_models, network_cases
from numpy.typing import NDArray
from random_networks import image

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import BackendOptions, ConfidentBackend
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.models.checkpoint import Weights, load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.types import Precision

# Folders are exported at a second one too, in test/lab/exporting/test_every_model.py.
GRID = (3, 5)
# What tables of positions are made with; a graph must not make them anew for every image.
MAKERS = {'Sin', 'Cos', 'Range'}


@pytest.fixture(scope='module', params=network_cases('tiny_sdt_lite'))
def loaded(request: pytest.FixtureRequest) -> Iterator[tuple[DepthEstimator, Weights]]:
    with narrow_models():
        yield load_estimator(request.param, weights='random')


def options_of(loaded: tuple[DepthEstimator, Weights], folder: Path) -> BackendOptions:
    estimator, weights = loaded
    return BackendOptions(
        source=LoadedNetwork(estimator, weights.key),
        size=(GRID[0] * estimator.spec.patch, GRID[1] * estimator.spec.patch),
        precision=Precision.FP32,
        device='cpu',
        threads=1,
        cache=ExportCache(folder),
    )


@pytest.mark.parametrize('name', BACKENDS)
def test_backend_equals_eager_torch(
    name: str, loaded: tuple[DepthEstimator, Weights], tmp_path: Path
) -> None:
    try:
        BACKENDS[name].require('cpu', Precision.FP32)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    options = options_of(loaded, tmp_path)
    pixels = image(*options.size)
    with torch.no_grad():
        expected = options.source.estimator()(pixels)[0].numpy()
    backend = BACKENDS[name](options)
    values = backend.infer(pixels.numpy())
    assert values.shape == options.size
    assert float(np.ptp(expected)) > 0
    assert float(np.abs(values - expected).max()) < 1e-3 * float(np.ptp(expected))
    assert isinstance(backend, ConfidentBackend)
    output = backend.infer_with_confidence(pixels.numpy())
    np.testing.assert_array_equal(output.values, values)
    check_confidence(options.source.estimator(), pixels, output.confidence)


def check_confidence(
    estimator: DepthEstimator, pixels: torch.Tensor, found: NDArray[np.float32] | None
) -> None:
    if not estimator.spec.confidence:
        assert found is None
        return
    with torch.no_grad():
        sure = estimator.with_confidence(pixels)[1][0].numpy()
    assert found is not None
    assert 0 < sure.min() < sure.max() < 1
    assert float(np.abs(found - sure).max()) < 1e-3 * float(np.ptp(sure))


def test_tables_of_positions_are_constants_of_the_export(
    loaded: tuple[DepthEstimator, Weights], tmp_path: Path
) -> None:
    onnx = pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    BACKENDS['onnxruntime'](options_of(loaded, tmp_path))
    (file,) = tmp_path.rglob('*.onnx')
    nodes = onnx.load(file).graph.node
    assert len(nodes) > 50
    assert not MAKERS & {node.op_type for node in nodes}
    modes = [
        attribute.s
        for node in nodes
        if node.op_type == 'Resize'
        for attribute in node.attribute
        if attribute.name == 'mode'
    ]
    assert b'cubic' not in modes  # as positions are resampled
