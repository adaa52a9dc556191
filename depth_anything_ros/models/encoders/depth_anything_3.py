"""
The two encoders of Depth Anything 3, for one image.

Source: Lin et al., "Depth Anything 3: Recovering the Visual Space from Any Views" (arXiv
2511.10647); parameter names of github.com/ByteDance-Seed/Depth-Anything-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.encoders.dinov2 import (
    BLOCK_NORM_EPS,
    LearnedPositions,
    plain_blocks,
)
from depth_anything_ros.models.encoders.vit import (
    ATTENTIONS,
    SIZES,
    Attention,
    AttentionFunction,
    Block,
    GatedMlp,
    Mlp,
    Rotation,
    VitSize,
)
from depth_anything_ros.models.estimator import LayerTokens
from depth_anything_ros.models.grid_tables import Grid, GridTables
from depth_anything_ros.registry import Registry

# Of the last norm, and of those of queries and keys.
_NORM_EPS = 1e-5
_ROPE_BASE = 100.0


class AnyViewSize(NamedTuple):
    """Size of an encoder for any number of views; from block `start` on it knows of views."""

    vit: VitSize
    start: int
    mlp: type[Mlp | GatedMlp] = Mlp


ANY_VIEW_SIZES: Registry[AnyViewSize] = Registry(
    'encoder size',
    {
        'vits': AnyViewSize(SIZES['vits'], 4),
        'vitb': AnyViewSize(SIZES['vitb'], 4),
        'vitl': AnyViewSize(SIZES['vitl'], 8),
        'vitg': AnyViewSize(VitSize(1536, 40, 24), 13, GatedMlp),
    },
)


class MonocularDinoV2(LearnedPositions):
    """
    DINOv2 as the monocular models use it.

    :param size: 'vits', 'vitb' or 'vitl'; 'vitl' in the public weights.
    :param patch: side of a patch in pixels.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    def __init__(self, size: str, patch: int, attention: str) -> None:
        width, depth, heads = SIZES[size]
        blocks = plain_blocks(width, depth, heads, ATTENTIONS[attention])
        super().__init__(width, patch, blocks, _NORM_EPS)


class PatchRotation(GridTables):
    """
    Turn one half of a head's channels by the row of the patch, the other half by its column.

    Rows and columns count from 1, and 0 is the place of tokens before the patches. The
    channels i and i + d / 4 of a half of d / 2 turn by place / 100^(i / (d / 4)).

    :param head_width: channels d of one head, a multiple of 4.
    :param specials: how many tokens come before the patches.
    """

    def __init__(self, head_width: int, specials: int = 1) -> None:
        super().__init__()
        self.pairs = head_width // 4
        self.specials = specials

    def make(self, grid: Grid) -> tuple[Tensor, ...]:
        """
        Return cosines and signed sines (S + N, 2, d / 2) of one view's tokens, and across views.

        Across views every patch is at (1, 1), as the places in two images say nothing of each
        other.
        """
        rows, columns = (torch.arange(1, 1 + count, dtype=torch.float32) for count in grid)
        places = torch.cartesian_prod(rows, columns)  # (N, 2)
        return (*self._turned(places), *self._turned(torch.ones_like(places)))

    def _turned(self, places: Tensor) -> Rotation:
        exponents = torch.arange(self.pairs, dtype=torch.float32) / self.pairs
        places = F.pad(places, (0, 0, self.specials, 0))[:, :, None]  # (S + N, 2, 1)
        angles = places / _ROPE_BASE**exponents  # (S + N, 2, d / 4)
        cosines, sines = angles.cos(), angles.sin()
        return torch.cat((cosines, cosines), dim=-1), torch.cat((-sines, sines), dim=-1)


class AnyViewDinoV2(LearnedPositions):
    """
    DINOv2 whose later blocks attend within a view and across views by turns.

    From the block `start` on queries and keys are normalised and turned by the place of their
    patch, and the class token is replaced by one that marks the reference view. Blocks with an
    odd number attend across views: with one view, over the same tokens but blind to their places.

    A layer gives what the last block within the view gave beside its own tokens, 2 · C channels;
    only the latter pass the last norm.

    :param size: 'vits', 'vitb', 'vitl' or 'vitg'.
    :param patch: side of a patch in pixels.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    last_norm: str = ''  # the decoder reads more than it

    def __init__(self, size: str, patch: int, attention: str) -> None:
        (width, depth, heads), start, mlp = ANY_VIEW_SIZES[size]
        attend = ATTENTIONS[attention]
        blocks = (_block(width, heads, attend, mlp, index >= start) for index in range(depth))
        super().__init__(width, patch, blocks, _NORM_EPS)
        self.start = start
        # The first marks the reference view, the second all others.
        self.camera_token = nn.Parameter(torch.zeros(1, 2, width))
        self.rotation = PatchRotation(width // heads)

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels of a token, the same for every block."""
        return (2 * self.width,) * len(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[LayerTokens]:
        """
        Return the tokens of the given blocks: patches (B, N, 2 · C), reference view (B, 2 · C).

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """
        tokens = self.embed(pixels)
        tables = [table.to(tokens.device) for table in self.rotation.tables(self.grid_of(pixels))]
        within, across = (tables[0], tables[1]), (tables[2], tables[3])
        last_within = tokens
        taken: list[LayerTokens] = []
        for index, block in enumerate(self.blocks[: max(layers) + 1]):
            if index == self.start:
                reference = self.camera_token[:, :1].expand(len(tokens), -1, -1)
                tokens = torch.cat((reference, tokens[:, 1:]), dim=1)
            if index >= self.start and index % 2:
                tokens = block(tokens, across)
            else:
                tokens = last_within = block(tokens, within if index >= self.start else None)
            if index in layers:
                patches = torch.cat((last_within[:, 1:], self.norm(tokens)[:, 1:]), dim=-1)
                taken.append((patches, torch.cat((last_within[:, 0], tokens[:, 0]), dim=-1)))
        return taken

    def prepare(self, grid: Grid) -> None:
        """Keep position table and rotation of a grid, so that the next forward finds them."""
        super().prepare(grid)
        self.rotation.prepare(grid)


def _block(
    width: int, heads: int, attend: AttentionFunction, mlp: type[Mlp | GatedMlp], normalises: bool
) -> Block:
    qkv = nn.Linear(width, 3 * width)
    norm_eps = _NORM_EPS if normalises else None
    return Block(width, Attention(width, heads, attend, qkv, norm_eps), BLOCK_NORM_EPS, mlp)
