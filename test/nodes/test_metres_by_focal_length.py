"""The node's pipeline with a model of metres by the focal length, and what diagnostics say."""

from dataclasses import replace

import numpy as np
import pytest
from made_states import ACTIVE

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.models import MODELS
from depth_anything_ros.nodes.judgement import judge
from depth_anything_ros.nodes.pipeline_host import load_predictor
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.types import Camera, Frame

CAMERA = Camera(80, 60, 70.0, 80.0, 39.5, 29.5)
# The published one takes 1.3 GB: the same with fewer and narrower layers.
SMALL = replace(
    MODELS['depth_anything_3_metric_large'], name='narrow', encoder_size='vits',
    layers=(2, 5, 8, 11), features=16, out_channels=(8, 8, 8, 8),
)  # fmt: skip
VALUES = {
    'model': SMALL.name, 'weights': 'random', 'backend': 'torch', 'precision': 'fp32',
    'input_size': 42, 'warmup_height': 60, 'warmup_width': 80,
    # Random weights may say anything, which the largest depth would cut.
    'max_depth_m': 1000.0,
}  # fmt: skip


@pytest.fixture(scope='module')
def loaded():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS._entries, SMALL.name, SMALL)
        config = from_mapping(DepthNodeConfig, VALUES)
        yield config, load_predictor(config)


@pytest.fixture
def start(make_host, loaded):
    def started():
        config, predictor = loaded
        host = make_host(lambda _: predictor)
        host.start(config)
        return host

    return started


def processed(host, camera):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return host.pipeline.process(Frame(rgb, 1_000_000_000, 'camera', camera))


def test_metres_follow_the_focal_length_of_camera_info(start):
    once = processed(start(), CAMERA)
    twice = processed(start(), replace(CAMERA, fx_px=140.0, fy_px=160.0))
    assert once.alignment.source == 'focal_length'
    known = np.isfinite(once.metric.depth_m) & np.isfinite(twice.metric.depth_m)
    assert known.mean() > 0.5
    found, expected = twice.metric.depth_m[known], 2 * once.metric.depth_m[known]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_without_camera_info_there_are_no_metres_and_diagnostics_say_why(start, statistics):
    result = processed(start(), None)
    assert result.metric is None
    statistics.processed({}, [])
    _, message = judge(replace(ACTIVE, last_result=result), statistics.snapshot(), 5.0)
    reason = 'the metres of this model follow from the focal length: no camera_info received'
    assert f'no metric depth: {reason}' in message
