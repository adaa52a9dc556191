"""
First hits of viewing rays with flat and curved surfaces, in closed form.

A ray is d = x·right + y·down + forward with x, y the normalised image coordinates, so that the
ray parameter of a hit *is* its depth along the optical axis, and every dot product with a
fixed vector is an affine function of x and y: one broadcast addition for a whole image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.simulation.scene import Cylinder, Float64Array, Rect, Scene, Sphere
from depth_anything_ros.types import Camera, Float32Array

Surface = Rect | Sphere | Cylinder

NEAR_M = 0.02
NOTHING = -1


@dataclass(frozen=True)
class Pose:
    """
    Place the camera: position in metres, z up, and the way it looks.

    `yaw_rad` turns left from +x, `pitch_rad` nods down, `roll_rad` leans to the right.
    """

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    pitch_rad: float = 0.0
    roll_rad: float = 0.0

    @cached_property
    def position(self) -> Float64Array:
        """Return the position (3,)."""
        return np.array([self.x_m, self.y_m, self.z_m])

    @cached_property
    def optical_axes(self) -> Float64Array:
        """Return right, down and forward as rows (3, 3)."""
        cos_yaw, sin_yaw = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        cos_pitch, sin_pitch = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
        level_right = np.array([sin_yaw, -cos_yaw, 0.0])
        level_down = np.cross(forward, level_right)
        cos_roll, sin_roll = math.cos(self.roll_rad), math.sin(self.roll_rad)
        right = cos_roll * level_right + sin_roll * level_down
        return np.stack([right, np.cross(forward, right), forward])


@dataclass(frozen=True)
class Rays:
    """
    Hold the image coordinates of rays; rows never decrease.

    `x` and `y` broadcast together: (1, W) and (H, 1) for an image, or both (N,) for a list.
    """

    x: Float32Array
    y: Float32Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one value a ray."""
        return np.broadcast_shapes(self.x.shape, self.y.shape)

    def within(self, bounds: tuple[float, float, float, float]) -> tuple[slice, ...]:
        """Return the index of the rays inside x_min, x_max, y_min, y_max, or of a few more."""
        x_min, x_max, y_min, y_max = bounds
        rows = slice(*np.searchsorted(self.y.reshape(-1), [y_min, y_max]).tolist())
        if self.y.ndim == 1:
            return (rows,)
        return rows, slice(*np.searchsorted(self.x.reshape(-1), [x_min, x_max]).tolist())

    def at(self, index: tuple[slice, ...]) -> Rays:
        """Return some of the rays."""
        if self.y.ndim == 1:
            return Rays(self.x[index], self.y[index])
        return Rays(self.x[:, index[1]], self.y[index[0]])

    def along(self, components: Float64Array) -> Float32Array:
        """Return the dot product of each ray and a vector given in right, down, forward."""
        right, down, forward = (float(value) for value in components)
        return self.x * right + (self.y * down + forward)


def image_rays(camera: Camera) -> Rays:
    """Return a ray through the centre of every pixel of a camera without distortion."""
    x = (np.arange(camera.width) - camera.cx_px) / camera.fx_px
    y = (np.arange(camera.height) - camera.cy_px) / camera.fy_px
    return Rays(x.astype(np.float32)[None, :], y.astype(np.float32)[:, None])


@dataclass(frozen=True)
class Hits:
    """
    Hold the first hit of each ray.

    `depth_m` is inf and `surface` NOTHING where nothing is hit; `surface` counts through
    rectangles, then spheres, then cylinders. `u_m`, `v_m` are the coordinates on the surface.
    """

    depth_m: Float32Array
    surface: NDArray[np.int16]
    u_m: Float32Array
    v_m: Float32Array


Bounds = tuple[float, float, float, float]


class RayCaster:
    """Find first hits in a scene that stays the same from frame to frame."""

    def __init__(self, scene: Scene) -> None:
        rects = scene.flat_surfaces()
        self.surfaces: list[Surface] = [*rects, *scene.spheres, *scene.cylinders]
        self._corners = np.array([rect.corners() for rect in rects]).reshape(-1, 4, 3)
        self._normals = np.array([rect.normal for rect in rects]).reshape(-1, 3)

    def bounds(self, pose: Pose) -> dict[int, Bounds]:
        """
        Return what part of the image each surface may cover, for those in front of the camera.

        The key is the surface's number, the value x_min, x_max, y_min, y_max in normalised
        image coordinates.
        """
        origin, axes = pose.position, pose.optical_axes
        facing = np.einsum('ij,ij->i', self._normals, origin - self._corners[:, 0]) > 0
        local = (self._corners - origin) @ axes.T
        facing &= (local[:, :, 2] >= NEAR_M).any(axis=1)
        whole = (local[:, :, 2] >= NEAR_M).all(axis=1)
        found: dict[int, Bounds] = {}
        for number in np.flatnonzero(facing).tolist():
            polygon = local[number] if whole[number] else _clipped(local[number])
            image = polygon[:, :2] / polygon[:, 2:]
            (x_min, y_min), (x_max, y_max) = image.min(axis=0), image.max(axis=0)
            found[number] = (float(x_min), float(x_max), float(y_min), float(y_max))
        for number in range(len(local), len(self.surfaces)):
            ball = _ball_bounds(self.surfaces[number], pose)
            if ball is not None:
                found[number] = ball
        return found

    def cast(self, pose: Pose, rays: Rays, bounds: dict[int, Bounds]) -> Hits:
        """
        Return the first hit of each ray.

        :param bounds: those of this pose.
        """
        hits = Hits(
            np.full(rays.shape, np.inf, np.float32),
            np.full(rays.shape, NOTHING, np.int16),
            np.zeros(rays.shape, np.float32),
            np.zeros(rays.shape, np.float32),
        )
        for number, covered in bounds.items():
            index = rays.within(covered)
            if any(part.stop <= part.start for part in index):
                continue
            depth_m, u_m, v_m = intersect(self.surfaces[number], pose, rays.at(index))
            closer = depth_m < hits.depth_m[index]
            np.copyto(hits.depth_m[index], depth_m, where=closer)
            np.copyto(hits.u_m[index], u_m, where=closer)
            np.copyto(hits.v_m[index], v_m, where=closer)
            hits.surface[index][closer] = number
        return hits


