"""How well a network agrees with itself on the mirrored image, as a confidence."""

import numpy as np
import pytest

from depth_anything_ros.api import DepthModel
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.flip import agreement
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.types import ConfidenceSource, Precision

RAW = np.array([[1.0, 2.0, 4.0, 0.0, 3.0]], np.float32)
# Turned back it is [[1, 4, 1, 2, -1]].
MIRRORED = np.array([[-1.0, 2.0, 1.0, 4.0, 1.0]], np.float32)


def test_agreement_is_the_ratio_whatever_the_scale_and_unknown_where_one_is_no_distance():
    found = agreement(RAW, MIRRORED)
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.25, np.nan, np.nan]])
    np.testing.assert_allclose(agreement(3 * RAW, 3 * MIRRORED), found)


def test_metres_and_their_inverse_agree_as_well():
    raw, turned = RAW[:, :3], MIRRORED[:, 2:]
    np.testing.assert_allclose(agreement(1 / raw, 1 / turned), agreement(raw, turned))


class Sided:
    """Give 1 to the left and 2 to the right of whatever image."""

    def __init__(self, options):
        self._size = options.size

    @classmethod
    def require(cls, device, precision):
        pass

    @classmethod
    def fastest_precision(cls, device):
        return Precision.FP32

    @classmethod
    def narrowed(cls, estimator, device):
        return ()

    def infer(self, pixels):
        height, width = self._size
        return np.tile(np.linspace(1, 2, width, dtype=np.float32), (height, 1))


def test_a_predictor_tells_confidence_by_the_mirrored_image_and_none_of_its_own(monkeypatch):
    monkeypatch.setitem(BACKENDS._entries, 'sided', Sided)
    predictor = create_predictor(NetworkOptions('tiny', backend='sided', precision='fp32'))
    rgb = np.zeros((48, 64, 3), np.uint8)
    plain = predictor.predict(rgb)
    found = predictor.predict_with_confidence(rgb, ConfidenceSource.FLIP)
    np.testing.assert_array_equal(found.values, plain.values)
    # At the sides 1 and 2 are held against each other, in the middle 1.5 against itself.
    np.testing.assert_allclose(found.confidence[:, [0, -1]], 0.5, rtol=1e-5)
    np.testing.assert_allclose(found.confidence[:, 31:33], 1.0, atol=0.02)
    assert found.confidence.shape == (48, 64)
    assert predictor.predict_with_confidence(rgb).confidence is None
    model = DepthModel(predictor)
    again = model.predict(rgb, confidence='flip').confidence
    np.testing.assert_array_equal(again, found.confidence)
    assert model.predict(rgb).confidence is None
    with pytest.raises(ConfigError, match="unknown confidence 'mirror'; known: model, flip"):
        model.predict(rgb, confidence='mirror')
