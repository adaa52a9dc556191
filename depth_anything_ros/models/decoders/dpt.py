"""
The dense prediction transformer head of Depth Anything V2.

Source: Ranftl et al., "Vision Transformers for Dense Prediction" (arXiv 2103.13413); parameter
names of github.com/DepthAnything/Depth-Anything-V2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.decoders.readout import Readout
from depth_anything_ros.models.estimator import Decoder, Features, LayerTokens

_HEAD_CHANNELS = 32


def _conv3x3(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=bias)


def _resize(features: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(features, size, mode='bilinear', align_corners=True)


def _output(features: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _conv3x3(features, _HEAD_CHANNELS),
        nn.ReLU(),
        nn.Conv2d(_HEAD_CHANNELS, outputs, kernel_size=1),
    )


@dataclass(frozen=True)
class HeadForm:
    """
    In what the published heads differ.

    `bias`: the residual units have biases. `rectified`: they add to their input after its ReLU,
    which public code applies in place. `unused_unit`: the deepest block has a unit for a layer
    that it does not fuse. `projects`: one more convolution comes before the output. `outputs`
    counts the numbers a pixel. `sky`: one more of them has a small head of its own.
    """

    bias: bool = True
    rectified: bool = False
    unused_unit: bool = False
    projects: bool = False
    outputs: int = 1
    sky: bool = False


DEPTH_ANYTHING_V2 = HeadForm(unused_unit=True)
ANYDEPTH = HeadForm(bias=False, projects=True)


class ResidualConvUnit(nn.Module):
    """
    Add two convolutions, each after a ReLU, to the input, as it is or after the first ReLU.

    :param features: channels of the maps.
    :param form: whether the convolutions have biases, and what they are added to.
    """

    def __init__(self, features: int, form: HeadForm) -> None:
        super().__init__()
        self.conv1 = _conv3x3(features, features, bias=form.bias)
        self.conv2 = _conv3x3(features, features, bias=form.bias)
        self.rectified = form.rectified

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F, h, w) to (B, F, h, w)."""
        positive = F.relu(features)
        residual: Tensor = self.conv2(F.relu(self.conv1(positive)))
        return (positive if self.rectified else features) + residual


class FeatureFusionBlock(nn.Module):
    """
    Fuse the path from deeper layers with one layer, then upsample.

    :param features: channels of the maps.
    :param form: of the residual units.
    :param fuses: False leaves out the unit that a layer passes through.
    """

    def __init__(self, features: int, form: HeadForm, fuses: bool = True) -> None:
        super().__init__()
        if fuses:
            self.resConfUnit1 = ResidualConvUnit(features, form)
        self.resConfUnit2 = ResidualConvUnit(features, form)
        self.out_conv = nn.Conv2d(features, features, kernel_size=1)

    def forward(self, path: Tensor, layer: Tensor | None, size: tuple[int, int]) -> Tensor:
        """
        Return (B, F, *size).

        :param path: (B, F, h, w), from the deeper layers.
        :param layer: (B, F, h, w), or None for the deepest block.
        """
        if layer is not None:
            path = path + self.resConfUnit1(layer)
        out: Tensor = self.out_conv(_resize(self.resConfUnit2(path), size))
        return out


