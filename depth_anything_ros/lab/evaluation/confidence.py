"""How sure a model is, told by itself or by what it makes of the mirrored image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from depth_anything_ros.inference.flip import agreement
from depth_anything_ros.lab.evaluation.targets import Model
from depth_anything_ros.types import (
    ConfidenceSource,
    MetricDepth,
    RelativeInverseDepth,
    UInt8Array,
)


def predict_with_confidence(
    model: Model, source: ConfidenceSource, rgb: UInt8Array
) -> RelativeInverseDepth | MetricDepth:
    """
    Return the depth of an image with how sure the model is of it.

    The depth is that of the image alone; a model that tells no confidence has none.

    :param source: what tells it.
    :param rgb: uint8 (H, W, 3).
    :raises BackendError: if the network cannot run on the image.
    """
    if source is ConfidenceSource.MODEL:
        return model.predict_with_confidence(rgb)
    prediction, other = model.predict(rgb), model.predict(np.ascontiguousarray(rgb[:, ::-1]))
    if isinstance(prediction, MetricDepth) and isinstance(other, MetricDepth):
        sure = agreement(prediction.depth_m, other.depth_m)
    else:
        assert isinstance(prediction, RelativeInverseDepth)
        assert isinstance(other, RelativeInverseDepth)
        sure = agreement(prediction.values, other.values)
    return replace(prediction, confidence=sure)
