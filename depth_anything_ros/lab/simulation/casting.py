"""
First hits of viewing rays with convex shapes, in torch, for many views at once.

All is done in w = 1 / depth. A ray meets a convex shape where an interval of w is left: for a
slab each bound is proportional to one component of the ray's direction in the shape's axes,
and so an affine function of the pixel. No division is needed, tiles of pixels are culled by
interval arithmetic, and the nearest hit is the largest w.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_anything_ros.lab.simulation.building import Kind

TILE = 8
_SPLIT = 4
BLOCK = TILE * _SPLIT
NEAR_M, FAR_M = 0.02, 60.0
_OPEN = 1e6
_TINY = 1e-9


@dataclass(frozen=True)
class Table:
    """
    The shapes of some views, as each view's camera sees them.

    :param ray: float32 (N, 3, 3): rows the shape's axes, columns column, row, 1 of a pixel;
        the product with (column, row, 1) is the ray's direction in the shape's axes per metre
        of depth.
    :param offset: float32 (N, 3): the camera in the shape's axes, metres.
    :param half_m: float32 (N, 3).
    :param kind: int64 (N,), values of `Kind`.
    :param view: int64 (N,): which view it belongs to; never decreases, and each view's first
        shape is its room.
    """

    ray: Tensor
    offset: Tensor
    half_m: Tensor
    kind: Tensor
    view: Tensor


@dataclass(frozen=True)
class RayHits:
    """
    What each pixel sees.

    :param depth_m: float32 (V, H, W), NaN where nothing is hit.
    :param shape: int64 (V, H, W): row of the table, −1 where nothing is hit.
    """

    depth_m: Tensor
    shape: Tensor


def cast(table: Table, views: int, height: int, width: int) -> RayHits:
    """Return the first hit of the ray through each pixel centre of each view."""
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    bounds = _slab_bounds(table)
    pairs = _tile_pairs(table, bounds, views, rows, columns)
    key = _pair_keys(table, pairs)
    tiles = views * rows * columns * _SPLIT * _SPLIT
    best = torch.full((tiles, TILE * TILE), -1, dtype=torch.int64, device=key.device)
    best.scatter_reduce_(0, pairs.cell[:, None].expand_as(key), key, 'amax', include_self=True)
    hit = best >= 0
    shape = torch.where(hit, best & 0xFFFFFFFF, -1)
    inverse = (best >> 32).to(torch.int32).view(torch.float32)
    depth = torch.where(hit, 1 / inverse, torch.nan)
    return RayHits(
        _untile(depth, views, rows, columns, height, width),
        _untile(shape, views, rows, columns, height, width),
    )


def _untile(
    values: Tensor, views: int, rows: int, columns: int, height: int, width: int
) -> Tensor:
    """Return tiles (views · rows · columns · 16, 64) as images (views, height, width)."""
    image = values.view(views, rows, columns, _SPLIT, _SPLIT, TILE, TILE)
    image = image.permute(0, 1, 3, 5, 2, 4, 6)
    return image.reshape(views, rows * BLOCK, columns * BLOCK)[:, :height, :width].contiguous()


def _slab_bounds(table: Table) -> Tensor:
    """
    Return nine affine functions of the pixel for each shape: (N, 9, 3).

    Times (column, row, 1), the first three are never below w inside the shape's box, the others
    never above it: w is between the least of the three and the greatest of the six.
    """
    offset, half = table.offset, table.half_m
    side = torch.where(offset >= 0, 1.0, -1.0)
    # A room is seen from inside: its far walls are what is hit, so its lower bound is the hit.
    outside = (offset.abs() > half) & (table.kind != Kind.ROOM)[:, None]
    front = 1 / _away_from_zero(side * half - offset)
    back = 1 / _away_from_zero(-side * half - offset)
    factor = torch.cat(
        [torch.where(outside, front, 0), back, torch.where(outside, back, front)], 1
    )
    bounds = factor[:, :, None] * table.ray.repeat(1, 3, 1)
    bounds[:, :3, 2] += torch.where(outside, 0.0, _OPEN)
    return bounds


def _away_from_zero(values: Tensor) -> Tensor:
    return torch.where(values.abs() < _TINY, torch.where(values < 0, -_TINY, _TINY), values)


@dataclass(frozen=True)
class _Pairs:
    """
    Which shapes may be seen in which cells of the images, ordered by nothing.

    :param shape: int64 (P,), rows of the table.
    :param cell: int64 (P,), numbers of the cells, counted through the views.
    :param corner: float32 (P, 2), column and row of each cell's first pixel.
    :param bounds: float32 (P, 9, 3), those of the shape, pixels counted from the corner.
    """

    shape: Tensor
    cell: Tensor
    corner: Tensor
    bounds: Tensor


def _tile_pairs(table: Table, bounds: Tensor, views: int, rows: int, columns: int) -> _Pairs:
    """Return which shapes some pixel of which tiles may show; blocks of tiles come first."""
    device = bounds.device
    everything = _Pairs(
        torch.arange(len(bounds), device=device),
        table.view,
        torch.zeros((len(bounds), 2), device=device),
        bounds,
    )
    blocks = _refine(table, everything, BLOCK, (rows, columns), views * rows * columns)
    cells = views * rows * columns * _SPLIT * _SPLIT
    return _refine(table, blocks, TILE, (_SPLIT, _SPLIT), cells)


def _refine(table: Table, pairs: _Pairs, size: int, split: tuple[int, int], cells: int) -> _Pairs:
    """
    Return the pairs of shapes and the parts of their cells that they may be seen in.

    A shape is dropped from a part where another certainly covers it nearer.

    :param size: side of a part in pixels.
    :param split: rows and columns of parts in a cell.
    :param cells: number of parts of all cells of all views.
    """
    device = pairs.cell.device
    number = torch.arange(split[0] * split[1], device=device)
    column = (number % split[1] * size).to(torch.float32)
    row = (number // split[1] * size).to(torch.float32)
    middle = (size - 1) / 2
    basis = torch.stack([column + middle, row + middle, torch.ones_like(row)])
    center = pairs.bounds @ basis  # (P, 9, parts)
    slack = middle * (pairs.bounds[:, :, 0].abs() + pairs.bounds[:, :, 1].abs())[:, :, None]
    kind = table.kind[pairs.shape]
    room = (kind == Kind.ROOM)[:, None]
    least, most = center - slack, center + slack
    highest, lowest = most[:, :3].amin(1), least[:, 3:].amax(1)
    sure, sure_lowest = least[:, :3].amin(1), most[:, 3:].amax(1)
    # What a part shows for certain: the room everywhere, a box where it covers the part whole.
    covers = (sure >= sure_lowest) & (sure > 0) & (highest < 1 / NEAR_M)
    covers &= (kind == Kind.BOX)[:, None]
    sure = torch.where(covers, sure, torch.where(room, lowest, 0.0))
    seen = (highest >= lowest.clamp_min(1 / FAR_M)) | room
    highest = torch.where(room, sure_lowest, highest)
    cell = pairs.cell[:, None] * (split[0] * split[1]) + number
    cover = torch.zeros(cells, device=device)
    cover.scatter_reduce_(0, cell.flatten(), sure.flatten(), 'amax')
    seen &= highest >= cover[cell] * (1 - 1e-5)
    pair, part = seen.nonzero(as_tuple=True)
    corner = torch.stack([column, row], 1)[part]
    found = pairs.bounds[pair]
    moved = found[:, :, 2] + found[:, :, 0] * corner[:, :1] + found[:, :, 1] * corner[:, 1:]
    return _Pairs(
        pairs.shape[pair],
        cell[pair, part],
        pairs.corner[pair] + corner,
        torch.stack([found[:, :, 0], found[:, :, 1], moved], 2),
    )


def _pair_keys(table: Table, pairs: _Pairs) -> Tensor:
    """Return one integer a pixel that orders by inverse depth, then by shape; −1 for a miss."""
    device = pairs.cell.device
    step = torch.arange(TILE, device=device, dtype=torch.float32)
    basis = torch.stack(
        [step.repeat(TILE), step.repeat_interleave(TILE), torch.ones(TILE * TILE, device=device)]
    )
    inverse = torch.empty((len(pairs.cell), TILE * TILE), device=device)
    kind = table.kind[pairs.shape]
    for which in Kind:
        index = (kind == which).nonzero().squeeze(1)
        if len(index):
            inverse[index] = _met(table, which, pairs, index, basis)
    # A miss is negative and keeps its sign bit, which puts it below every hit and below −1.
    return (inverse.view(torch.int32).to(torch.int64) << 32) | pairs.shape[:, None]


def _met(table: Table, kind: Kind, pairs: _Pairs, index: Tensor, basis: Tensor) -> Tensor:
    """Return the inverse depth at the pixels of pairs with shapes of a kind, −1 for a miss."""
    slabs = pairs.bounds[index] @ basis  # (P, 9, 64)
    if kind is Kind.ROOM:
        upper = lower = slabs[:, 3:].amax(1)
    elif kind is Kind.BOX:
        upper, lower = slabs[:, :3].amin(1), slabs[:, 3:].amax(1)
    elif kind is Kind.ELLIPSOID:
        upper, lower = _quadratic(table, pairs, index, basis, 3)
    else:
        upper, lower = _quadratic(table, pairs, index, basis, 2)
        upper = torch.minimum(upper, slabs[:, 2])
        lower = torch.maximum(lower, slabs[:, 5::3].amax(1))
    hit = (upper >= lower.clamp_min(1 / FAR_M)) & (upper < 1 / NEAR_M)
    return torch.where(hit, upper, -1.0)


def _quadratic(
    table: Table, pairs: _Pairs, index: Tensor, basis: Tensor, axes: int
) -> tuple[Tensor, Tensor]:
    """
    Return the largest and smallest w inside the unit ball (3 axes) or the unit circle (2).

    With o and d the camera and the ray divided by the half sizes, |o + d / w|² ≤ 1 there:
    a·w² + 2·b·w + c ≤ 0 with a = o·o − 1, b = o·d, c = d·d.
    """
    shape = pairs.shape[index]
    half = table.half_m[shape, :axes]
    offset = table.offset[shape, :axes] / half
    corner = pairs.corner[index, None]
    ray = table.ray[shape, :axes] / half[:, :, None]
    start = ray[:, :, 2] + (ray[:, :, :2] * corner).sum(2)
    way = torch.stack([ray[:, :, 0], ray[:, :, 1], start], 2) @ basis  # (P, axes, 64)
    a = _away_from_zero((offset * offset).sum(1) - 1)[:, None]
    b = (offset[:, None] @ way).squeeze(1)
    rest = b * b - a * (way * way).sum(1)
    root = rest.clamp_min(0).sqrt()
    upper = torch.where(a > 0, (root - b) / a, _OPEN)
    return torch.where(rest < 0, -1.0, upper), (-b - root) / a
