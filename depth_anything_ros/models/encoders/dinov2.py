"""
The DINOv2 vision transformer, without registers.

Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision"
(arXiv 2304.07193); parameter names of github.com/facebookresearch/dinov2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.estimator import Encoder, LayerTokens
from depth_anything_ros.registry import Registry

_PRETRAINED_GRID = 37
_SCALE_OFFSET = 0.1
_NORM_EPS = 1e-6
_MLP_RATIO = 4


class VitSize(NamedTuple):
    """Size of a vision transformer."""

    width: int
    depth: int
    heads: int


SIZES: Registry[VitSize] = Registry(
    'encoder size',
    {
        'vits': VitSize(384, 12, 6),
        'vitb': VitSize(768, 12, 12),
        'vitl': VitSize(1024, 24, 16),
    },
)

AttentionFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


def eager_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return softmax(q kᵀ / √d) v with the matrix of weights written out; all (B, H, N, d)."""
    scaled = query / math.sqrt(query.shape[-1])
    weights = scaled @ key.transpose(-2, -1)  # (B, H, N, N)
    return weights.softmax(dim=-1) @ value


def sdpa_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return softmax(q kᵀ / √d) v by torch's fused kernel; all (B, H, N, d)."""
    mixed: Tensor = F.scaled_dot_product_attention(query, key, value)
    return mixed


ATTENTIONS: Registry[AttentionFunction] = Registry(
    'attention', {'sdpa': sdpa_attention, 'eager': eager_attention}
)


class Attention(nn.Module):
    """Let every token read from all tokens, with several heads."""

    def __init__(self, width: int, heads: int, attend: AttentionFunction) -> None:
        super().__init__()
        self.heads = heads
        self.attend = attend
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, N, d) each
        mixed = self.attend(query, key, value)  # (B, H, N, d)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return out


class Mlp(nn.Module):
    """Map each token by itself: linear, GELU, linear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, _MLP_RATIO * width)
        self.fc2 = nn.Linear(_MLP_RATIO * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


class LayerScale(nn.Module):
    """Scale every channel by a learned factor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        return tokens * self.gamma


class Block(nn.Module):
    """One transformer block: normalise, attend, scale, add; the same with the MLP."""

    def __init__(self, width: int, heads: int, attend: AttentionFunction) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_NORM_EPS)
        self.attn = Attention(width, heads, attend)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=_NORM_EPS)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        attended: Tensor = tokens + self.ls1(self.attn(self.norm1(tokens)))
        out: Tensor = attended + self.ls2(self.mlp(self.norm2(attended)))
        return out


class PatchEmbed(nn.Module):
    """Turn every patch of the image into one token."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch, stride=patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map (B, 3, h, w) to (B, N, C), row by row."""
        features: Tensor = self.proj(pixels)  # (B, C, rows, columns)
        return features.flatten(2).transpose(1, 2)


class DinoV2(Encoder[LayerTokens]):
    """
    DINOv2 as Depth Anything V2 uses it.

    :param size: 'vits', 'vitb' or 'vitl'.
    :param patch: side of a patch in pixels.
    :param attention: a name in ATTENTIONS.
    :raises UnknownNameError: if size or attention is not known.
    """

    def __init__(self, size: str, patch: int, attention: str) -> None:
        super().__init__()
        width, depth, heads = SIZES[size]
        attend = ATTENTIONS[attention]
        self.width = width
        self.patch = patch
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _PRETRAINED_GRID**2, width))
        # Part of the public checkpoints, used in their training only.
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = PatchEmbed(width, patch)
        self.blocks = nn.ModuleList(Block(width, heads, attend) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=_NORM_EPS)
        self._tables: dict[tuple[int, int], Tensor] = {}

    def widths(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Return the number of channels of a token, the same for every block."""
        return (self.width,) * len(layers)

    def forward(self, pixels: Tensor, layers: Sequence[int]) -> list[LayerTokens]:
        """
        Return the normalised tokens of the given blocks: patches (B, N, C), class (B, C).

        :param pixels: normalised RGB (B, 3, h, w); both sides are multiples of the patch.
        """
        grid = (int(pixels.shape[-2]) // self.patch, int(pixels.shape[-1]) // self.patch)
        class_token = self.cls_token.expand(int(pixels.shape[0]), -1, -1)
        tokens = torch.cat((class_token, self.patch_embed(pixels)), dim=1)  # (B, 1 + N, C)
        tokens = tokens + self.position_table(grid)
        taken: list[LayerTokens] = []
        for index, block in enumerate(self.blocks[: max(layers) + 1]):
            tokens = block(tokens)
            if index in layers:
                normalised = self.norm(tokens)
                taken.append((normalised[:, 1:], normalised[:, 0]))
        return taken

    def first_parameters(self, blocks: int) -> Iterator[nn.Parameter]:
        """Iterate over the parameters of the embedding and of the first blocks."""
        yield from (self.cls_token, self.pos_embed, self.mask_token)
        for part in (self.patch_embed, *self.blocks[:blocks]):
            yield from part.parameters()

    def prepare(self, grid: tuple[int, int]) -> None:
        """Keep the position table of a grid, so that the next forward finds it."""
        if grid not in self._tables:
            with torch.inference_mode(False), torch.no_grad():
                self._tables[grid] = resample_positions(self.pos_embed.detach(), grid)

    def position_table(self, grid: tuple[int, int]) -> Tensor:
        """
        Return the position table (1, 1 + N, C) of a grid of (rows, columns).

        In evaluation mode it is computed once per grid, and no gradient reaches `pos_embed`.
        """
        if self.training:
            return resample_positions(self.pos_embed, grid)
        if grid not in self._tables:
            if torch._C._get_tracing_state() is not None or torch.compiler.is_compiling():
                # What is computed here belongs to the trace and must not outlive it.
                return resample_positions(self.pos_embed, grid)
            self.prepare(grid)
        return self._tables[grid]

    def train(self, mode: bool = True) -> DinoV2:
        """Set the mode; training may change the positions, so the tables kept are dropped."""
        if mode:
            self._tables.clear()
        super().train(mode)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DinoV2:
        self._tables.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any) -> None:
        self._tables.clear()
        super()._load_from_state_dict(state_dict, *args)


def resample_positions(table: Tensor, grid: tuple[int, int]) -> Tensor:
    """
    Resample a square position table to another grid, by the rule of the public checkpoints.

    Bicubic (a = −0.75, edges clamped, no antialias) by the scale factor (n + 0.1) / 37 for n
    patches, which places samples differently from resampling to n directly. A grid of the
    table's own size gets the table itself.

    Source: `interpolate_pos_encoding` in github.com/facebookresearch/dinov2.

    :param table: (1, 1 + M·M, C); the class token's entry comes first and is kept.
    :param grid: (rows, columns) wanted.
    :return: (1, 1 + rows·columns, C) in the table's dtype.
    """
    rows, columns = grid
    side = int((table.shape[1] - 1) ** 0.5)
    if (rows, columns) == (side, side):
        return table
    patches = table[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    resampled = F.interpolate(
        patches,
        scale_factor=((rows + _SCALE_OFFSET) / side, (columns + _SCALE_OFFSET) / side),
        mode='bicubic',
    )  # (1, C, rows, columns)
    resampled = resampled.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)
    return torch.cat((table[:, :1], resampled), dim=1)
