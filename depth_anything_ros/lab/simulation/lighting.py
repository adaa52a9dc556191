"""Light on surfaces: baked once with soft shadows for flat ones, direct for curved ones."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.simulation.scene import (
    Box,
    Float64Array,
    Light,
    Rect,
    Scene,
    Sphere,
)
from depth_anything_ros.types import Float32Array

_TEXEL_M = 0.07
_LIGHT_SAMPLES = (3, 3)
_AMBIENT_RAYS = 12
_AMBIENT_REACH_M = 0.8
_REMAP_ROW = 256
_THIN_M = 0.02


class LightMaps:
    """
    Hold the light that falls on every flat surface, in linear rgb.

    :param scene: the world; its lights are sampled with shadows, its ambient light is dimmed
        in corners and below furniture.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        rects = scene.flat_surfaces()
        self._shapes = [_map_shape(rect) for rect in rects]
        points, normals = _texels(rects, self._shapes)
        light = _ambient_light(scene, points, normals)
        for lamp in scene.lights:
            light += _direct_light(scene, lamp, points, normals)
        self._maps: list[Float32Array] = []
        start = 0
        for rows, columns in self._shapes:
            part = light[start : start + rows * columns].reshape(rows, columns, 3)
            self._maps.append(np.asarray(cv2.blur(part, (3, 3)), np.float32))
            start += rows * columns

    def on_rect(
        self, number: int, rect: Rect, u_m: Float32Array, v_m: Float32Array
    ) -> Float32Array:
        """Return the light at points (N,) of the flat surface of that number, (N, 3)."""
        rows, columns = self._shapes[number]
        count = len(u_m)
        padded = -(-count // _REMAP_ROW) * _REMAP_ROW
        where = np.zeros((2, padded), np.float32)
        where[0, :count] = u_m * np.float32(columns / rect.width_m) - np.float32(0.5)
        where[1, :count] = v_m * np.float32(rows / rect.height_m) - np.float32(0.5)
        columns_at, rows_at = where.reshape(2, -1, _REMAP_ROW)
        light = cv2.remap(
            self._maps[number],
            columns_at,
            rows_at,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(light, np.float32).reshape(-1, 3)[:count]

    def on_curve(self, points: Float32Array, normals: Float32Array) -> Float32Array:
        """Return the light at points (N, 3) with normals (N, 3): no shadows, dimmed from below."""
        above = np.float32(0.65) + np.float32(0.35) * normals[:, 2:]
        light = above * np.array(self._scene.ambient, np.float32)
        for lamp in self._scene.lights:
            center = np.asarray(lamp.corner) + np.add(lamp.across, lamp.along) / 2
            light += _irradiance(lamp, center, points, normals) * np.float32(lamp.area_m2())
        return light.astype(np.float32)


def _map_shape(rect: Rect) -> tuple[int, int]:
    return (
        max(3, math.ceil(rect.height_m / _TEXEL_M)),
        max(3, math.ceil(rect.width_m / _TEXEL_M)),
    )


def _texels(rects: list[Rect], shapes: list[tuple[int, int]]) -> tuple[Float32Array, Float32Array]:
    """Return the centre, just above the surface, and the normal of every texel, (N, 3) each."""
    points, normals = [], []
    for rect, (rows, columns) in zip(rects, shapes, strict=True):
        u = (np.arange(columns) + 0.5) / columns * rect.width_m
        v = (np.arange(rows) + 0.5) / rows * rect.height_m
        grid = (
            np.asarray(rect.corner)
            + u[None, :, None] * np.asarray(rect.u_axis)
            + v[:, None, None] * np.asarray(rect.v_axis)
        )
        points.append(grid.reshape(-1, 3) + 2e-3 * rect.normal)
        normals.append(np.broadcast_to(rect.normal, (rows * columns, 3)))
    return np.concatenate(points).astype(np.float32), np.concatenate(normals).astype(np.float32)


def _direct_light(
    scene: Scene, lamp: Light, points: Float32Array, normals: Float32Array
) -> Float32Array:
    total = np.zeros_like(points)
    columns, rows = _LIGHT_SAMPLES
    area_m2 = np.float32(lamp.area_m2() / (columns * rows))
    for column in range(columns):
        for row in range(rows):
            sample = (
                np.asarray(lamp.corner)
                + np.multiply(lamp.across, (column + 0.5) / columns)
                + np.multiply(lamp.along, (row + 0.5) / rows)
            )
            light = _irradiance(lamp, sample, points, normals)
            lit = np.flatnonzero(light.any(axis=1))
            shaded = lit[_blocked(scene, points[lit], sample.astype(np.float32) - points[lit])]
            light[shaded] = 0
            total += light * area_m2
    return total


def _irradiance(
    lamp: Light, sample: Float64Array, points: Float32Array, normals: Float32Array
) -> Float32Array:
    """Return the light from one point of a lamp, per square metre of the lamp, without shadow."""
    way = sample.astype(np.float32) - points
    squared = np.maximum(np.einsum('ij,ij->i', way, way), np.float32(1e-4))
    facing = np.maximum(np.einsum('ij,ij->i', way, normals), 0)
    leaving = np.maximum(-way @ np.array(lamp.normal, np.float32), 0)
    share: Float32Array = facing * leaving / (squared * squared)
    return share[:, None] * np.array(lamp.power, np.float32)


def _ambient_light(scene: Scene, points: Float32Array, normals: Float32Array) -> Float32Array:
    """Return the ambient light by the share of short rays into the open that hit nothing."""
    open_rays = np.zeros(len(points), np.float32)
    helper = np.where(np.abs(normals[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    first = np.cross(normals, helper).astype(np.float32)
    second = np.cross(normals, first)
    for index in range(_AMBIENT_RAYS):
        # Evenly spread with the cosine's weight: equal areas of the disc below the hemisphere.
        radius = math.sqrt((index + 0.5) / _AMBIENT_RAYS)
        angle = index * 2.399963
        direction = (
            first * np.float32(radius * math.cos(angle))
            + second * np.float32(radius * math.sin(angle))
            + normals * np.float32(math.sqrt(1 - radius * radius))
        )
        way = direction * np.float32(_AMBIENT_REACH_M)
        open_rays += ~(_blocked(scene, points, way) | _behind_rects(scene, points, way))
    share = open_rays / np.float32(_AMBIENT_RAYS)
    return share[:, None] * np.array(scene.ambient, np.float32)


def _blocked(scene: Scene, points: Float32Array, way: Float32Array) -> NDArray[np.bool_]:
    """Tell which of the segments from points (N, 3) along way (N, 3) meet furniture."""
    blocked = np.zeros(len(points), bool)
    start, step = np.ascontiguousarray(points.T), np.ascontiguousarray(way.T)
    lowest = np.minimum(start[2], start[2] + step[2])
    middle, reach = start + step / 2, np.sqrt(np.einsum('ij,ij->j', step, step)) / 2
    for box in _shadow_boxes(scene):
        top = np.float32(box.base[2] + box.size_m[2])
        near = np.flatnonzero((lowest < top) & ~blocked)
        off_x = middle[0, near] - np.float32(box.base[0])
        off_y = middle[1, near] - np.float32(box.base[1])
        radius = reach[near] + np.float32(math.hypot(*box.size_m) / 2)
        near = near[off_x * off_x + off_y * off_y < radius * radius]
        blocked[near] = _meets_box(box, start[:, near], step[:, near])
    for ball in scene.spheres:
        blocked |= _meets_sphere(ball, start, step)
    return blocked


def _shadow_boxes(scene: Scene) -> list[Box]:
    """Return what throws shadows: thin boxes do not, cylinders do as boxes of the same area."""
    round_boxes = []
    for cylinder in scene.cylinders:
        side_m = cylinder.radius_m * math.sqrt(math.pi)
        size_m = (side_m, side_m, cylinder.height_m)
        round_boxes.append(Box(cylinder.base, size_m, cylinder.material))
    return [box for box in (*scene.boxes, *round_boxes) if min(box.size_m) > _THIN_M]


def _meets_box(box: Box, start: Float32Array, step: Float32Array) -> NDArray[np.bool_]:
    """Tell which segments from start (3, N) along step (3, N) meet an upright box."""
    cos_yaw, sin_yaw = np.float32(math.cos(box.yaw_rad)), np.float32(math.sin(box.yaw_rad))
    x, y = start[0] - np.float32(box.base[0]), start[1] - np.float32(box.base[1])
    z = start[2] - np.float32(box.base[2] + box.size_m[2] / 2)
    slabs = (
        (cos_yaw * x + sin_yaw * y, cos_yaw * step[0] + sin_yaw * step[1]),
        (cos_yaw * y - sin_yaw * x, cos_yaw * step[1] - sin_yaw * step[0]),
        (z, step[2]),
    )
    enter, leave = np.float32(0), np.float32(1)
    for (offset, speed), size_m in zip(slabs, box.size_m, strict=True):
        inverse = 1 / np.where(speed == 0, np.float32(1e-9), speed)
        middle, half = -offset * inverse, np.abs(inverse) * np.float32(size_m / 2)
        enter, leave = np.maximum(enter, middle - half), np.minimum(leave, middle + half)
    met: NDArray[np.bool_] = np.less(enter, leave)
    return met


def _meets_sphere(ball: Sphere, start: Float32Array, step: Float32Array) -> NDArray[np.bool_]:
    """Tell which segments from start (3, N) along step (3, N) meet a ball."""
    offset = start - np.array(ball.center, np.float32)[:, None]
    squared = np.einsum('ij,ij->j', step, step)
    nearest = np.clip(-np.einsum('ij,ij->j', offset, step) / squared, 0, 1)
    closest = offset + nearest * step
    met: NDArray[np.bool_] = np.einsum('ij,ij->j', closest, closest) < np.float32(ball.radius_m**2)
    return met


def _behind_rects(scene: Scene, points: Float32Array, way: Float32Array) -> NDArray[np.bool_]:
    """Tell which segments pass through the plane of a floor, wall or ceiling."""
    behind = np.zeros(len(points), bool)
    for rect in scene.rects:
        normal = rect.normal.astype(np.float32)
        level = np.float32(rect.normal @ rect.corner)
        behind |= (points + way) @ normal < level - np.float32(1e-3)
    return behind
