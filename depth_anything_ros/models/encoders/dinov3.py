"""
The DINOv3 vision transformer: rotary positions, four register tokens.

Source: Siméoni et al., "DINOv3" (arXiv 2508.10104); parameter names of
github.com/facebookresearch/dinov3, whose files load unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.encoders.vit import (
    ATTENTIONS,
    SIZES,
    Attention,
    Block,
    PatchEmbed,
    Rotation,
)
from depth_anything_ros.models.estimator import Encoder, LayerTokens
from depth_anything_ros.models.grid_tables import Grid, GridTables

REGISTERS = 4
_NORM_EPS = 1e-5
_ROPE_BASE = 100.0


class MaskedKeyLinear(nn.Linear):
    """
    Make queries, keys and values, the keys without bias.

    The checkpoints hold a bias for the keys too, and a mask that takes it away.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, 3 * width)
        self.register_buffer('bias_mask', torch.empty(3 * width))
        self.bias_mask: Tensor
        self.reset_constants()

    def reset_constants(self) -> None:
        """Fill the mask: 1 for queries and values, 0 for keys."""
        width = self.in_features
        with torch.no_grad():
            self.bias_mask.fill_(1.0)
            self.bias_mask[width : 2 * width].zero_()

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, 3 · C)."""
        return F.linear(tokens, self.weight, self.bias * self.bias_mask)


class RotaryEmbedding(GridTables):
    """
    Turn queries and keys by angles that grow with the place of their patch.

    A patch has its centre at (y, x) in −1..1 over the image, whatever its size. The first
    quarter of a head's channels turns by 2π · y / period, the second by 2π · x / period, and the
    other half likewise; the periods grow from 1 to almost 100. Class and registers do not turn.

    :param head_width: channels of one head, a multiple of 4.
    """

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.register_buffer('periods', torch.empty(head_width // 4))
        self.periods: Tensor
        self.reset_constants()

    def reset_constants(self) -> None:
        """Fill the periods: 100^(i / count) for i from 0."""
        count = self.periods.numel()
        exponents = torch.arange(count, dtype=torch.float32) / count
        with torch.no_grad():
            self.periods.copy_(_ROPE_BASE**exponents)

    def make(self, grid: Grid) -> Rotation:
        """Return cosines and signed sines (5 + N, d), class and registers first."""
        device = self.periods.device
        places = [
            2 * (torch.arange(count, dtype=torch.float32, device=device) + 0.5) / count - 1
            for count in grid
        ]
        centres = torch.stack(torch.meshgrid(*places, indexing='ij'), dim=-1)  # (rows, columns, 2)
        turns = centres.reshape(-1, 2, 1) / self.periods.float()  # (N, 2, d / 4)
        angles = F.pad(2 * math.pi * turns.flatten(1), (0, 0, 1 + REGISTERS, 0))  # (5 + N, d / 2)
        cosines, sines = angles.cos(), angles.sin()
        return torch.cat((cosines, cosines), dim=1), torch.cat((-sines, sines), dim=1)


class DinoV3(Encoder[LayerTokens]):
    """
    DINOv3 as AnyDepth uses it.

    The final norm applies to every layer given. AnyDepth does not say whether it does; Depth
    Anything V2 and the depth heads of DINOv3 itself do.

    :param size: 'vits', 'vitb' or 'vitl'.
    :param patch: side of a patch in pixels; 16 in the public weights.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    last_norm: str = 'norm'

    def __init__(self, size: str, patch: int, attention: str) -> None:
        super().__init__()
        width, depth, heads = SIZES[size]
        attend = ATTENTIONS[attention]
        self.width = width
        self.patch = patch
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.storage_tokens = nn.Parameter(torch.zeros(1, REGISTERS, width))
        # Part of the public checkpoints, used in their training only.
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = PatchEmbed(width, patch)
        self.rope_embed = RotaryEmbedding(width // heads)
        self.blocks = nn.ModuleList(
            Block(width, Attention(width, heads, attend, MaskedKeyLinear(width)), _NORM_EPS)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=_NORM_EPS)

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels of a token, the same for every block."""
        return (self.width,) * len(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[LayerTokens]:
        """
        Return the normalised tokens of the given blocks: patches (B, N, C), class (B, C).

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """
        grid = (int(pixels.shape[-2]) // self.patch, int(pixels.shape[-1]) // self.patch)
        first = torch.cat((self.cls_token, self.storage_tokens), dim=1)  # (1, 5, C)
        patches = self.patch_embed(pixels)  # (B, N, C)
        tokens = torch.cat((first.expand(int(pixels.shape[0]), -1, -1), patches), dim=1)
        rotation = self.rope_embed.tables(grid)
        taken: list[LayerTokens] = []
        for index, block in enumerate(self.blocks[: max(layers) + 1]):
            tokens = block(tokens, rotation)
            if index in layers:
                normalised = self.norm(tokens)
                taken.append((normalised[:, 1 + REGISTERS :], normalised[:, 0]))
        return taken

    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over the parameters of the embedding and of the first blocks."""
        yield from (self.cls_token, self.storage_tokens, self.mask_token)
        for part in (self.patch_embed, *self.blocks[:blocks]):
            yield from part.parameters()

    def prepare(self, grid: Grid) -> None:
        """Keep the rotation of a grid, so that the next forward finds it."""
        self.rope_embed.prepare(grid)
