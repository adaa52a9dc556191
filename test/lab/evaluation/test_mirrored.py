import numpy as np
import pytest

from depth_anything_ros.lab.evaluation.mirrored import predict_with_mirrored
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth

RGB = np.zeros((2, 3, 3), np.uint8)
RGB[:, 0] = 9


class Fake:
    """Give one depth of an image whose left is bright, another of its mirror image."""

    def __init__(self, kind, values, mirrored):
        self._kind = kind
        self._values = np.float32(values), np.float32(mirrored)

    def predict(self, rgb):
        return self._kind(self._values[0] if rgb[0, 0, 0] else self._values[1])


def test_confidence_is_the_difference_to_the_mirrored_image():
    found = predict_with_mirrored(
        Fake(RelativeInverseDepth, [[1, 2, 3]] * 2, [[3, 4, 1]] * 2), RGB
    )
    assert found.values.tolist() == [[1, 2, 3]] * 2
    assert found.confidence.tolist() == [[0, -2, 0]] * 2


def test_metres_differ_by_their_ratio_and_what_is_unknown_has_no_confidence():
    fake = Fake(MetricDepth, [[1, 2, np.nan]] * 2, [[3, 4, 1]] * 2)
    found = predict_with_mirrored(fake, RGB)
    assert found.confidence[0] == pytest.approx([0, -np.log(2), np.nan], nan_ok=True)
