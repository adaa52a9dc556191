"""States of a depth node and results of its frames."""

import numpy as np

from depth_anything_ros.nodes.judgement import NodeState
from depth_anything_ros.result import DepthResult
from depth_anything_ros.types import Alignment, Frame, ModelIdentity, RelativeInverseDepth

MODEL = ModelIdentity(
    'depth_anything_v2_vits',
    'pretrained',
    'ab12',
    'torch',
    'fp32',
    'cpu',
    (518, 686),
    'Apache-2.0',
    '8-bit weights in 50 layers',
    'relative inverse depth',
)
RELATIVE = RelativeInverseDepth(np.ones((2, 2), np.float32))
ACTIVE = NodeState('active', '/camera/image', MODEL)


def make_result(**fields) -> DepthResult:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 2_000_000_000, 'camera')
    values = {'relative': None, 'alignment': None, 'metric': None, **fields}
    return DepthResult(frame, **values)


def held_result(state, reason='no laser scan received yet'):
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 3_000_000_000, 'camera')
    fit = Alignment(0.2, 0.1, 'laser_scan', 90, 0.8, 0.005, 1_000_000_000)
    return DepthResult(frame, RELATIVE, fit, None, scale_state=state, no_fit_reason=reason)
