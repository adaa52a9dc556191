"""
The two heads of Depth Anything 3: DPT heads that give more than depth.

Source: Lin et al., "Depth Anything 3: Recovering the Visual Space from Any Views" (arXiv
2511.10647); parameter names of github.com/ByteDance-Seed/Depth-Anything-3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depth_anything_ros.models.decoders.dpt import DPTHead, HeadForm
from depth_anything_ros.models.estimator import LayerTokens
from depth_anything_ros.models.grid_tables import Grid, GridTables
from depth_anything_ros.models.norm_readers import NormReaders

_NORM_EPS = 1e-5
_PLACE_BASE = 100.0
_PLACE_WEIGHT = 0.1


class SkyDPTHead(DPTHead):
    """
    DPT with a second small head for the sky, as the monocular models have it.

    It gives (B, 2, h, w): depth and sky, before their activations.
    """

    form = HeadForm(sky=True)


class Places(GridTables):
    """
    Say where in the image each number of a map is, by sines and cosines.

    A place is (x, y) from the centre of the image in halves of its diagonal. Of C channels the
    first quarter are the sines of x / 100^(4i / C), the second their cosines, the other half the
    same of y.

    :param shapes: for each table its channels and how many rows it has for a row of the grid.
    """

    def __init__(self, shapes: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.shapes = tuple(shapes)

    def make(self, grid: Grid) -> tuple[Tensor, ...]:
        """Return for each shape the part of x (C / 2, 1, columns) and of y (C / 2, rows, 1)."""
        rows, columns = grid
        diagonal = (rows**2 + columns**2) ** 0.5
        tables = []
        for channels, times in self.shapes:
            across = _waves(columns * times, columns / diagonal, channels)
            down = _waves(rows * times, rows / diagonal, channels)
            tables += [across[:, None, :], down[:, :, None]]
        return tuple(tables)


def _waves(count: int, half_side: float, channels: int) -> Tensor:
    """Return sines and cosines (C / 2, count) of the places of pixels along one side."""
    last = half_side * (count - 1) / count
    frequencies = _PLACE_BASE ** -(torch.arange(channels // 4) / (channels // 4))
    # On the device of the context: while transformers loads it has a linspace of its own in place,
    # which torch may remember as the one to be told of that device.
    places = torch.linspace(-last, last, count, device=frequencies.device)
    angles = frequencies[:, None] * places
    return _PLACE_WEIGHT * torch.cat((angles.sin(), angles.cos()))


class DualDPTHead(DPTHead):
    """
    DPT that gives depth and confidence, (B, 2, h, w), before their activations.

    The second branch of the public head, for the rays of the camera, serves several views and is
    left out.

    :param widths: channels of a token of the four layers, the same for all.
    :param patch: side of a patch in pixels.
    :param features: channels of the fused maps.
    :param out_channels: channels of the four layers before fusion.
    """

    form = HeadForm(outputs=2)

    def __init__(
        self,
        widths: tuple[int, ...],
        patch: int,
        features: int,
        out_channels: tuple[int, int, int, int],
    ) -> None:
        super().__init__(widths, patch, features, out_channels)
        self.norm = nn.LayerNorm(widths[0], eps=_NORM_EPS)
        self.places = Places(
            [*((channels, 1) for channels in out_channels), (features // 2, patch)]
        )

    def forward(self, layers: Sequence[LayerTokens], grid: Grid) -> Tensor:
        """
        Return (B, 2, rows · patch, columns · patch): depth and confidence before the activation.

        :param layers: tokens of four layers, shallow to deep.
        :param grid: (rows, columns) of the patches.
        """
        return super().forward([(self.norm(tokens), first) for tokens, first in layers], grid)

    def placed(self, features: Tensor, grid: Grid) -> Tensor:
        """Return maps with where they are added, as in :class:`FusionHead`."""
        shape = (int(features.shape[1]), int(features.shape[2]) // grid[0])
        index = 2 * self.places.shapes.index(shape)
        tables = self.places.tables(grid)
        across, down = (table.to(features.device) for table in tables[index : index + 2])
        first, second = features.chunk(2, dim=1)
        return torch.cat((first + across, second + down), dim=1)

    def prepare(self, grid: Grid) -> None:
        """Keep the places of a grid, so that the next forward finds them."""
        self.places.prepare(grid)

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return who reads the norm of the tokens."""
        return (NormReaders('norm', super().first_layers()),)

    def first_layers(self) -> tuple[str, ...]:
        """Return that none reads the tokens as they are."""
        return ()
