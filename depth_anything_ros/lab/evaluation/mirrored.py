"""How sure a model is, told by what it makes of the mirrored image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from depth_anything_ros.lab.evaluation.targets import Model
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth, UInt8Array


def predict_with_mirrored(model: Model, rgb: UInt8Array) -> RelativeInverseDepth | MetricDepth:
    """
    Return the depth of an image with a confidence: minus the difference to its mirror image.

    Of metres it is the difference of their logarithms. The depth itself is that of the image.

    :param rgb: uint8 (H, W, 3).
    :raises BackendError: if the network cannot run on the image.
    """
    prediction, other = model.predict(rgb), model.predict(np.ascontiguousarray(rgb[:, ::-1]))
    if isinstance(prediction, MetricDepth) and isinstance(other, MetricDepth):
        with np.errstate(divide='ignore', invalid='ignore'):
            difference = np.log(prediction.depth_m / other.depth_m[:, ::-1])
    else:
        assert isinstance(prediction, RelativeInverseDepth)
        assert isinstance(other, RelativeInverseDepth)
        difference = prediction.values - other.values[:, ::-1]
    return replace(prediction, confidence=-np.abs(difference))
