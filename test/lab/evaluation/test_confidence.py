import numpy as np
import pytest

from depth_anything_ros.lab.evaluation.confidence import predict_with_confidence
from depth_anything_ros.types import ConfidenceSource, MetricDepth, RelativeInverseDepth

RGB = np.zeros((2, 3, 3), np.uint8)
RGB[:, 0] = 9


class Fake:
    """Give one depth of an image whose left is bright, another of its mirror image."""

    def __init__(self, kind, values, mirrored):
        self._kind = kind
        self._values = np.float32(values), np.float32(mirrored)

    def predict(self, rgb):
        return self._kind(self._values[0] if rgb[0, 0, 0] else self._values[1])

    def predict_with_confidence(self, rgb):
        return self._kind(self._values[0], np.full((2, 3), 0.75, np.float32))


def flipped(kind, values, mirrored):
    fake = Fake(kind, values, mirrored)
    return predict_with_confidence(fake, ConfidenceSource.FLIP, RGB)


def test_confidence_is_the_ratio_to_the_mirrored_image():
    found = flipped(RelativeInverseDepth, [[1, 2, 4]] * 2, [[3, 4, 1]] * 2)
    assert found.values.tolist() == [[1, 2, 4]] * 2
    assert found.confidence.tolist() == [[1, 0.5, 0.75]] * 2


def test_metres_agree_by_their_ratio_and_what_is_unknown_has_no_confidence():
    found = flipped(MetricDepth, [[1, 2, np.nan]] * 2, [[3, 4, 1]] * 2)
    assert found.confidence[0] == pytest.approx([1, 0.5, np.nan], nan_ok=True)


def test_a_model_that_tells_its_confidence_is_believed_or_not():
    fake = Fake(RelativeInverseDepth, [[0, 2, 4]] * 2, [[3, 4, 0]] * 2)
    found = predict_with_confidence(fake, ConfidenceSource.MODEL, RGB)
    assert found.confidence.tolist() == [[0.75] * 3] * 2
