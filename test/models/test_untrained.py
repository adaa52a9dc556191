"""What docs/papers.md says of a published analysis: its network had no trained weights."""

import pytest
import torch

from depth_anything_ros.inference.preprocess import Preprocessor
from depth_anything_ros.lab.benchmark.layers import layer_statistics
from depth_anything_ros.lab.benchmark.network import example_image
from depth_anything_ros.models import MODELS, create_model

pytestmark = pytest.mark.slow

SMALL = MODELS['depth_anything_v2_vits']
# Standard deviations that the analysis gives for the layers of Depth Anything V2 Small.
PUBLISHED = {
    'pretrained.patch_embed.proj': 0.653,
    'depth_head.projects.0': 0.49,
    'depth_head.scratch.layer1_rn': 0.042,
    'depth_head.scratch.layer3_rn': 0.324,
    'depth_head.scratch.output_conv2.2': 0.006,
}


@pytest.fixture(scope='module')
def layers():
    """Return seed → name → statistics, of networks as torch makes them, at 518×518."""
    pixels = torch.from_numpy(Preprocessor(SMALL, (518, 518))(example_image()).pixels)

    def describe(seed):
        torch.manual_seed(seed)
        network = create_model(SMALL).eval()
        with torch.inference_mode():
            found = layer_statistics(network, lambda: network(pixels))
        return {layer.name: layer for layer in found}

    return {seed: describe(seed) for seed in (0, 1)}


@pytest.mark.parametrize('name', PUBLISHED)
def test_a_network_without_training_has_the_published_statistics(layers, name):
    for of_seed in layers.values():
        assert of_seed[name].std == pytest.approx(PUBLISHED[name], rel=0.2)


def test_the_sign_of_its_output_is_that_of_the_seed(layers):
    outputs = [of_seed['depth_head.scratch.output_conv2.2'] for of_seed in layers.values()]
    assert outputs[0].maximum < 0 < outputs[1].minimum
