"""
EfficientNet-Lite: inverted residuals with ReLU6 and without squeeze-and-excitation.

Source: Tan and Le, "EfficientNet" (arXiv 1905.11946); the Lite variants of
github.com/tensorflow/tpu, whose padding and batch-norm constants are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.estimator import Encoder
from depth_anything_ros.models.prunable_groups import PrunableGroups, TensorAxis
from depth_anything_ros.registry import Registry

_NORM_EPS = 1e-3
_NORM_MOMENTUM = 0.01
_STEM_CHANNELS = 32


class Stage(NamedTuple):
    """Describe blocks in a row; the first one has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


SIZES: Registry[tuple[Stage, ...]] = Registry(
    'encoder size',
    {
        'lite0': (
            Stage(1, 3, 1, 1, 16),
            Stage(2, 3, 2, 6, 24),
            Stage(2, 5, 2, 6, 40),
            Stage(3, 3, 2, 6, 80),
            Stage(3, 5, 1, 6, 112),
            Stage(4, 5, 2, 6, 192),
            Stage(1, 3, 1, 6, 320),
        ),
    },
)


class EfficientNetLite(Encoder[Tensor]):
    """
    EfficientNet-Lite up to its last block, without the classifier.

    The part names are the public ones without their leading underscores.

    :param size: a name in SIZES.
    :param patch: the stride of the last block; both sides of the input are multiples of it.
    :param attention: not used, as there is none.
    :raises UnknownNameError: if the size is not known.
    """

    def __init__(self, size: str, patch: int, attention: str) -> None:  # noqa: ARG002
        super().__init__()
        self.conv_stem = SameConv2d(3, _STEM_CHANNELS, 3, stride=2)
        self.bn0 = _norm(_STEM_CHANNELS)
        self.blocks = nn.ModuleList()
        self._channels: list[int] = []
        channels = _STEM_CHANNELS
        for stage in SIZES[size]:
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                self.blocks.append(InvertedResidual(channels, stage, stride))
                channels = stage.channels
                self._channels.append(channels)

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels that the given blocks give."""
        return tuple(self._channels[index] for index in layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """
        Return the maps (B, C, h / stride, w / stride) of the given blocks.

        :param pixels: normalised RGB (B, 3, h, w).
        """
        features = F.relu6(self.bn0(self.conv_stem(pixels)))  # (B, 32, h / 2, w / 2)
        taken: list[Tensor] = []
        for index, block in enumerate(self.blocks[: max(layers) + 1]):
            features = block(features)
            if index in layers:
                taken.append(features)
        return taken

    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over the parameters of the stem and of the first blocks."""
        for part in (self.conv_stem, self.bn0, *self.blocks[:blocks]):
            yield from part.parameters()

    def prepare(self, grid: tuple[int, int]) -> None:
        """Do nothing: no table depends on the input size."""


class InvertedResidual(nn.Module):
    """Expand by 1×1, filter each channel, project by 1×1; add the input where shapes allow."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.expands = stage.expansion != 1
        if self.expands:
            self.expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self.bn0 = _norm(inner)
        self.depthwise_conv = SameConv2d(inner, inner, stage.kernel, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv = nn.Conv2d(inner, stage.channels, 1, bias=False)
        self.bn2 = _norm(stage.channels)
        self.adds = stride == 1 and inputs == stage.channels

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, inputs, h, w) to (B, channels, h / stride, w / stride)."""
        inner = F.relu6(self.bn0(self.expand_conv(features))) if self.expands else features
        inner = F.relu6(self.bn1(self.depthwise_conv(inner)))
        projected: Tensor = self.bn2(self.project_conv(inner))
        return projected + features if self.adds else projected

    def prunable_groups(self) -> PrunableGroups:
        """Return where the inner channels are; a block that does not expand has none to spare."""
        if not self.expands:
            return PrunableGroups(1, ())
        inner = ['expand_conv.weight', 'depthwise_conv.weight']
        inner += [
            f'{norm}.{name}'
            for norm in ('bn0', 'bn1')
            for name in ('weight', 'bias', 'running_mean', 'running_var')
        ]
        axes = [TensorAxis(name, 0) for name in inner]
        return PrunableGroups(1, (*axes, TensorAxis('project_conv.weight', 1)))


class SameConv2d(nn.Conv2d):
    """
    Convolve without bias, padded as TensorFlow's SAME: the odd row and column go last.

    With stride 2 and even sides that is not the symmetric padding of torch, and the ImageNet
    weights were trained with it.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        before = (kernel - stride) // 2
        self._margins = (before, kernel - stride - before)
        if before == self._margins[1]:
            self.padding = (before, before)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, inputs, h, w) to (B, outputs, h / stride, w / stride)."""
        if self._margins[0] != self._margins[1]:
            features = F.pad(features, self._margins * 2)
        return super().forward(features)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_NORM_EPS, momentum=_NORM_MOMENTUM)
