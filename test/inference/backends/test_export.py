"""What an exported network depends on."""

from dataclasses import replace
from pathlib import Path

from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.export import export_key
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.types import Precision


def test_same_weights_with_another_output_are_another_export():
    estimator, weights = load_estimator('tiny', weights='random')
    options = BackendOptions(
        estimator, weights.key, (32, 64), Precision.FP32, 'cpu', 0, Path('cache')
    )
    outputs = []
    for limit_m in (None, 10.0, 20.0):
        estimator.spec = replace(estimator.spec, max_depth_m=limit_m)
        outputs.append(export_key(options, ())['output'])
    assert outputs == ['relative inverse depth', 'metres to 10 m', 'metres to 20 m']
