"""
The parts of a vision transformer that DINOv2 and DINOv3 share.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv 2010.11929); parameter names
of github.com/facebookresearch/dinov2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_anything_ros.models.norm_readers import NormReaders
from depth_anything_ros.models.prunable_groups import PrunableGroups, TensorAxis
from depth_anything_ros.registry import Registry

_MLP_RATIO = 4

Rotation: TypeAlias = tuple[Tensor, Tensor]
"""
Cosines and signed sines that turn queries and keys by the position of their token.

Both are (N, d), or (N, 2, d / 2) where each half of the channels turns by itself.
"""


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


def rotate(vectors: Tensor, rotation: Rotation) -> Tensor:
    """
    Turn pairs of channels of (B, H, N, d) by the angles of their token.

    The two of a pair are half of the channels that turn together apart: d / 2, or d / 4 where the
    halves turn by themselves. The sines of the first of each pair carry a minus.
    Source: Su et al., "RoFormer" (arXiv 2104.09864), in the layouts of DINOv3 and CroCo v2.
    """
    cosines, signed_sines = rotation
    if cosines.ndim == 3:
        halves = vectors.reshape(*vectors.shape[:-1], 2, -1)  # (B, H, N, 2, d / 2)
        return _rotate_pairs(halves, cosines, signed_sines).flatten(-2)
    return _rotate_pairs(vectors, cosines, signed_sines)


def _rotate_pairs(vectors: Tensor, cosines: Tensor, signed_sines: Tensor) -> Tensor:
    first, second = vectors.chunk(2, dim=-1)
    turned = vectors * cosines + torch.cat((second, first), dim=-1) * signed_sines
    return turned.to(vectors.dtype)


class Attention(nn.Module):
    """
    Let every token read from all tokens, with several heads.

    :param qkv: layer from C to 3 · C channels that makes queries, keys and values.
    :param norm_eps: what is added to the variance where the queries and keys of each head are
        normalised, None where they are not.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        attend: AttentionFunction,
        qkv: nn.Linear,
        norm_eps: float | None = None,
    ) -> None:
        super().__init__()
        self.head_width = width // heads
        self.attend = attend
        self.qkv = qkv
        self.normalises = norm_eps is not None
        if norm_eps is not None:
            self.q_norm = nn.LayerNorm(self.head_width, eps=norm_eps)
            self.k_norm = nn.LayerNorm(self.head_width, eps=norm_eps)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, rotation: Rotation | None = None) -> Tensor:
        """Map (B, N, C) to (B, N, C); a rotation tells each token where it is."""
        batch, count, _ = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, -1, self.head_width)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, N, d) each
        if self.normalises:
            query, key = self.q_norm(query), self.k_norm(key)
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        mixed = self.attend(query, key, value)  # (B, H, N, d)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, -1))
        return out

    def prunable_groups(self) -> PrunableGroups:
        """Return where the heads are."""
        made = [TensorAxis(f'qkv.{name}', 0, times=3) for name in self.qkv.state_dict()]
        return PrunableGroups(self.head_width, (*made, TensorAxis('proj.weight', 1)))


class Mlp(nn.Module):
    """
    Map each token by itself: linear, GELU, linear.

    :param width: channels C of a token.
    :param hidden: channels between the layers, None for 4 · C.
    :param outputs: channels of the result, None for C.
    """

    first_layer: ClassVar[str] = 'fc1'

    def __init__(self, width: int, hidden: int | None = None, outputs: int | None = None) -> None:
        super().__init__()
        hidden = hidden or _MLP_RATIO * width
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, outputs or width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, outputs)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out

    def prunable_groups(self) -> PrunableGroups:
        """Return where the hidden channels are."""
        made = (TensorAxis('fc1.weight', 0), TensorAxis('fc1.bias', 0))
        return PrunableGroups(1, (*made, TensorAxis('fc2.weight', 1)))


class GatedMlp(nn.Module):
    """
    Map each token by itself: linear, SiLU of one half times the other half, linear.

    The hidden channels are two thirds of those of :class:`Mlp`, rounded up to eights.
    Source: Shazeer, "GLU Variants Improve Transformer" (arXiv 2002.05202).
    """

    first_layer: ClassVar[str] = 'w12'

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = (_MLP_RATIO * width * 2 // 3 + 7) // 8 * 8
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        gate, hidden = self.w12(tokens).chunk(2, dim=-1)
        out: Tensor = self.w3(F.silu(gate) * hidden)
        return out

    def prunable_groups(self) -> PrunableGroups:
        """Return where the hidden channels are."""
        made = (TensorAxis('w12.weight', 0, times=2), TensorAxis('w12.bias', 0, times=2))
        return PrunableGroups(1, (*made, TensorAxis('w3.weight', 1)))


class LayerScale(nn.Module):
    """Scale every channel by a learned factor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        return tokens * self.gamma


class Block(nn.Module):
    """
    One transformer block: normalise, attend, scale, add; the same with the MLP.

    :param norm_eps: what is added to the variance when normalising.
    :param mlp: the module that maps each token by itself.
    """

    def __init__(
        self,
        width: int,
        attention: Attention,
        norm_eps: float,
        mlp: type[Mlp | GatedMlp] = Mlp,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=norm_eps)
        self.attn = attention
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=norm_eps)
        self.mlp = mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, tokens: Tensor, rotation: Rotation | None = None) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        attended: Tensor = tokens + self.ls1(self.attn(self.norm1(tokens), rotation))
        out: Tensor = attended + self.ls2(self.mlp(self.norm2(attended)))
        return out

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return who reads the norms."""
        first = f'mlp.{self.mlp.first_layer}'
        return NormReaders('norm1', ('attn.qkv',)), NormReaders('norm2', (first,))


class PatchEmbed(nn.Module):
    """Turn every patch of the image into one token."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch, stride=patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map (B, 3, h, w) to (B, N, C), row by row."""
        features: Tensor = self.proj(pixels)  # (B, C, rows, columns)
        return features.flatten(2).transpose(1, 2)
