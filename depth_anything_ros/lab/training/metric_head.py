"""The last layer of a decoder, set so that training starts from sensible metres."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.training.data import Batch
from depth_anything_ros.models.estimator import DepthEstimator

# Depths nearer to 0 or to the limit than this share of it would need endless values.
_LEAST_SHARE = 0.01
_LEAST_SPREAD = 1e-12


def fit_to_metres(estimator: DepthEstimator, limit_m: float, batches: Iterable[Batch]) -> None:
    """
    Let a model that gave something else start as the metres that fit its values best.

    What goes into the sigmoid, ln(d / (limit - d)) for a depth d, falls as inverse depth rises,
    and rises with metres of another range: the straight line from the model's values to it (least
    squares over all known pixels) goes into the last layer.

    :param estimator: in evaluation mode; its decoder is changed in place.
    :param limit_m: its largest depth in metres.
    :param batches: of images with true depth.
    :raises DatasetError: if no depth is known.
    """
    before, after = [], []
    with torch.no_grad():
        for batch in batches:
            known = (batch.depth_m > 0) & batch.depth_m.isfinite()
            share = (batch.depth_m[known] / limit_m).clamp(_LEAST_SHARE, 1.0 - _LEAST_SHARE)
            before.append(estimator.values(batch.pixels)[known].double())
            after.append(share.double().logit())
    values, wanted = torch.cat(before), torch.cat(after)
    if not len(values):
        raise DatasetError('the first images have no known depth to start from')
    centred = values - values.mean()
    slope = float(centred @ wanted / (centred @ centred).clamp(min=_LEAST_SPREAD))
    offset = float(wanted.mean() - slope * values.mean())
    *_, last = (part for part in estimator.depth_head.modules() if isinstance(part, nn.Conv2d))
    with torch.no_grad():
        last.weight.mul_(slope)
        if last.bias is not None:
            last.bias.mul_(slope).add_(offset)
