"""Every model after every recipe: compressed, written, read again, in the pipeline of the node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from narrow_models import narrow_models, network_cases
from random_networks import closeness, image, random_weights

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.recipe import compress, estimator_of
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import Weights, load_estimator
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.nodes.pipeline_host import PipelineHost, load_predictor
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.types import Frame, OutputKind, Precision

# One way to write each recipe.
CHAINS = {name: name for name in RECIPES} | {
    'prune': 'prune(0.3)',
    'prune_structured': 'prune_structured(0.3)',
}
# In the node too. Pruned weights are exported as any others.
NODE_RUNS = (
    ('int8_static', 'torch'),
    ('prune(0.3)', 'torch'),
    pytest.param('int8_static', 'openvino', marks=pytest.mark.slow),
)


@pytest.fixture(scope='module', params=network_cases('vggt'))
def parent(request: pytest.FixtureRequest) -> Iterator[Weights]:
    with narrow_models():
        yield random_weights(MODELS[request.param])


def packed_file(parent: Weights, chain: str, folder: Path) -> Path:
    """Write what a chain makes of weights, ranges found on two images."""
    spec = parent.spec
    images = [image(3 * spec.patch, 4 * spec.patch), image(2 * spec.patch, 2 * spec.patch)]
    recipes = parse_chain(chain)
    packed = compress(spec, parent.state, recipes, images)
    path = folder / 'packed.safetensors'
    write_packed(path, packed, spec.name, recipes, parent)
    loaded, _ = load_estimator(spec.name, checkpoint=str(path))
    pixels = image(2 * spec.patch, 3 * spec.patch)
    with torch.inference_mode():
        given = estimator_of(spec, packed)
        found = loaded.state_dict()
        assert all(torch.equal(found[key], values) for key, values in given.state_dict().items())
        # What was read lies elsewhere in memory, and where decides how some sums are rounded.
        assert closeness(loaded(pixels), given(pixels), least_range=1e-5) < 1e-4
        whole = estimator_of(spec, {key: PackedTensor(item) for key, item in parent.state.items()})
        assert not torch.equal(loaded(pixels), whole(pixels))
        if spec.camera:
            assert loaded.field_of_view(pixels).shape == (1, 2)
    return path


@pytest.mark.parametrize('name', CHAINS)
def test_what_a_recipe_makes_of_a_model_loads_and_gives_what_it_gave(
    name: str, parent: Weights, tmp_path: Path
) -> None:
    path = packed_file(parent, CHAINS[name], tmp_path)
    float32_bytes = sum(values.nbytes for values in parent.state.values())
    assert path.stat().st_size < float32_bytes


@pytest.mark.parametrize(('chain', 'backend'), NODE_RUNS)
def test_the_pipeline_of_the_node_runs_what_was_compressed(
    chain: str, backend: str, parent: Weights, tmp_path: Path
) -> None:
    try:
        BACKENDS[backend].require('cpu', Precision.FP32)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    path, patch = packed_file(parent, chain, tmp_path), parent.spec.patch
    values = {
        'model': parent.spec.name, 'checkpoint': str(path), 'backend': backend,
        'precision': 'fp32', 'input_size': 3 * patch, 'warmup_height': 60, 'warmup_width': 80,
        'cache_dir': str(tmp_path / 'cache'),
    }  # fmt: skip
    config = from_mapping(DepthNodeConfig, values)
    host = PipelineHost(load_predictor)
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    try:
        host.start(config)
        result = host.pipeline.process(Frame(rgb, 1_000_000_000, 'camera', None))
    finally:
        host.close(10)
    metric = parent.spec.output_kind is OutputKind.METRIC_DEPTH
    found = result.metric.depth_m if metric else result.relative.values
    assert found.shape == (60, 80)
    assert np.isfinite(found).all()
    assert float(np.ptp(found)) > 0
