"""
Two networks in one: depth up to a scale by the one, its scale in every image by the other.

Source: `NestedDepthAnything3Net` in github.com/ByteDance-Seed/Depth-Anything-3, `model/da3.py` and
`utils/alignment.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from depth_anything_ros.models.estimator import LEAST_SKY, Decoder, Encoder, LayerTokens

# What is nearer is not fitted: of the metric branch in its metres, of the other in its own unit.
_NEAREST_METRIC = 0.01
_NEAREST_ANY_VIEW = 0.001
# An image with so few pixels that are no sky tells no scale.
_TOO_FEW = 10
_TINY = 1e-12


class NestedEncoder(Encoder[LayerTokens]):
    """
    Two encoders that look at the same image.

    `last_norm` is that of the metric one.

    :param any_view: of depth up to a scale.
    :param metric: of metric depth.
    :param metric_layers: blocks of the latter that are read.
    """

    def __init__(
        self,
        any_view: Encoder[LayerTokens],
        metric: Encoder[LayerTokens],
        metric_layers: Sequence[int],
    ) -> None:
        super().__init__()
        self.metric = metric
        self.any_view = any_view
        self.metric_layers = tuple(metric_layers)
        self.last_norm = f'metric.{metric.last_norm}' if metric.last_norm else ''

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return those of the metric layers, then those of the given ones of the other."""
        return self.metric.widths(self.metric_layers) + self.any_view.widths(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[LayerTokens]:
        """
        Return the tokens of the metric layers, then of the given ones of the other.

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """
        return [*self.metric(pixels, self.metric_layers), *self.any_view(pixels, layers)]

    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over what both have before their blocks and in the first so many of them."""
        return chain(self.metric.first_parameters(blocks), self.any_view.first_parameters(blocks))

    def prepare(self, grid: tuple[int, int]) -> None:
        """Compute once what depends on the grid only."""
        self.metric.prepare(grid)
        self.any_view.prepare(grid)


class NestedDecoder(Decoder[LayerTokens]):
    """
    Two decoders, the depth of the one brought to the metres of the other.

    :param any_view: gives depth and confidence.
    :param metric: gives depth and sky, its own in metres for a focal length of the input.
    """

    def __init__(self, any_view: Decoder[LayerTokens], metric: Decoder[LayerTokens]) -> None:
        super().__init__()
        self.metric = metric
        self.any_view = any_view

    def forward(self, layers: Sequence[LayerTokens], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, 3, h, w): depth, confidence and sky, before their activations.

        :param layers: tokens as :class:`NestedEncoder` gives them, as many of either.
        :param grid: (rows, columns) of the patches.
        """
        half = len(layers) // 2
        metric, sky = self.metric(layers[:half], grid).float().unbind(dim=1)
        depth, sure = self.any_view(layers[half:], grid).float().unbind(dim=1)
        return torch.stack((scaled(depth, sure, metric, sky), sure, sky), dim=1)

    def prepare(self, grid: tuple[int, int]) -> None:
        """Compute once what depends on the grid only."""
        self.metric.prepare(grid)
        self.any_view.prepare(grid)

    def heads(self) -> tuple[nn.Module, ...]:
        """Return the two decoders."""
        return self.metric, self.any_view

    def first_layers(self) -> tuple[str, ...]:
        """Return the names of the layers of the metric decoder that read its tokens."""
        return tuple(f'metric.{layer}' for layer in self.metric.first_layers())


def scaled(depth: Tensor, sure: Tensor, metric: Tensor, sky: Tensor) -> Tensor:
    """
    Return the logarithm of depth in the metres of the metric branch, (B, h, w).

    One factor an image brings depth to metric depth, by least squares over pixels that are no sky
    and of which the any-view branch is at least as sure as of half of them. Depth of the metric
    branch below 1 cm is not fitted, nor what is below 0.001 of the other. Where an image shows
    sky but for ten pixels, or nothing is left to fit, the metric branch's own depth is given.

    :param depth: logarithm of depth up to a scale, (B, h, w).
    :param sure: how sure the network is of it, larger is surer, (B, h, w).
    :param metric: logarithm of depth in metres, (B, h, w).
    :param sky: what the head for the sky gives, (B, h, w).
    """
    ground = sky < LEAST_SKY
    fitted = (
        ground
        & (sure >= _median_where(ground, sure))
        & (metric.exp() > _NEAREST_METRIC)
        & (depth.exp() > _NEAREST_ANY_VIEW)
    )
    factors = fitted.to(depth.dtype) * depth.exp()
    products = (factors * metric.exp()).mean(dim=(1, 2), keepdim=True)
    squares = factors.square().mean(dim=(1, 2), keepdim=True)
    log_scale = (products / squares.clamp(min=_TINY)).clamp(min=_TINY).log()
    tells = (_count(ground) > _TOO_FEW) & (_count(fitted) > 0)
    return torch.where(tells, depth + log_scale, metric)


def _median_where(chosen: Tensor, values: Tensor) -> Tensor:
    """
    Return the median of the chosen values of each image, (B, 1, 1), the upper of two.

    Of an image without any it is some value.
    """
    # Values that are not chosen lie at the end, whatever they are.
    last = values.amin(dim=(1, 2), keepdim=True)
    ordered = torch.where(chosen, values, last).flatten(1).sort(dim=1, descending=True).values
    place = (_count(chosen).flatten(1) - 1).clamp(min=0) // 2  # (B, 1)
    return ordered.gather(1, place)[..., None]


def _count(chosen: Tensor) -> Tensor:
    """Return how many pixels of each image are chosen, int64 (B, 1, 1)."""
    return chosen.sum(dim=(1, 2), keepdim=True)
