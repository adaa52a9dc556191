"""
The Simple Depth Transformer head of AnyDepth: fuse tokens first, then go up along one path.

Source: Ren et al., "AnyDepth: Depth Estimation Made Easy" (arXiv 2601.02760), equations 1 to 6;
Liu et al., "Learning to Upsample by Learning to Sample" (arXiv 2308.15085); parameter names of
github.com/AIGeeksGroup/AnyDepth.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.decoders.readout import Readout
from depth_anything_ros.models.estimator import Decoder, Features, LayerTokens
from depth_anything_ros.models.grid_tables import Grid, GridTables
from depth_anything_ros.models.norm_readers import NormReaders

_HEAD_CHANNELS = 32
_GROUPS = 4
_SCALE = 2
# How far a sample moves at most, in pixels of the coarse map.
_REACH = 0.5
_OFFSET_STD = 0.001
# Four times as fine, twice.
_UPSCALING = 16
# Places of each map, fine to coarse, that become one of the fused map.
_PATCHES = (4, 2, 1, 1)


class WeightedFusion(nn.Module):
    """Project the tokens of every layer to the same channels and add them up, weighted (eq. 1)."""

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(width, channels, bias=False), nn.GELU()) for width in widths
        )
        self.readout_projects = nn.ModuleList(Readout(width) for width in widths)
        self.layer_weights = nn.Parameter(torch.ones(len(widths)))

    def forward(self, layers: Sequence[LayerTokens]) -> Tensor:
        """Map patches (B, N, C) and class (B, C) of each layer to (B, N, F)."""
        weights = self.layer_weights.softmax(dim=0)
        projected = [
            weight * project(readout(tokens, class_token))
            for weight, project, readout, (tokens, class_token) in zip(
                weights, self.projections, self.readout_projects, layers, strict=True
            )
        ]
        return torch.stack(projected).sum(dim=0)


class MapFusion(nn.Module):
    """
    Project maps of four resolutions to the same channels and grid and add them up, weighted.

    It is eq. 1 for a convolutional encoder, which has no class token. Each patch of a finer map
    becomes one place, as a vision transformer makes its tokens; a coarser map is upsampled.

    :param widths: channels of the maps, fine to coarse: of 4, 2, 1 and ½ times the fused grid.
    :param channels: of the fused map.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, channels, side, stride=side, bias=False), nn.GELU())
            for width, side in zip(widths, _PATCHES, strict=True)
        )
        self.layer_weights = nn.Parameter(torch.ones(len(widths)))

    def forward(self, maps: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """
        Map four (B, C, …) to (B, F, rows, columns).

        :param grid: (rows, columns) of the fused map.
        """
        weights = self.layer_weights.softmax(dim=0)
        parts = [
            weight * project(features)
            for weight, project, features in zip(weights, self.projections, maps, strict=True)
        ]
        parts[-1] = F.interpolate(parts[-1], grid, mode='bilinear', align_corners=False)
        return torch.stack(parts).sum(dim=0)


class SpatialDetailEnhancer(nn.Sequential):
    """Add a normalised depthwise 3×3 convolution and cut off below zero (eq. 2)."""

    def __init__(self, channels: int) -> None:
        convolution = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            dwconv=convolution, norm=nn.BatchNorm2d(channels)
        )
        super().__init__(parts)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F, h, w) to (B, F, h, w)."""
        change: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
        return F.relu(features + change)


class DySample(GridTables):
    """
    Double the resolution by sampling where the features themselves say.

    Each of four groups of channels has its own offsets from the regular grid, within half a
    pixel of the coarse map before the scope narrows or widens them. Samples are bilinear, edges
    clamped. Source: DySample, style 'lp' with dynamic scope.

    :param channels: of the map, a multiple of 4.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        count = 2 * _GROUPS * _SCALE**2  # x and y of every group and new pixel
        self.offset = nn.Conv2d(channels, count, kernel_size=1)
        self.scope = nn.Conv2d(channels, count, kernel_size=1, bias=False)
        nn.init.normal_(self.offset.weight, std=_OFFSET_STD)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.scope.weight)
        self.register_buffer('init_pos', torch.empty(1, count, 1, 1))
        self.init_pos: Tensor
        self.reset_constants()

    def reset_constants(self) -> None:
        """Fill the places of the new pixels, ±¼ of a coarse pixel from its centre."""
        steps = (torch.arange(_SCALE) + 0.5) / _SCALE - 0.5
        rows, columns = torch.meshgrid(steps, steps, indexing='ij')
        places = torch.stack((columns, rows)).unsqueeze(1).expand(2, _GROUPS, _SCALE, _SCALE)
        with torch.no_grad():
            self.init_pos.copy_(places.reshape(self.init_pos.shape))

    def make(self, grid: Grid) -> tuple[Tensor, Tensor]:
        """
        Return what the offsets are multiplied by and added to.

        Units: −1..1 over the map. The first is (2,), for x and y, the second
        (groups, 2 · rows, 2 · columns, 2), the places of the new pixels without offsets.
        """
        positions = self.init_pos.float()
        sides = torch.tensor(grid[::-1], dtype=torch.float32, device=positions.device)
        rows, columns = (torch.arange(n, device=positions.device) + 0.5 for n in grid)
        down, right = torch.meshgrid(rows, columns, indexing='ij')
        centres = torch.stack((right, down)).repeat_interleave(positions.shape[1] // 2, dim=0)
        unit = 2 / sides
        return _REACH * unit, _as_grids(centres + positions) * unit - 1

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F, h, w) to (B, F, 2h, 2w)."""
        batch, channels = int(features.shape[0]), int(features.shape[1])
        size = (int(features.shape[2]), int(features.shape[3]))
        reach, places = self.tables(size)
        offsets = self.offset(features) * self.scope(features).sigmoid()
        # In float32: places on a large map need more digits than 16 bits have. Not multiplied
        # channel by channel before: OpenVINO takes that for a step of integers, and gives up.
        moves = _as_grids(offsets).float() * reach  # (B · groups, 2h, 2w, 2)
        sampled = F.grid_sample(
            features.float().reshape(batch * _GROUPS, channels // _GROUPS, *size),
            moves + places.repeat(batch, 1, 1, 1),
            mode='bilinear',
            padding_mode='border',
            align_corners=False,
        )
        return sampled.reshape(batch, channels, _SCALE * size[0], _SCALE * size[1])


class Upsampler(nn.Module):
    """Double the resolution twice, each time followed by a convolution (eq. 3 and 4)."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.dysample1 = nn.Sequential(DySample(inputs), *_refinement(inputs, middle, bias=False))
        self.dysample2 = nn.Sequential(DySample(middle), *_refinement(middle, outputs, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F, h, w) to (B, F', 4h, 4w)."""
        out: Tensor = self.dysample2(self.dysample1(features))
        return out


class FusedHead(Decoder[Features]):
    """
    Bring one fused map to full resolution along one path (eq. 2 to 5).

    Where that map is not of a sixteenth of the resolution the result is resized, with the
    centres of the corners on each other.

    :param fusion: what makes the map, for a subclass to call.
    :param stride: of the fused map, in pixels of the image.
    :param features: channels of the fused map.
    :param out_channels: channels after each doubling of the resolution, coarse to fine.
    """

    def __init__(
        self,
        fusion: nn.Module,
        stride: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__()
        self.stride = stride
        first, second, third, fourth = out_channels
        self.weighted_fusion = fusion
        self.detail_enhancer = SpatialDetailEnhancer(features)
        self.upsample_1 = Upsampler(features, first, second)
        self.refinement_1 = nn.Sequential(*_refinement(second, second, bias=True))
        self.upsample_2 = Upsampler(second, third, fourth)
        self.refinement_2 = nn.Sequential(*_refinement(fourth, fourth, bias=True))
        self.output_conv = nn.Sequential(
            nn.Conv2d(fourth, fourth // 2, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(fourth // 2, _HEAD_CHANNELS, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_HEAD_CHANNELS, 1, kernel_size=1),
        )

    def reassemble(self, fused: Tensor) -> Tensor:
        """Map (B, F, rows, columns) to (B, 1, rows · stride, columns · stride)."""
        features = self.detail_enhancer(fused)
        features = self.refinement_1(self.upsample_1(features))  # (B, F', 4 rows, 4 columns)
        features = self.refinement_2(self.upsample_2(features))  # (B, F'', 16 rows, 16 columns)
        values: Tensor = self.output_conv(features)
        if self.stride == _UPSCALING:
            return values
        size = (self.stride * int(fused.shape[2]), self.stride * int(fused.shape[3]))
        return F.interpolate(values, size, mode='bilinear', align_corners=True)

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return who reads the norms on the way up, each after a ReLU."""
        sampled, plain = ('0.offset', '0.scope', '1'), ('0',)  # layers that read a stage's input
        steps = (
            ('upsample_1.dysample1.2', 'upsample_1.dysample2', sampled),
            ('upsample_1.dysample2.2', 'refinement_1', plain),
            ('refinement_1.1', 'upsample_2.dysample1', sampled),
            ('upsample_2.dysample1.2', 'upsample_2.dysample2', sampled),
            ('upsample_2.dysample2.2', 'refinement_2', plain),
            ('refinement_2.1', 'output_conv', plain),
        )
        return tuple(
            NormReaders(norm, tuple(f'{stage}.{layer}' for layer in layers))
            for norm, stage, layers in steps
        )

    def prepare(self, grid: tuple[int, int]) -> None:
        """Keep the sampling places of a fused map of (rows, columns) for the next forward."""
        rows, columns = grid
        for part in self.modules():  # in the order in which features pass through
            if isinstance(part, DySample):
                part.prepare((rows, columns))
                rows, columns = _SCALE * rows, _SCALE * columns


class SDTHead(FusedHead[LayerTokens]):
    """
    Fuse four layers of tokens into one map and bring it to full resolution (eq. 6).

    The public head has the same channels everywhere.

    :param widths: channels of a token of the four layers.
    :param patch: side of a patch in pixels.
    :param features: channels of the fused map.
    :param out_channels: channels after each doubling of the resolution, coarse to fine.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__(WeightedFusion(widths, features), patch, features, out_channels)

    def forward(self, layers: Sequence[LayerTokens], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, 1, rows · patch, columns · patch) before the activation.

        :param layers: tokens of four layers, shallow to deep.
        :param grid: (rows, columns) of the patches.
        """
        tokens = self.weighted_fusion(layers)  # (B, N, F)
        return self.reassemble(tokens.transpose(1, 2).reshape(int(tokens.shape[0]), -1, *grid))

    def first_layers(self) -> tuple[str, ...]:
        """Return the names of the layers that read the tokens."""
        count = self.weighted_fusion.get_parameter('layer_weights').numel()
        return tuple(f'weighted_fusion.readout_projects.{i}.0' for i in range(count))


class PyramidSDTHead(FusedHead[Tensor]):
    """
    The same head for the four maps of a convolutional encoder.

    :param widths: channels of the four maps, fine to coarse, each of half the resolution.
    :param patch: stride of the coarsest map; the fused one has half of it.
    :param features: channels of the fused map.
    :param out_channels: channels after each doubling of the resolution, coarse to fine.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__(MapFusion(widths, features), patch // 2, features, out_channels)

    def forward(self, layers: Sequence[Tensor], grid: tuple[int, int]) -> Tensor:
        """
        Return (B, 1, rows · patch, columns · patch) before the activation.

        :param layers: maps (B, C, …) of four levels, fine to coarse.
        :param grid: (rows, columns) of the coarsest map.
        """
        return self.reassemble(self.weighted_fusion(layers, _twice(grid)))

    def prepare(self, grid: tuple[int, int]) -> None:
        """Keep the sampling places of a coarsest map of (rows, columns) for the next forward."""
        super().prepare(_twice(grid))


def _twice(grid: tuple[int, int]) -> tuple[int, int]:
    """Return the fused grid of the grid of the coarsest map."""
    return 2 * grid[0], 2 * grid[1]


def _refinement(inputs: int, outputs: int, bias: bool) -> tuple[nn.Module, ...]:
    """Return 3×3 convolution, batch norm and ReLU (eq. 5)."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=bias)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _as_grids(values: Tensor) -> Tensor:
    """
    Bring the numbers of every new pixel to its place.

    :param values: (B, 2 · groups · 4, h, w), x before y, group by group, row by row.
    :return: (B · groups, 2h, 2w, 2), x and y last.
    """
    fine = F.pixel_shuffle(values, _SCALE)  # (B, 2 · groups, 2h, 2w)
    batch, _, height, width = (int(side) for side in fine.shape)
    grouped = fine.reshape(batch, 2, _GROUPS, height, width)
    return grouped.permute(0, 2, 3, 4, 1).flatten(0, 1)
