"""Colours of hits: pattern, lamps with shadows, darkened corners, highlights."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_anything_ros.simulation import packing
from depth_anything_ros.simulation.atlas import LEVEL_START, LEVELS, TILE_PX
from depth_anything_ros.simulation.building import Kind
from depth_anything_ros.simulation.casting import Hits
from depth_anything_ros.simulation.packing import Packed

_SHADOW_STEP = 4
_DIRT_REPEAT_M = 3.1


def shade(packed: Packed, hits: Hits, atlas: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return linear rgb of every pixel, float32 (V, 3, H, W), and the depth with open air unknown.

    :param atlas: int16 (texels,) on the device of the scenes: the first plane is the low byte.
    """
    views, height, width = hits.depth_m.shape
    seen = hits.shape.clamp_min(0).flatten()
    look = packed.looks.index_select(1, seen).view(-1, views, height, width)
    depth = hits.depth_m.nan_to_num(1.0)
    column = torch.arange(width, device=depth.device, dtype=torch.float32)
    row = torch.arange(height, device=depth.device, dtype=torch.float32)[:, None]
    local = [
        look[9 + axis]
        + depth * (look[3 * axis] * column + (look[3 * axis + 1] * row + look[3 * axis + 2]))
        for axis in range(3)
    ]
    normal_local, u, v = _surface(look, local)
    normal = _turned(look[packing.TURN], normal_local)
    rays = packed.rays[..., None, None]
    ray = torch.stack(
        [rays[:, axis, 0] * column + (rays[:, axis, 1] * row + rays[:, axis, 2]) for axis in range(3)],
        dim=1,
    )  # fmt: skip
    position = packed.position[:, :, None, None] + depth[:, None] * ray
    away = ray / ray.square().sum(1, keepdim=True).sqrt()
    facing = (away * normal).sum(1).abs().clamp_min(0.12)
    footprint = depth * packed.pixel[:, None, None] / facing
    albedo = _albedo(look, u, v, footprint, atlas)
    light, shine = _light(packed, position, normal, away)
    gloss = look[packing.GLOSS][:, None]
    color = albedo * (light + look[packing.GLOW][:, None]) + shine * gloss
    unknown = (look[packing.OPEN] > 0) | hits.depth_m.isnan()
    color = torch.where(hits.depth_m.isnan()[:, None], 0.0, color)
    return color, torch.where(unknown, torch.nan, hits.depth_m)


