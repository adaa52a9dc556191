"""The albedo at each hit: pattern tiles, gathered at the size a pixel has on the surface."""

from __future__ import annotations

import torch
from torch import Tensor

from depth_anything_ros.lab.simulation import packing
from depth_anything_ros.lab.simulation.atlas import LEVEL_START, LEVELS, TILE_PX

_DIRT_REPEAT_M = 3.1
_DIRT_LEVEL = 2
_DIRT_TILES = 8


def albedo(coat: Tensor, u: Tensor, v: Tensor, footprint_m: Tensor, atlas: Tensor) -> Tensor:
    """
    Return the share of light that comes back, linear rgb, float32 (3, n).

    :param coat: float32 (columns, n), the columns that `packing` names.
    :param u: float32 (n,), metres along the surface; v likewise.
    :param footprint_m: float32 (n,), size of a pixel on the surface.
    :param atlas: int16 (texels,): the first plane is the low byte, the second the high one.
    """
    turned = coat[packing.TURNED] > 0
    across = torch.where(turned, v, u) * coat[packing.REPEAT] + coat[packing.SHIFT]
    along = torch.where(turned, u, v) * coat[packing.REPEAT + 1] + coat[packing.SHIFT + 1]
    finest = torch.maximum(coat[packing.REPEAT], coat[packing.REPEAT + 1])
    texels = (footprint_m * finest * TILE_PX).clamp(1, 2 ** (LEVELS - 1))
    level = texels.log2().to(torch.int32)
    start = torch.tensor(LEVEL_START, device=u.device, dtype=torch.int32).index_select(0, level)
    start = start + coat[packing.TEXEL].to(torch.int32)
    size = torch.full_like(level, TILE_PX) >> level
    second, third = _gathered(atlas, start, size, across, along, planes=2)
    dirt_tile = (coat[packing.SHIFT + 1] * _DIRT_TILES).to(torch.int32) * LEVEL_START[-1]
    (soil,) = _gathered(
        atlas,
        dirt_tile + LEVEL_START[_DIRT_LEVEL],
        torch.tensor(TILE_PX >> _DIRT_LEVEL, device=u.device, dtype=torch.int32),
        u / _DIRT_REPEAT_M + coat[packing.SHIFT],
        v / _DIRT_REPEAT_M,
        planes=1,
    )
    colors = coat[packing.COLORS : packing.COLORS + 9]
    mixed = colors[:3] + second * (colors[3:6] - colors[:3])
    mixed = mixed + third * (colors[6:] - mixed)
    return mixed * (1 + coat[packing.DIRT] * (2.6 * soil - 0.65))


def _gathered(
    atlas: Tensor, start: Tensor, size: Tensor, u: Tensor, v: Tensor, planes: int
) -> list[Tensor]:
    """
    Return the first planes of the atlas, in 0..1, interpolated between four texels.

    :param start: int32, where the tile begins at the level wanted.
    :param size: int32, its side at that level in texels, a power of two.
    :param u: tiles to the right; v tiles down.
    """
    x, y = u * size - 0.5, v * size - 0.5
    left, top = x.floor(), y.floor()
    right_share, low_share = x - left, y - top
    mask = size - 1
    column, row = left.to(torch.int32), top.to(torch.int32)
    columns = (column & mask, (column + 1) & mask)
    rows = (start + (row & mask) * size, start + ((row + 1) & mask) * size)
    texels = [atlas.index_select(0, row + column) for row in rows for column in columns]
    found = []
    for plane in range(planes):
        a, b, c, d = (((texel >> (8 * plane)) & 255).to(torch.float32) for texel in texels)
        upper, lower = a + right_share * (b - a), c + right_share * (d - c)
        found.append((upper + low_share * (lower - upper)) * (1 / 255))
    return found
