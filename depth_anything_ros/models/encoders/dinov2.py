"""
The DINOv2 vision transformer, without registers.

Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision"
(arXiv 2304.07193); parameter names of github.com/facebookresearch/dinov2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.encoders.vit import (
    ATTENTIONS,
    SIZES,
    Attention,
    AttentionFunction,
    Block,
    PatchEmbed,
)
from depth_anything_ros.models.estimator import Encoder, LayerTokens

_PRETRAINED_GRID = 37
_SCALE_OFFSET = 0.1
BLOCK_NORM_EPS = 1e-6


class LearnedPositions(Encoder[LayerTokens]):
    """
    Blocks over a class token and the patches, with a learned table of positions, and a last norm.

    `antialias` chooses the rule by which the table is resampled, see :func:`resample_positions`.
    `specials` counts the tokens before those of the patches; the class token is the first.

    :param patch: side of a patch in pixels.
    :param norm_eps: what is added to the variance in the last norm.
    """

    last_norm: str = 'norm'
    antialias: ClassVar[bool] = False
    specials: ClassVar[int] = 1

    def __init__(
        self, width: int, patch: int, blocks: Iterable[Block], norm_eps: float = BLOCK_NORM_EPS
    ) -> None:
        super().__init__()
        self.width = width
        self.patch = patch
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _PRETRAINED_GRID**2, width))
        self.patch_embed = PatchEmbed(width, patch)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self._tables: dict[tuple[int, int], Tensor] = {}

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels of a token, the same for every block."""
        return (self.width,) * len(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[LayerTokens]:
        """
        Return the normalised tokens of the given blocks: patches (B, N, C), class (B, C).

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """
        tokens = self.embed(pixels)
        taken: list[LayerTokens] = []
        for index, block in enumerate(self.blocks[: max(layers) + 1]):
            tokens = block(tokens)
            if index in layers:
                normalised = self.norm(tokens)
                taken.append((normalised[:, self.specials :], normalised[:, 0]))
        return taken

    def embed(self, pixels: Tensor) -> Tensor:
        """Return class token and patches with their positions, (B, 1 + N, C)."""
        class_token = self.cls_token.expand(int(pixels.shape[0]), -1, -1)
        tokens = torch.cat((class_token, self.patch_embed(pixels)), dim=1)
        return tokens + self.position_table(self.grid_of(pixels))

    def grid_of(self, pixels: Tensor) -> tuple[int, int]:
        """Return the (rows, columns) of the patches of an image (B, 3, h, w)."""
        return int(pixels.shape[-2]) // self.patch, int(pixels.shape[-1]) // self.patch

    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over the parameters of the embedding and of the first blocks."""
        yield from self.parameters(recurse=False)
        for part in (self.patch_embed, *self.blocks[:blocks]):
            yield from part.parameters()

    def prepare(self, grid: tuple[int, int]) -> None:
        """Keep the position table of a grid, so that the next forward finds it."""
        if grid not in self._tables:
            with torch.inference_mode(False), torch.no_grad():
                self._tables[grid] = self._resampled(self.pos_embed.detach(), grid)

    def position_table(self, grid: tuple[int, int]) -> Tensor:
        """
        Return the position table (1, 1 + N, C) of a grid of (rows, columns).

        In evaluation mode it is computed once per grid, and no gradient reaches `pos_embed`.
        """
        if self.training:
            return self._resampled(self.pos_embed, grid)
        if grid not in self._tables:
            if torch._C._get_tracing_state() is not None or torch.compiler.is_compiling():
                # What is computed here belongs to the trace and must not outlive it.
                return self._resampled(self.pos_embed, grid)
            self.prepare(grid)
        return self._tables[grid]

    def _resampled(self, table: Tensor, grid: tuple[int, int]) -> Tensor:
        return resample_positions(table, grid, self.antialias)

    def train(self, mode: bool = True) -> LearnedPositions:
        """Set the mode; training may change the positions, so the tables kept are dropped."""
        if mode:
            self._tables.clear()
        super().train(mode)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LearnedPositions:
        self._tables.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any) -> None:
        self._tables.clear()
        super()._load_from_state_dict(state_dict, *args)


class DinoV2(LearnedPositions):
    """
    DINOv2 as Depth Anything V2 uses it.

    :param size: 'vits', 'vitb' or 'vitl'.
    :param patch: side of a patch in pixels.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    def __init__(self, size: str, patch: int, attention: str) -> None:
        width, depth, heads = SIZES[size]
        super().__init__(width, patch, plain_blocks(width, depth, heads, ATTENTIONS[attention]))
        # Part of the public checkpoints, used in their training only.
        self.mask_token = nn.Parameter(torch.zeros(1, width))


def plain_blocks(width: int, depth: int, heads: int, attend: AttentionFunction) -> Iterator[Block]:
    """Iterate over blocks that know of positions only what the tokens tell."""
    for _ in range(depth):
        attention = Attention(width, heads, attend, nn.Linear(width, 3 * width))
        yield Block(width, attention, BLOCK_NORM_EPS)


def resample_positions(table: Tensor, grid: tuple[int, int], antialias: bool = False) -> Tensor:
    """
    Resample a square position table to another grid, by the rule of the public checkpoints.

    Bicubic (a = −0.75, edges clamped, no antialias) by the scale factor (n + 0.1) / 37 for n
    patches, which places samples differently from resampling to n directly. The models with
    registers resample to n directly, with antialias. A grid of the table's own size gets the
    table itself.

    Source: `interpolate_pos_encoding` in github.com/facebookresearch/dinov2.

    :param table: (1, 1 + M·M, C); the class token's entry comes first and is kept.
    :param grid: (rows, columns) wanted.
    :param antialias: whether the rule is that of the models with registers.
    :return: (1, 1 + rows·columns, C) in the table's dtype.
    """
    rows, columns = grid
    side = int((table.shape[1] - 1) ** 0.5)
    if (rows, columns) == (side, side):
        return table
    patches = table[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    if antialias:
        resampled = F.interpolate(patches, (rows, columns), mode='bicubic', antialias=True)
    else:
        factors = ((rows + _SCALE_OFFSET) / side, (columns + _SCALE_OFFSET) / side)
        resampled = F.interpolate(patches, scale_factor=factors, mode='bicubic')
    resampled = resampled.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)
    return torch.cat((table[:, :1], resampled), dim=1)