def _surface(look: Tensor, local: list[Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the normal in the shape's axes and the two coordinates on the surface, metres."""
    kind = look[packing.KIND]
    half = look[packing.HALF]
    x, y, z = (local[axis] / half[axis] for axis in range(3))
    flat, ball, inside = kind == Kind.BOX, kind == Kind.ELLIPSOID, kind == Kind.ROOM
    flat = flat | inside
    ax, ay, az = x.abs(), y.abs(), z.abs()
    across = torch.where(flat, torch.maximum(ax, ay), torch.hypot(x, y))
    on_end = (az >= across) & ~ball
    on_x = flat & ~on_end & (ax >= ay)
    on_y = flat & ~on_end & ~on_x
    curved = ~(flat | on_end)
    outwards = torch.where(inside, -1.0, 1.0)
    nx, ny = x / half[0], y / half[1]
    nz = torch.where(ball, z / half[2], 0.0)
    size = (nx * nx + ny * ny + nz * nz).clamp_min(1e-12).rsqrt()
    normal = [
        torch.where(curved, nx * size, torch.where(on_x, outwards * x.sign(), 0.0)),
        torch.where(curved, ny * size, torch.where(on_y, outwards * y.sign(), 0.0)),
        torch.where(curved, nz * size, torch.where(on_end, outwards * z.sign(), 0.0)),
    ]
    round_u = torch.atan2(local[1], local[0]) * half[0]
    u = torch.where(curved, round_u, torch.where(on_x, local[1], local[0]))
    v = torch.where(on_end, local[1], local[2])
    return normal, u, v


def _turned(turn: Tensor, vector: list[Tensor]) -> Tensor:
    """Return vectors (V, 3, H, W) in world axes; `turn` is (9, V, H, W)."""
    return torch.stack(
        [
            turn[3 * axis] * vector[0] + turn[3 * axis + 1] * vector[1] + turn[3 * axis + 2] * vector[2]
            for axis in range(3)
        ],
        dim=1,
    )  # fmt: skip


def _albedo(look: Tensor, u: Tensor, v: Tensor, footprint: Tensor, atlas: Tensor) -> Tensor:
    turned = look[packing.TURNED] > 0
    first = torch.where(turned, v, u) * look[packing.REPEAT] + look[packing.SHIFT]
    second = torch.where(turned, u, v) * look[packing.REPEAT + 1] + look[packing.SHIFT + 1]
    reach = footprint * torch.maximum(look[packing.REPEAT], look[packing.REPEAT + 1]) * TILE_PX
    level = reach.clamp(1, 2 ** (LEVELS - 1)).log2().to(torch.int64)
    base = look[packing.TEXEL].to(torch.int64)
    a, b = _sampled(atlas, base, first, second, level)
    dirt_u, dirt_v = u / _DIRT_REPEAT_M + look[packing.SHIFT], v / _DIRT_REPEAT_M
    dirt_tile = (look[packing.SHIFT + 1] * 8).to(torch.int64) * LEVEL_START[-1]
    soil, _ = _sampled(atlas, dirt_tile, dirt_u, dirt_v, torch.full_like(level, 2))
    colors = look[packing.COLORS : packing.COLORS + 9].unflatten(0, (3, 3)).transpose(1, 2)
    one, two, three = colors  # (V, 3, H, W) each
    mixed = one + a[:, None] * (two - one)
    mixed = mixed + b[:, None] * (three - mixed)
    return mixed * (1 + look[packing.DIRT] * (2.6 * soil - 0.65))[:, None]


def _sampled(
    atlas: Tensor, base: Tensor, u: Tensor, v: Tensor, level: Tensor
) -> tuple[Tensor, Tensor]:
    """Return both planes of the atlas, in 0..1, interpolated between four texels."""
    start = torch.tensor(LEVEL_START, device=u.device)[level] + base
    size = torch.tensor([TILE_PX >> step for step in range(LEVELS)], device=u.device)[level]
    x, y = u * size - 0.5, v * size - 0.5
    left, top = x.floor(), y.floor()
    right_share, low_share = x - left, y - top
    mask = size - 1
    column, row = left.to(torch.int64), top.to(torch.int64)
    columns = (column & mask, (column + 1) & mask)
    rows = (start + (row & mask) * size, start + ((row + 1) & mask) * size)
    mixed = []
    texel = [[atlas.index_select(0, (y_at + x_at).flatten()) for x_at in columns] for y_at in rows]
    for shift in (0, 8):
        (a, b), (c, d) = [
            [((value >> shift) & 255).view(u.shape).to(torch.float32) for value in pair]
            for pair in texel
        ]
        upper, lower = a + right_share * (b - a), c + right_share * (d - c)
        mixed.append((upper + low_share * (lower - upper)) * (1 / 255))
    return mixed[0], mixed[1]


def _light(
    packed: Packed, position: Tensor, normal: Tensor, away: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the light that falls on points and what a mirror there would show, (V, 3, H, W)."""
    open_share, shadows = _occlusion(packed, position, normal)
    above = (0.5 + 0.5 * normal[:, 2:]) * open_share
    ambient = packed.ambient[..., None, None]
    light = ambient[:, 1] * open_share + (ambient[:, 0] - ambient[:, 1]) * above
    mirrored = away - 2 * (away * normal).sum(1, keepdim=True) * normal
    shine = light * (0.12 + 0.1 * mirrored[:, 2:])
    for number in range(packing.LAMPS):
        lamp = packed.lamps[:, number, :, None, None]
        way = lamp[:, :3] - position
        squared = way.square().sum(1, keepdim=True)
        way = way * squared.clamp_min(1e-6).rsqrt()
        reaching = shadows[:, number : number + 1] / (squared + 0.25)
        power = lamp[:, 3:] * reaching
        light = light + power * (way * normal).sum(1, keepdim=True).clamp_min(0)
        spot = (way * mirrored).sum(1, keepdim=True).clamp_min(0)
        for _ in range(5):
            spot = spot * spot
        shine = shine + power * spot
    return light, shine


def _occlusion(packed: Packed, position: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return how open each point lies (V, 1, H, W) and how much of each lamp it sees (V, 3, H, W).

    Both are found on every fourth pixel, against boxes only, and smoothed.
    """
    half_step = _SHADOW_STEP // 2
    points = position[:, :, half_step::_SHADOW_STEP, half_step::_SHADOW_STEP]
    normals = normal[:, :, half_step::_SHADOW_STEP, half_step::_SHADOW_STEP]
    views, _, rows, columns = points.shape
    points, normals = points.flatten(2), normals.flatten(2)  # (V, 3, m)
    casters = packed.casters
    inverse = casters[..., 6:].unflatten(-1, (3, 3)).transpose(-1, -2)  # (V, K, 3, 3)
    center, half = casters[..., :3, None], casters[..., 3:6, None]
    lifted = points + 0.01 * normals
    local = inverse @ (lifted[:, None] - center)  # (V, K, 3, m)
    normal_local = inverse @ normals[:, None]
    near = torch.minimum(torch.maximum(local, -half), half) - local
    distance = near.square().sum(2).sqrt().clamp_min(1e-4)
    reach = half.mean(2).clamp(0.03, 0.35)
    toward = ((near * normal_local).sum(2) / distance).clamp_min(0)
    blocked = toward / (1 + (distance / reach) ** 2)
    openness = (1 - 0.75 * blocked).prod(1) * _corner_openness(packed.room, points, normals)
    seen = [openness]
    for number in range(packing.LAMPS):
        lamp = inverse @ (packed.lamps[:, None, number, :3, None] - center)
        way = lamp - local
        way = torch.where(way.abs() < 1e-6, 1e-6, way)
        middle, span = -local / way, half / way.abs()
        enter, leave = (middle - span).amax(2), (middle + span).amin(2)
        seen.append((~((enter < leave) & (leave > 0) & (enter < 1))).all(1).to(torch.float32))
    low = torch.stack(seen, 1).unflatten(2, (rows, columns))
    low = F.avg_pool2d(F.pad(low, (1, 1, 1, 1), mode='replicate'), 3, 1)
    full = F.interpolate(low, size=position.shape[2:], mode='bilinear', align_corners=False)
    return full[:, :1], full[:, 1:]


def _corner_openness(room: Tensor, points: Tensor, normals: Tensor) -> Tensor:
    """Return how open points lie with respect to floor, ceiling and walls, (V, m)."""
    across = 1 - normals.abs()
    low, high = points.clamp_min(0), (room[:, :, None] - points).clamp_min(0)
    dimmed = across * 0.45 * (0.18 / (0.18 + low) + 0.18 / (0.18 + high))
    return (1 - dimmed.clamp_max(0.6)).prod(1) * math.sqrt(1.2)
