"""The surface at each hit: its normal and two coordinates along it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_anything_ros.lab.simulation.building import Kind
from depth_anything_ros.lab.simulation.casting import RayHits, Table


@dataclass(frozen=True)
class Surface:
    """
    What is known of each hit; n pixels, all views one after the other.

    :param shape: int64 (n,), row of the table; 0 where nothing is hit.
    :param normal: float32 (3, n), world axes, towards the side seen.
    :param u: float32 (n,), metres along the surface.
    :param v: float32 (n,), metres along the surface at right angles to u.
    """

    shape: Tensor
    normal: Tensor
    u: Tensor
    v: Tensor


def find_surface(table: Table, turn: Tensor, hits: RayHits) -> Surface:
    """
    Return normals and surface coordinates of hits.

    :param turn: float32 (N, 3, 3), rotations from the shapes' axes to the world's.
    """
    _, height, width = hits.depth_m.shape
    device = turn.device
    shape = hits.shape.clamp_min(0).flatten()
    column = torch.arange(width, device=device, dtype=torch.float32)
    row = torch.arange(height, device=device, dtype=torch.float32)[:, None]
    depth = hits.depth_m.nan_to_num(1.0)
    cast = torch.cat([table.ray.flatten(1), table.offset, 1 / table.half_m], 1).T.contiguous()
    ray = cast.index_select(1, shape).view(-1, *depth.shape)
    point = [
        ray[9 + axis]
        + depth * (ray[3 * axis] * column + (ray[3 * axis + 1] * row + ray[3 * axis + 2]))
        for axis in range(3)
    ]
    x, y, z = (point[axis] * ray[12 + axis] for axis in range(3))
    ax, ay, az = x.abs(), y.abs(), z.abs()
    on_end, on_x = az >= torch.maximum(ax, ay), ax >= ay
    face = torch.where(on_end, 2, torch.where(on_x, 0, 1)).flatten()
    side = torch.where(on_end, z, torch.where(on_x, x, y)).sign().flatten()
    # A room is seen from inside.
    inwards = torch.where(table.kind == Kind.ROOM, -1.0, 1.0)
    faces = (turn * inwards[:, None, None]).permute(1, 0, 2).reshape(3, -1)
    normal = faces.index_select(1, shape * 3 + face) * side
    u = torch.where(on_x & ~on_end, point[1], point[0]).flatten()
    v = torch.where(on_end, point[1], point[2]).flatten()
    surface = Surface(shape, normal, u, v)
    _bend(table, turn, surface, torch.stack(point).flatten(1))
    return surface


def _bend(table: Table, turn: Tensor, surface: Surface, point: Tensor) -> None:
    """Put in what differs on balls and the sides of cylinders."""
    kind = table.kind[surface.shape]
    index = ((kind == Kind.ELLIPSOID) | (kind == Kind.CYLINDER)).nonzero().squeeze(1)
    point = point.index_select(1, index)
    shape = surface.shape[index]
    ball = kind[index] == Kind.ELLIPSOID
    half = table.half_m[shape].T
    unit = point / half
    side = ball | (torch.hypot(unit[0], unit[1]) >= unit[2].abs())
    index, point, shape, half = index[side], point[:, side], shape[side], half[:, side]
    slope = unit[:, side] / half
    slope[2] = torch.where(ball[side], slope[2], 0.0)
    slope = slope / slope.square().sum(0).clamp_min(1e-20).sqrt()
    normal = (turn[shape] @ slope.T[:, :, None]).squeeze(2).T
    surface.normal.index_copy_(1, index, normal)
    surface.u.index_copy_(0, index, torch.atan2(point[1], point[0]) * half[0])
    surface.v.index_copy_(0, index, point[2])
