"""Colours of hits: pattern, lamps with shadows, darkened corners, highlights."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_anything_ros.lab.simulation import packing
from depth_anything_ros.lab.simulation.casting import RayHits
from depth_anything_ros.lab.simulation.packing import Packed
from depth_anything_ros.lab.simulation.surface import find_surface
from depth_anything_ros.lab.simulation.texture import albedo

_SHADOW_STEP = 4
_CASTERS_AT_ONCE = 6


def shade(packed: Packed, hits: RayHits, atlas: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return linear rgb of every pixel, float32 (V, 3, H, W), and the depth with open air unknown.

    :param atlas: int16 (texels,) on the device of the scenes: the first plane is the low byte.
    """
    size = hits.depth_m.shape
    views, height, width = size
    surface = find_surface(packed.table, packed.turn, hits)
    coat = packed.coats.index_select(1, surface.shape)
    missed = hits.depth_m.isnan()
    depth = hits.depth_m.nan_to_num(1.0)
    column = torch.arange(width, device=depth.device, dtype=torch.float32)
    row = torch.arange(height, device=depth.device, dtype=torch.float32)[:, None]
    rays = packed.rays[..., None, None]
    # (V, 3, H, W) from here on.
    ray = rays[:, :, 0] * column + (rays[:, :, 1] * row + rays[:, :, 2])
    position = packed.position[:, :, None, None] + depth[:, None] * ray
    away = ray * ray.square().sum(1, keepdim=True).rsqrt()
    normal = surface.normal.view(3, views, height, width).transpose(0, 1)
    facing = (away * normal).sum(1).abs().clamp_min(0.12)
    footprint = depth * packed.pixel[:, None, None] / facing
    base = albedo(coat, surface.u, surface.v, footprint.flatten(), atlas)
    light, shine = _light(packed, position, normal, away)
    glow, gloss = coat[packing.GLOW].view(size)[:, None], coat[packing.GLOSS].view(size)[:, None]
    color = base.view(3, *size).transpose(0, 1) * (light + glow) + shine * gloss
    color = torch.where(missed[:, None], 0.0, color)
    unknown = missed | (coat[packing.OPEN].view(size) > 0)
    return color, torch.where(unknown, torch.nan, hits.depth_m)


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
    for number in range(packed.lamps.shape[1]):
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
    rows, columns = points.shape[2:]
    points, normals = points.flatten(2), normals.flatten(2)  # (V, 3, m)
    openness = _corner_openness(packed.room, points, normals)
    lifted = points + 0.01 * normals
    lamps = packed.lamps[..., :3].transpose(1, 2)  # (V, 3, L)
    lit = torch.ones((len(points), lamps.shape[2], points.shape[2]), device=points.device)
    # A few casters at a time stay in the cache.
    for casters in torch.split(packed.casters, _CASTERS_AT_ONCE, dim=1):
        inverse = casters[..., 6:].view(*casters.shape[:2], 3, 3).transpose(-1, -2)
        center, half = casters[..., :3, None], casters[..., 3:6, None]
        local = inverse @ (lifted[:, None] - center)  # (V, K, 3, m)
        openness = openness * _caster_openness(local, inverse @ normals[:, None], half)
        ways = inverse @ (lamps[:, None] - center)
        for number in range(lamps.shape[2]):
            lit[:, number] *= _unblocked(local, ways[..., number, None] - local, half)
    seen = [openness, *lit.unbind(1)]
    low = torch.stack(seen, 1).view(len(points), -1, rows, columns)
    low = F.avg_pool2d(F.pad(low, (1, 1, 1, 1), mode='replicate'), 3, 1)
    full = F.interpolate(low, size=position.shape[2:], mode='bilinear', align_corners=False)
    return full[:, :1], full[:, 1:]


def _caster_openness(local: Tensor, normal: Tensor, half_m: Tensor) -> Tensor:
    """Return how little boxes close off points (V, K, 3, m), given in their axes, (V, m)."""
    near = torch.minimum(torch.maximum(local, -half_m), half_m) - local
    distance = near.square().sum(2).sqrt().clamp_min(1e-4)
    reach = half_m.mean(2).clamp(0.03, 0.35)
    toward = ((near * normal).sum(2) / distance).clamp_min(0)
    blocked = toward / (1 + (distance / reach) ** 2)
    return (1 - 0.75 * blocked).prod(1)


def _unblocked(local: Tensor, way: Tensor, half_m: Tensor) -> Tensor:
    """Tell which ways from points (V, K, 3, m), in the axes of boxes, meet none, (V, m)."""
    inverse = way.reciprocal()
    middle, span = local * inverse, half_m * inverse.abs()
    enter, leave = -(middle + span).amin(2), (span - middle).amin(2)
    return ((enter >= leave) | (leave <= 0) | (enter >= 1)).all(1)


def _corner_openness(room: Tensor, points: Tensor, normals: Tensor) -> Tensor:
    """Return how open points lie with respect to floor, ceiling and walls, (V, m)."""
    across = 1 - normals.abs()
    low, high = points.clamp_min(0), (room[:, :, None] - points).clamp_min(0)
    dimmed = across * 0.45 * (0.18 / (0.18 + low) + 0.18 / (0.18 + high))
    return (1 - dimmed.clamp_max(0.6)).prod(1) * math.sqrt(1.2)
