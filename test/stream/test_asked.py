import pytest

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.stream.asked import Asked, asked_for
from depth_anything_ros.stream.encoders import DEPTH, FUSED_SOURCE, POINTS, RELATIVE, SCAN, SIGMA
from depth_anything_ros.types import ConfidenceSource, DepthChoice

NETWORK, FUSED = DepthChoice.NETWORK, DepthChoice.FUSED
ALL_OFF = {RELATIVE, DEPTH, POINTS, SCAN}


@pytest.mark.parametrize(
    ('topics', 'parameters', 'asked'),
    [
        (ALL_OFF, {}, Asked()),
        ({FUSED_SOURCE}, {}, Asked(fuse=True)),
        ({SCAN}, {'cloud_from': 'fused'}, Asked(fuse=True)),
        ({DEPTH}, {'cloud_from': 'fused', 'max_sigma': 0.2}, Asked()),
        ({SIGMA}, {}, Asked(sigma=NETWORK)),
        ({SIGMA}, {'cloud_from': 'fused'}, Asked(fuse=True, sigma=FUSED)),
        ({SIGMA, FUSED_SOURCE}, {}, Asked(fuse=True, sigma=NETWORK)),
        ({POINTS}, {'max_sigma': 0.2}, Asked(sigma=NETWORK)),
        ({SCAN}, {'ground_sigmas': 0.5}, Asked(sigma=NETWORK)),
        ({SCAN}, {'cloud_from': 'fused', 'max_sigma': 0.2}, Asked(fuse=True, sigma=FUSED)),
        ({DEPTH}, {'align_by_confidence': True}, Asked(confidence=ConfidenceSource.MODEL)),
        ({DEPTH}, {'predicted_camera': True}, Asked(focal_length=True)),
        ({POINTS}, {'predicted_camera': True}, Asked(lens=True, focal_length=True)),
    ],
)  # fmt: skip
def test_depth_is_fused_and_doubted_only_where_somebody_wants_it(topics, parameters, asked):
    assert asked_for(topics, from_mapping(DepthNodeConfig, parameters)) == asked
