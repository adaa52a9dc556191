"""What a batch is scored by: the network and its loss as one module."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from depth_anything_ros.lab.training.config import TrainConfig
from depth_anything_ros.lab.training.losses import (
    absolute_loss,
    any_depth_loss,
    negative_share,
    silog_loss,
)
from depth_anything_ros.models.estimator import DepthEstimator

_NEAREST_M = 0.01


class Objective(Protocol):
    """
    Score a batch; it is a module, so that gradients are averaged over processes when it runs.

    `terms` names what `__call__` returns: the total first, then what it consists of.
    """

    terms: tuple[str, ...]

    def __call__(self, pixels: Tensor, depth_m: Tensor) -> Tensor:
        """
        Return the terms (T,) of a batch, float32.

        :param pixels: normalised RGB (B, 3, h, w).
        :param depth_m: metres (B, h, w), NaN where unknown.
        """


class RelativeObjective(nn.Module):
    """
    Learn inverse depth up to scale and shift.

    The loss sees the values before the ReLU, which has no gradient below 0; the term `negative`
    keeps them above.
    """

    terms: tuple[str, ...] = ('loss', 'ssi', 'gradient', 'negative')

    def __init__(self, estimator: DepthEstimator, config: TrainConfig) -> None:
        super().__init__()
        self.estimator = estimator
        self._config = config

    def forward(self, pixels: Tensor, depth_m: Tensor) -> Tensor:
        """Return total, scale- and shift-invariant loss, gradient matching, negative share."""
        with _autocast(pixels, self._config.precision):
            values = self.estimator.values(pixels)
        values = values.float()
        valid = (depth_m > _NEAREST_M) & (depth_m <= self._config.far_m)
        total, invariant, steps = any_depth_loss(
            values, depth_m.reciprocal(), valid, self._config.gradient_weight
        )
        negative = negative_share(values)
        return torch.stack((total + negative, invariant, steps, negative))


class MetricObjective(nn.Module):
    """Learn metres, of which the model's largest depth and less can be told."""

    terms: tuple[str, ...] = ('loss', 'l1_m')

    def __init__(self, estimator: DepthEstimator, config: TrainConfig) -> None:
        super().__init__()
        self.estimator = estimator
        self._config = config
        limit_m = estimator.spec.max_depth_m
        self._far_m = config.far_m if limit_m is None else min(config.far_m, limit_m)

    def forward(self, pixels: Tensor, depth_m: Tensor) -> Tensor:
        """Return the loss asked for and the mean absolute error in metres."""
        with _autocast(pixels, self._config.precision):
            values = self.estimator.values(pixels)
        prediction_m = self.estimator.activate(values.float())
        valid = (depth_m > _NEAREST_M) & (depth_m <= self._far_m)
        absolute = absolute_loss(prediction_m, depth_m, valid)
        if self._config.metric_loss == 'l1':
            return torch.stack((absolute, absolute.detach()))
        return torch.stack((silog_loss(prediction_m, depth_m, valid), absolute.detach()))


def make_objective(
    estimator: DepthEstimator, config: TrainConfig
) -> RelativeObjective | MetricObjective:
    """Return the objective for what the model gives: inverse depth or metres."""
    if estimator.spec.max_depth_m is None:
        return RelativeObjective(estimator, config)
    return MetricObjective(estimator, config)


def _autocast(pixels: Tensor, precision: str) -> torch.autocast:
    return torch.autocast(pixels.device.type, torch.bfloat16, enabled=precision == 'bf16')