def intersect(
    surface: Surface, pose: Pose, rays: Rays
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return depth (inf where missed) and the two surface coordinates of each ray's hit."""
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        if isinstance(surface, Rect):
            return _intersect_rect(surface, pose, rays)
        if isinstance(surface, Sphere):
            return _intersect_sphere(surface, pose, rays)
        return _intersect_cylinder(surface, pose, rays)


def _intersect_rect(
    rect: Rect, pose: Pose, rays: Rays
) -> tuple[Float32Array, Float32Array, Float32Array]:
    axes, offset = pose.optical_axes, pose.position - rect.corner
    depth_m = float(-rect.normal @ offset) / rays.along(axes @ rect.normal)
    u_m = depth_m * rays.along(axes @ rect.u_axis) + float(offset @ rect.u_axis)
    v_m = depth_m * rays.along(axes @ rect.v_axis) + float(offset @ rect.v_axis)
    hit = (depth_m > NEAR_M) & (u_m >= 0) & (u_m <= rect.width_m)
    hit &= (v_m >= 0) & (v_m <= rect.height_m)
    depth_m[~hit] = np.inf
    return depth_m, u_m, v_m


def _intersect_sphere(
    sphere: Sphere, pose: Pose, rays: Rays
) -> tuple[Float32Array, Float32Array, Float32Array]:
    axes, offset = pose.optical_axes, pose.position - sphere.center
    squared = rays.x * rays.x + (rays.y * rays.y + np.float32(1))
    half = rays.along(axes @ offset)
    rest = half * half - squared * float(offset @ offset - sphere.radius_m**2)
    depth_m = (-half - np.sqrt(rest)) / squared
    depth_m[~(depth_m > NEAR_M)] = np.inf
    horizontal = [depth_m * rays.along(axes[:, axis]) + float(offset[axis]) for axis in range(3)]
    u_m = np.arctan2(horizontal[1], horizontal[0]) * np.float32(sphere.radius_m)
    return depth_m, u_m, horizontal[2] + np.float32(sphere.radius_m)


def _intersect_cylinder(
    cylinder: Cylinder, pose: Pose, rays: Rays
) -> tuple[Float32Array, Float32Array, Float32Array]:
    axes, offset = pose.optical_axes, pose.position - cylinder.base
    x, y, z = (rays.along(axes[:, axis]) for axis in range(3))
    squared = x * x + y * y
    half = x * float(offset[0]) + y * float(offset[1])
    radius_squared = cylinder.radius_m**2
    rest = half * half - squared * float(offset[0] ** 2 + offset[1] ** 2 - radius_squared)
    depth_m = (-half - np.sqrt(rest)) / squared
    v_m = depth_m * z + float(offset[2])
    side = (depth_m > NEAR_M) & (v_m >= 0) & (v_m <= cylinder.height_m)
    depth_m[~side] = np.inf
    for level in (0.0, cylinder.height_m):
        cap_m = (level - float(offset[2])) / z
        off_x, off_y = cap_m * x + float(offset[0]), cap_m * y + float(offset[1])
        closer = (cap_m > NEAR_M) & (cap_m < depth_m)
        closer &= off_x * off_x + off_y * off_y <= radius_squared
        np.copyto(depth_m, cap_m, where=closer)
        np.copyto(v_m, np.float32(level), where=closer)
    angle = np.arctan2(depth_m * y + float(offset[1]), depth_m * x + float(offset[0]))
    return depth_m, angle * np.float32(cylinder.radius_m), v_m


def _ball_bounds(surface: Surface, pose: Pose) -> Bounds | None:
    """Return the image bounds of the ball round a curved surface, or None if it is behind."""
    if isinstance(surface, Sphere):
        center, radius = np.array(surface.center), surface.radius_m
    elif isinstance(surface, Cylinder):
        half = surface.height_m / 2
        center = np.add(surface.base, (0.0, 0.0, half))
        radius = math.hypot(half, surface.radius_m)
    else:
        raise TypeError('a rectangle has no ball')
    x, y, z = (float(value) for value in pose.optical_axes @ (center - pose.position))
    if z < -radius:
        return None
    if z <= radius + NEAR_M:
        return -math.inf, math.inf, -math.inf, math.inf
    # The box round a ball: its corners in front and behind bound what it can cover.
    nearest, farthest = z - radius, z + radius
    return (
        min((x - radius) / nearest, (x - radius) / farthest),
        max((x + radius) / nearest, (x + radius) / farthest),
        min((y - radius) / nearest, (y - radius) / farthest),
        max((y + radius) / nearest, (y + radius) / farthest),
    )


def _clipped(polygon: Float64Array) -> Float64Array:
    """Return the part of a polygon (n, 3) in front of the near plane."""
    kept: list[Float64Array] = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if start[2] >= NEAR_M:
            kept.append(start)
        if (start[2] >= NEAR_M) != (end[2] >= NEAR_M):
            share = (NEAR_M - start[2]) / (end[2] - start[2])
            kept.append(start + share * (end - start))
    return np.array(kept)
