"""Models of transformers are scored as what they predict."""

import numpy as np
import pytest

pytest.importorskip('transformers', reason='transformers is not installed')
pytest.importorskip('PIL', reason='Pillow is not installed')

from hub_models import write_model

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.network import example_image
from depth_anything_ros.lab.evaluation import hub_predictor
from depth_anything_ros.lab.evaluation.targets import Target
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth

KINDS = {
    'dpt': RelativeInverseDepth,
    'depth_anything': RelativeInverseDepth,
    'glpn': MetricDepth,
    'zoedepth': MetricDepth,
}


def target(folder):
    return Target('it', NetworkOptions(str(folder), device='cpu'), hub=True)


@pytest.mark.parametrize(
    'kind',
    ['dpt', *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != 'dpt')],
)
def test_predictions_are_what_the_model_gives_at_the_size_of_the_image(kind, tmp_path):
    write_model(kind, tmp_path)
    model = target(tmp_path).opened()
    assert model.identity.input_size == (0, 0)
    rgb = example_image()[:96, :128]
    predicted = model.predict(rgb)
    assert isinstance(predicted, KINDS[kind])
    values = predicted.depth_m if isinstance(predicted, MetricDepth) else predicted.values
    assert (values.dtype, values.shape) == (np.float32, (96, 128))
    identity = model.identity
    assert (identity.backend, identity.weights, identity.device) == (
        'transformers', 'pretrained', 'cpu',
    )  # fmt: skip
    assert min(identity.input_size) > 0


def test_a_kind_of_which_it_is_not_known_what_it_predicts_is_refused(tmp_path, monkeypatch):
    write_model('dpt', tmp_path)
    monkeypatch.delitem(hub_predictor._KINDS, 'dpt')
    with pytest.raises(CheckpointError, match="of type 'dpt', predicts depth or inverse depth"):
        target(tmp_path).opened()