class Scratch(nn.Module):
    """The trained-from-scratch parts under the names of the public checkpoints."""

    def __init__(
        self, features: int, out_channels: tuple[int, int, int, int], form: HeadForm
    ) -> None:
        super().__init__()
        self.layer1_rn = _conv3x3(out_channels[0], features, bias=False)
        self.layer2_rn = _conv3x3(out_channels[1], features, bias=False)
        self.layer3_rn = _conv3x3(out_channels[2], features, bias=False)
        self.layer4_rn = _conv3x3(out_channels[3], features, bias=False)
        self.refinenet1 = FeatureFusionBlock(features, form)
        self.refinenet2 = FeatureFusionBlock(features, form)
        self.refinenet3 = FeatureFusionBlock(features, form)
        self.refinenet4 = FeatureFusionBlock(features, form, fuses=form.unused_unit)
        self.project = (
            nn.Sequential(_conv3x3(features, features), nn.ReLU())
            if form.projects
            else nn.Identity()
        )
        self.output_conv1 = _conv3x3(features, features // 2)
        if form.sky:
            self.sky_output_conv2 = _output(features // 2, 1)
        self.output_conv2 = _output(features // 2, form.outputs)


class FusionHead(Decoder[Features]):
    """
    Fuse four maps, each of half the resolution of the last, from coarse to fine.

    :param widths: channels of the four layers.
    :param resize_layers: four modules that bring the projected layers to 4, 2, 1 and 1/2 times
        the grid.
    :param stride: of the third map, in pixels of the image.
    :param features: channels of the fused maps.
    :param out_channels: channels of the four maps before fusion.
    """

    form: ClassVar[HeadForm] = DEPTH_ANYTHING_V2

    def __init__(
        self,
        widths: tuple[int, ...],
        resize_layers: Sequence[nn.Module],
        stride: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        self.stride = stride
        self.projects = nn.ModuleList(
            nn.Conv2d(width, channels, kernel_size=1)
            for width, channels in zip(widths, out_channels, strict=True)
        )
        self.resize_layers = nn.ModuleList(resize_layers)
        self.scratch = Scratch(features, out_channels, self.form)

    def fuse(self, layers: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, outputs, rows · stride, columns · stride) before the activation.

        The sky comes last where there is one.

        :param layers: four maps (B, C, …).
        :param grid: (rows, columns) of the third map when it is resized.
        """
        rows, columns = grid
        scratch = self.scratch
        layer1, layer2, layer3, layer4 = (
            resize(self.placed(project(layer), grid))
            for layer, project, resize in zip(
                layers, self.projects, self.resize_layers, strict=True
            )
        )
        size3 = (rows, columns)
        size2 = (2 * rows, 2 * columns)
        size1 = (4 * rows, 4 * columns)
        path = scratch.refinenet4(scratch.layer4_rn(layer4), None, size3)
        path = scratch.refinenet3(path, scratch.layer3_rn(layer3), size2)
        path = scratch.refinenet2(path, scratch.layer2_rn(layer2), size1)
        path = scratch.refinenet1(path, scratch.layer1_rn(layer1), (8 * rows, 8 * columns))
        path = _resize(
            scratch.output_conv1(scratch.project(path)),
            (self.stride * rows, self.stride * columns),
        )  # (B, F / 2, h, w)
        path = self.placed(path, grid)
        values: Tensor = scratch.output_conv2(path)  # (B, outputs, h, w)
        if self.form.sky:
            return torch.cat((values, scratch.sky_output_conv2(path)), dim=1)
        return values

    def placed(self, features: Tensor, grid: tuple[int, int]) -> Tensor:  # noqa: ARG002
        """
        Return maps that know where in the image they are; by default they are as they were.

        :param features: (B, C, …) of the whole image, of any resolution.
        :param grid: as for :meth:`fuse`.
        """
        return features


class DPTHead(FusionHead[LayerTokens]):
    """
    Fuse four layers of patch tokens from deep to shallow; the class token is not used.

    :param widths: channels of a token of the four layers.
    :param patch: side of a patch in pixels.
    :param features: channels of the fused maps.
    :param out_channels: channels of the four layers before fusion.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        first, second, _, fourth = out_channels
        resize_layers = (
            nn.ConvTranspose2d(first, first, kernel_size=4, stride=4),
            nn.ConvTranspose2d(second, second, kernel_size=2, stride=2),
            nn.Identity(),
            _conv3x3(fourth, fourth, stride=2),
        )
        super().__init__(widths, resize_layers, patch, features, out_channels)

    def forward(self, layers: Sequence[LayerTokens], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, outputs, rows · patch, columns · patch) before the activation.

        :param layers: tokens of four layers, shallow to deep.
        :param grid: (rows, columns) of the patches.
        """
        images = []
        for tokens, _ in layers:
            batch, _, channels = tokens.shape
            images.append(tokens.transpose(1, 2).reshape(batch, channels, *grid))
        return self.fuse(images, grid)

    def first_layers(self) -> tuple[str, ...]:
        """Return the names of the layers that read the tokens."""
        return tuple(f'projects.{index}' for index in range(len(self.projects)))


class PlainDPTHead(DPTHead):
    """DPT in the form of AnyDepth's baseline, without the class token."""

    form = ANYDEPTH


class ReadoutDPTHead(Decoder[LayerTokens]):
    """
    The baseline of AnyDepth: mix the class token into the patch tokens, then fuse the layers.

    It has the parts of the public baseline under the names of :class:`DPTHead`; no weights of
    it were published. Where a side of the grid is odd the public code gives a larger output.
    Source: `dpt_head.py` in github.com/AIGeeksGroup/AnyDepth.

    :param widths: channels of a token of the four layers.
    :param patch: side of a patch in pixels.
    :param features: channels of the fused maps.
    :param out_channels: channels of the four layers before fusion.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        self.readout_projects = nn.ModuleList(Readout(width) for width in widths)
        self.fusion = PlainDPTHead(widths, patch, features, out_channels)

    def forward(self, layers: Sequence[LayerTokens], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, 1, rows · patch, columns · patch) before the activation.

        :param layers: tokens of four layers, shallow to deep.
        :param grid: (rows, columns) of the patches.
        """
        mixed = [
            (readout(tokens, class_token), class_token)
            for readout, (tokens, class_token) in zip(self.readout_projects, layers, strict=True)
        ]
        values: Tensor = self.fusion(mixed, grid)
        return values

    def first_layers(self) -> tuple[str, ...]:
        """Return the names of the layers that read the tokens."""
        return tuple(f'readout_projects.{i}.0' for i in range(len(self.readout_projects)))


class PyramidDPTHead(FusionHead[Tensor]):
    """
    The same head for the four maps of a convolutional encoder, which need no resizing.

    :param widths: channels of the four maps, fine to coarse, each of half the resolution.
    :param patch: stride of the coarsest map.
    :param features: channels of the fused maps.
    :param out_channels: channels of the four maps before fusion.
    """

    form = ANYDEPTH

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        as_they_are = [nn.Identity() for _ in widths]
        super().__init__(widths, as_they_are, patch // 2, features, out_channels)

    def forward(self, layers: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, 1, rows · patch, columns · patch) before the activation.

        :param layers: maps (B, C, …) of four levels, fine to coarse.
        :param grid: (rows, columns) of the coarsest map.
        """
        return self.fuse(layers, (2 * grid[0], 2 * grid[1]))
