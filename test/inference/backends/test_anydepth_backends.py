"""Rotary positions, readout and dynamic sampling through every backend, at a fixed size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.models.checkpoint import Weights, load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.types import Precision

SIZES = {
    'anydepth_vits': (64, 96),
    'anydepth_lite_vits': (64, 96),
    'dinov3_dpt_vits': (64, 96),
    'depth_anything_v2_vits_sdt': (56, 70),
    'depth_anything_3_small': (56, 70),
    'tiny_sdt_lite': (64, 96),
    'tiny_dpt': (64, 96),
}
CASES = [
    name if name == 'tiny_sdt_lite' else pytest.param(name, marks=pytest.mark.slow)
    for name in SIZES
]


@pytest.fixture(scope='module', params=CASES)
def loaded(request: pytest.FixtureRequest) -> tuple[DepthEstimator, Weights]:
    return load_estimator(request.param, weights='random')


@pytest.mark.parametrize('name', BACKENDS)
def test_backend_equals_eager_torch(
    name: str, loaded: tuple[DepthEstimator, Weights], tmp_path: Path
) -> None:
    try:
        BACKENDS[name].require('cpu', Precision.FP32)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    estimator, weights = loaded
    size = SIZES[estimator.spec.name]
    pixels: NDArray[np.float32] = (
        np.random.default_rng(0).standard_normal((1, 3, *size)).astype(np.float32)
    )
    with torch.no_grad():
        expected = estimator(torch.from_numpy(pixels))[0].numpy()
    options = BackendOptions(
        estimator=estimator,
        weights_key=weights.key,
        size=size,
        precision=Precision.FP32,
        device='cpu',
        threads=1,
        cache=ExportCache(tmp_path),
    )
    values = BACKENDS[name](options).infer(pixels)
    assert values.shape == size
    assert float(np.abs(values - expected).max()) < 1e-3 * float(np.ptp(expected))
