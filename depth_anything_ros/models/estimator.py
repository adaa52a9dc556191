"""A depth network: an encoder, a decoder and the activation that its output needs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from depth_anything_ros.errors import BackendError
from depth_anything_ros.models.activation import ActivationRange
from depth_anything_ros.models.norm_readers import NormReaders
from depth_anything_ros.models.spec import ModelSpec

# Of Depth Anything 3: where its head for the sky gives as much or more, there is sky.
LEAST_SKY = 0.3

LayerTokens = tuple[Tensor, Tensor]
"""Tokens of one layer: of the patches (B, N, C), row by row, and of the class (B, C)."""

Features = TypeVar('Features', LayerTokens, Tensor)
"""What a layer gives: tokens of a vision transformer, or a map (B, C, rows, columns)."""


class Encoder(nn.Module, Generic[Features]):
    """
    Turn an image into the features of some of its layers.

    `last_norm` names the norm that all features come from which the decoder's `first_layers` read,
    empty if there is none.
    """

    last_norm: str = ''

    @abstractmethod
    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels C of the given layers, counted from 0."""

    @abstractmethod
    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[Features]:
        """
        Return the features of the given layers, counted from 0.

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """

    @abstractmethod
    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over what comes before the blocks and what the first so many of them hold."""

    @abstractmethod
    def prepare(self, grid: tuple[int, int]) -> None:
        """Compute once what depends on the (rows, columns) of the patches only."""


class Decoder(nn.Module, Generic[Features]):
    """Turn the features of several layers into numbers a pixel, before the activation."""

    @abstractmethod
    def forward(self, layers: Sequence[Features], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, n, h, w), depth first, for a grid of (h / patch, w / patch) patches.

        :param layers: features of the layers, shallow to deep.
        """

    def prepare(self, grid: tuple[int, int]) -> None:
        """Compute once what depends on the grid only; by default nothing does."""

    def first_layers(self) -> tuple[str, ...]:
        """Return the names of all layers that read the features; by default none is known."""
        return ()


class DepthEstimator(nn.Module):
    """
    Estimate depth from one normalised image.

    The parts are called `pretrained` and `depth_head` as in the public checkpoints, so that
    these load unchanged. Source: github.com/DepthAnything/Depth-Anything-V2.

    :param camera_head: makes (B, 2), the field of view, of the first token of the last layer, None
        where the network does not find it.
    """

    def __init__(
        self,
        spec: ModelSpec,
        encoder: Encoder[Any],
        decoder: Decoder[Any],
        camera_head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.pretrained = encoder
        self.depth_head = decoder
        self.camera_head = camera_head
        # Layers that round what they read to 8 bits; see `models.quantised`.
        self.activation_ranges: dict[str, ActivationRange] = {}

    def forward(self, pixels: Tensor) -> Tensor:
        """
        Return inverse depth ≥ 0 (no unit, larger is nearer), or metres for a metric model.

        Inverse depth is 0 in the sky where the network finds it.

        :param pixels: RGB (B, 3, h, w), normalised with the mean and std of `spec`.
        :return: (B, h, w).
        :raises BackendError: if the input has another shape, or h or w is not a multiple of
            the patch.
        """
        return self._depth(self._planes(pixels))

    def with_confidence(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """
        Return what :meth:`forward` does, and how sure the network is of it, in 0..1.

        Its head gives x for a confidence of 1 + exp(x), by which errors were weighed in training.
        Here it is 1 − 1 / (1 + exp(x)), which orders pixels alike.

        :param pixels: as in :meth:`forward`.
        :return: (B, h, w) each.
        :raises BackendError: as :meth:`forward`, or if the network tells no confidence.
        """
        if not self.spec.confidence:
            raise BackendError(f"model '{self.spec.name}' does not tell how sure it is")
        planes = self._planes(pixels)
        return self._depth(planes), torch.sigmoid(planes[:, 1])

    def values(self, pixels: Tensor) -> Tensor:
        """
        Return what the decoder gives, before the activation, (B, h, w).

        :param pixels: as in :meth:`forward`.
        :raises BackendError: as :meth:`forward`.
        """
        return self._planes(pixels)[:, 0]

    def field_of_view(self, pixels: Tensor) -> Tensor:
        """
        Return the field of view down and across the image, (B, 2) in radians, 0 or more.

        :param pixels: as in :meth:`forward`.
        :raises BackendError: as :meth:`forward`, or if the network does not find it.
        """
        self._grid(pixels.shape)
        if self.camera_head is None:
            raise BackendError(f"model '{self.spec.name}' does not find the field of view")
        _, first = self.pretrained(pixels, self.spec.layers)[-1]
        angles: Tensor = self.camera_head(first)
        return angles

    def activate(self, values: Tensor) -> Tensor:
        """
        Return inverse depth ≥ 0, or metres, of the decoder's values (B, h, w).

        Values of a model up to scale are the logarithm of depth; its inverse depth is above 0.
        """
        if self.spec.max_depth_m is not None:
            return torch.sigmoid(values) * self.spec.max_depth_m
        return torch.exp(-values) if self.spec.up_to_scale else torch.relu(values)

    def prepare(self, height: int, width: int) -> None:
        """
        Compute once what depends on the input size only; call it before exporting.

        The position table of that size is then a constant of the exported graph, and not
        resampled by another library with another rule.

        :raises BackendError: if a side is not a multiple of the patch.
        """
        grid = self._grid((1, 3, height, width))
        self.pretrained.prepare(grid)
        self.depth_head.prepare(grid)

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return who reads the last norm of the encoder, if that is known."""
        norm, layers = self.pretrained.last_norm, self.depth_head.first_layers()
        if not norm or not layers:
            return ()
        readers = tuple(f'depth_head.{layer}' for layer in layers)
        return (NormReaders(f'pretrained.{norm}', readers),)

    def _depth(self, planes: Tensor) -> Tensor:
        depth = self.activate(planes[:, 0])
        if not self.spec.sky:
            return depth
        return torch.where(planes[:, -1] < LEAST_SKY, depth, torch.zeros_like(depth))

    def _planes(self, pixels: Tensor) -> Tensor:
        """Return all that the decoder gives, (B, n, h, w)."""
        grid = self._grid(pixels.shape)
        planes: Tensor = self.depth_head(self.pretrained(pixels, self.spec.layers), grid)
        return planes

    def _grid(self, shape: Sequence[int]) -> tuple[int, int]:
        # While tracing, sizes are tensors; int() makes them constants of a fixed-size graph.
        sides = [int(side) for side in shape]
        patch = self.spec.patch
        if len(sides) != 4 or sides[1] != 3:
            raise BackendError(f'network input of shape {tuple(sides)}; needed: (B, 3, h, w)')
        height, width = sides[2:]
        if height % patch or width % patch or not height or not width:
            raise BackendError(
                f'network input of {height}×{width} (height × width) pixels; '
                f'both must be multiples of {patch}'
            )
        return height // patch, width // patch


class DepthAndConfidence(nn.Module):
    """A network that gives both at once, as :meth:`DepthEstimator.with_confidence` does."""

    def __init__(self, estimator: DepthEstimator) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return depth and confidence, (B, h, w) each."""
        return self.estimator.with_confidence(pixels)
