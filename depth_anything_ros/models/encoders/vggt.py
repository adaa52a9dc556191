"""
The aggregator of VGGT, for one image.

Source: Wang et al., "VGGT: Visual Geometry Grounded Transformer" (arXiv 2503.11651); parts of
github.com/facebookresearch/vggt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from depth_anything_ros.models.encoders.depth_anything_3 import PatchRotation
from depth_anything_ros.models.encoders.dinov2 import LearnedPositions, plain_blocks
from depth_anything_ros.models.encoders.vit import (
    ATTENTIONS,
    SIZES,
    Attention,
    AttentionFunction,
    Block,
    Rotation,
)
from depth_anything_ros.models.estimator import Encoder, LayerTokens
from depth_anything_ros.models.grid_tables import Grid

_REGISTERS = 4
_NORM_EPS = 1e-5


class RegisterDinoV2(LearnedPositions):
    """
    DINOv2 with registers: tokens after the class token that belong to no patch.

    :param size: 'vits', 'vitb' or 'vitl'.
    :param patch: side of a patch in pixels.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    antialias: ClassVar[bool] = True
    specials: ClassVar[int] = 1 + _REGISTERS

    def __init__(self, size: str, patch: int, attention: str) -> None:
        width, depth, heads = SIZES[size]
        super().__init__(width, patch, plain_blocks(width, depth, heads, ATTENTIONS[attention]))
        self.register_tokens = nn.Parameter(torch.zeros(1, _REGISTERS, width))

    def embed(self, pixels: Tensor) -> Tensor:
        """Return class token, registers and patches with their positions, (B, 5 + N, C)."""
        tokens = super().embed(pixels)
        registers = self.register_tokens.expand(len(tokens), -1, -1)
        return torch.cat((tokens[:, :1], registers, tokens[:, 1:]), dim=1)


class AlternatingBlock(nn.Module):
    """One block that attends within a view, then one that attends across views."""

    def __init__(self, width: int, heads: int, attend: AttentionFunction) -> None:
        super().__init__()
        self.within = _block(width, heads, attend)
        self.across = _block(width, heads, attend)

    def forward(self, tokens: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
        """Map (B, N, C) to what the first block gives and what the second makes of it."""
        within: Tensor = self.within(tokens, rotation)
        return within, self.across(within, rotation)


class VggtAggregator(Encoder[LayerTokens]):
    """
    Blocks that attend within a view and across views by turns, over the patches of a DINOv2.

    A token for the camera and four registers come before the patches. Queries and keys are
    normalised and turned by the place of their patch, across views too. A layer is a pair of
    blocks, and gives what both give beside each other, 2 · C channels.

    :param size: 'vits', 'vitb' or 'vitl', of the DINOv2 and of the blocks; 'vitl' in the public
        weights.
    :param patch: side of a patch in pixels.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    specials: ClassVar[int] = 1 + _REGISTERS

    def __init__(self, size: str, patch: int, attention: str) -> None:
        super().__init__()
        self.width, depth, heads = SIZES[size]
        attend = ATTENTIONS[attention]
        self.patch_embed = RegisterDinoV2(size, patch, attention)
        # Of both the first serves the first view, the second all others.
        self.camera_token = nn.Parameter(torch.zeros(1, 2, 1, self.width))
        self.register_token = nn.Parameter(torch.zeros(1, 2, _REGISTERS, self.width))
        self.blocks = nn.ModuleList(
            AlternatingBlock(self.width, heads, attend) for _ in range(depth)
        )
        self.rotation = PatchRotation(self.width // heads, self.specials)

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels of a token, the same for every layer."""
        return (2 * self.width,) * len(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[LayerTokens]:
        """
        Return the tokens of the given layers: patches (B, N, 2 · C), camera (B, 2 · C).

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """
        ((patches, _),) = self.patch_embed(pixels, (len(self.patch_embed.blocks) - 1,))
        first_view = torch.cat((self.camera_token, self.register_token), dim=2)[:, 0]
        tokens = torch.cat((first_view.expand(len(patches), -1, -1), patches), dim=1)
        cosines, sines, *_ = self.rotation.tables(self.patch_embed.grid_of(pixels))
        rotation = cosines.to(tokens.device), sines.to(tokens.device)
        taken: list[LayerTokens] = []
        for index, pair in enumerate(self.blocks[: max(layers) + 1]):
            within, tokens = pair(tokens, rotation)
            if index in layers:
                both = torch.cat((within, tokens), dim=-1)
                taken.append((both[:, self.specials :], both[:, 0]))
        return taken

    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over the parameters of the DINOv2, the tokens and the first pairs of blocks."""
        yield from self.parameters(recurse=False)
        for part in (self.patch_embed, *self.blocks[:blocks]):
            yield from part.parameters()

    def prepare(self, grid: Grid) -> None:
        """Keep position table and rotation of a grid, so that the next forward finds them."""
        self.patch_embed.prepare(grid)
        self.rotation.prepare(grid)


def _block(width: int, heads: int, attend: AttentionFunction) -> Block:
    qkv = nn.Linear(width, 3 * width)
    return Block(width, Attention(width, heads, attend, qkv, _NORM_EPS), _NORM_EPS)
