"""
A light top-down head for convolutional encoders: context at the coarse end, then refine.

Source: Lin et al., "Feature Pyramid Networks" (arXiv 1612.03144) for the way from coarse to
fine; Liu et al., "A ConvNet for the 2020s" (arXiv 2201.03545) for the block with a large kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.estimator import Decoder
from depth_anything_ros.models.norm_readers import NormReaders

_CONTEXT_KERNEL = 7
_CONTEXT_BLOCKS = 2
_REFINE_KERNEL = 5
_EXPANSION = 2


class PyramidHead(Decoder[Tensor]):
    """
    Fuse four maps, each of twice the resolution of the next, from coarse to fine.

    The coarsest map is first mixed over its whole extent, as depth depends on where in the room
    a surface lies more than on how it looks.

    :param widths: channels of the four maps, fine to coarse.
    :param patch: stride of the coarsest map.
    :param features: channels of the full-resolution output stage.
    :param out_channels: channels of the four levels after fusion, fine to coarse.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        self.patch = patch
        coarsest = out_channels[-1]
        self.laterals = nn.ModuleList(
            ConvNorm(width, channels, 1)
            for width, channels in zip(widths, out_channels, strict=True)
        )
        self.context = nn.Sequential(
            *(ContextBlock(coarsest) for _ in range(_CONTEXT_BLOCKS)),
        )
        self.narrows = nn.ModuleList(
            ConvNorm(coarse, fine, 1) for fine, coarse in pairwise(out_channels)
        )
        self.refines = nn.ModuleList(
            nn.Sequential(SeparableBlock(channels), SeparableBlock(channels))
            for channels in out_channels[:-1]
        )
        self.output = nn.Sequential(
            ConvNorm(out_channels[0], features, 3),
            nn.ReLU(),
            nn.Conv2d(features, 1, kernel_size=1),
        )

    def forward(self, layers: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, 1, rows · patch, columns · patch) before the activation.

        :param layers: maps (B, C, …) of four levels, fine to coarse.
        :param grid: (rows, columns) of the coarsest map.
        """
        maps = [
            torch.relu(lateral(layer))
            for lateral, layer in zip(self.laterals, layers, strict=True)
        ]
        path = self.context(maps[-1])
        for level in reversed(range(len(maps) - 1)):
            narrowed = self.narrows[level](path)  # before upsampling, where it is cheaper
            path = self.refines[level](maps[level] + _upsample(narrowed, 2))
        doubled: Tensor = self.output(_upsample(path, 2))  # (B, 1, h / 2, w / 2)
        size = (grid[0] * self.patch, grid[1] * self.patch)
        return F.interpolate(doubled, size, mode='bilinear', align_corners=False)

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return who reads the norm of the output, after a ReLU."""
        return (NormReaders('output.0.1', ('output.2',)),)


class ConvNorm(nn.Sequential):
    """Convolve without bias, keeping the size, and normalise."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
        )


class ContextBlock(nn.Module):
    """Add what a large depthwise kernel and the mean over the map tell to each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = ConvNorm(channels, channels, _CONTEXT_KERNEL, groups=channels)
        self.overall = nn.Conv2d(channels, channels, kernel_size=1)
        self.expand = nn.Conv2d(channels, _EXPANSION * channels, kernel_size=1)
        self.project = ConvNorm(_EXPANSION * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C, h, w)."""
        overall = self.overall(features.mean(dim=(2, 3), keepdim=True))
        mixed = self.spatial(features) + overall
        change: Tensor = self.project(torch.relu(self.expand(mixed)))
        return features + change


class SeparableBlock(nn.Module):
    """Add a depthwise and a pointwise convolution to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = ConvNorm(channels, channels, _REFINE_KERNEL, groups=channels)
        self.expand = nn.Conv2d(channels, _EXPANSION * channels, kernel_size=1)
        self.project = ConvNorm(_EXPANSION * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C, h, w)."""
        change: Tensor = self.project(torch.relu(self.expand(self.depthwise(features))))
        return features + change

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return who reads the norm of the depthwise convolution."""
        return (NormReaders('depthwise.1', ('expand',)),)


def _upsample(features: Tensor, factor: int) -> Tensor:
    size = (int(features.shape[2]) * factor, int(features.shape[3]) * factor)
    return F.interpolate(features, size, mode='bilinear', align_corners=False)
