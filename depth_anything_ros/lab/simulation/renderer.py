"""Pictures of a scene with the exact depth of every pixel centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import CameraError
from depth_anything_ros.lab.simulation.lighting import LightMaps
from depth_anything_ros.lab.simulation.patterns import PATTERNS, Noise, Spot
from depth_anything_ros.lab.simulation.raycast import (
    NOTHING,
    Bounds,
    Hits,
    Pose,
    RayCaster,
    Rays,
    image_rays,
)
from depth_anything_ros.lab.simulation.scene import Cylinder, Rect, Scene, Sphere
from depth_anything_ros.types import Camera, Float32Array, UInt8Array

# Where inside a pixel the four samples of a smoothed edge lie (rotated grid), in pixels.
_SUBSAMPLES = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))
_TONE_STEPS = 4096
_WHITE = 2.0


@dataclass(frozen=True)
class Rendered:
    """
    Hold a picture.

    `rgb` is uint8 (H, W, 3); `depth_m` float32 (H, W) along the optical axis at the pixel
    centres, NaN where there is nothing.
    """

    rgb: UInt8Array
    depth_m: Float32Array


class Renderer:
    """
    Render one scene with one camera; making it computes the light on all flat surfaces.

    The same scene, camera and pose give the same bytes on the same machine.

    :param scene: the world.
    :param camera: pinhole camera without distortion.
    :raises CameraError: if the camera has lens distortion or no focal length.
    """

    def __init__(self, scene: Scene, camera: Camera) -> None:
        if camera.distortion or camera.fx_px <= 0 or camera.fy_px <= 0:
            raise CameraError(
                'rendering needs a pinhole camera: no distortion and focal lengths above 0, '
                f'not {camera}'
            )
        self.scene = scene
        self.camera = camera
        self._caster = RayCaster(scene)
        self._light = LightMaps(scene)
        self._noise = Noise(scene.seed)
        self._rays = image_rays(camera)

    def render(self, pose: Pose) -> Rendered:
        """Return what the camera sees from a pose."""
        bounds = self._caster.bounds(pose)
        hits = self._caster.cast(pose, self._rays, bounds)
        radiance = self._shade(pose, self._rays, hits, bounds)
        rows, columns = np.nonzero(_edges(hits.surface))
        radiance[rows, columns] = self._edge_colors(pose, rows, columns, bounds)
        depth_m = np.where(np.isfinite(hits.depth_m), hits.depth_m, np.float32(np.nan))
        return Rendered(_tone_mapped(radiance), depth_m)

    def _edge_colors(
        self,
        pose: Pose,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        bounds: dict[int, Bounds],
    ) -> Float32Array:
        """Return the mean of four samples inside each of these pixels, (N, 3)."""
        total = np.zeros((len(rows), 3), np.float32)
        for right_px, down_px in _SUBSAMPLES:
            rays = Rays(
                self._rays.x[0, columns] + np.float32(right_px / self.camera.fx_px),
                self._rays.y[rows, 0] + np.float32(down_px / self.camera.fy_px),
            )
            hits = self._caster.cast(pose, rays, bounds)
            total += self._shade(pose, rays, hits, bounds)
        return total / np.float32(len(_SUBSAMPLES))

    def _shade(
        self, pose: Pose, rays: Rays, hits: Hits, bounds: dict[int, Bounds]
    ) -> Float32Array:
        """Return linear rgb of every ray, (..., 3); black where there is nothing."""
        radiance = np.zeros((*rays.shape, 3), np.float32)
        seen = np.flatnonzero(np.bincount(hits.surface.reshape(-1) - NOTHING)) + NOTHING
        for number in seen[seen != NOTHING].tolist():
            surface = self._caster.surfaces[number]
            index = rays.within(bounds[number])
            mask = hits.surface[index] == number
            part = rays.at(index)
            points = Rays(
                np.broadcast_to(part.x, mask.shape)[mask],
                np.broadcast_to(part.y, mask.shape)[mask],
            )
            found = Hits(
                hits.depth_m[index][mask],
                hits.surface[index][mask],
                hits.u_m[index][mask],
                hits.v_m[index][mask],
            )
            if isinstance(surface, Rect):
                color = self._rect_color(number, surface, pose, found)
            else:
                color = self._curve_color(surface, pose, points, found)
            radiance[index][mask] = color
        return radiance

    def _rect_color(self, number: int, rect: Rect, pose: Pose, hits: Hits) -> Float32Array:
        spot = Spot(
            hits.u_m,
            hits.v_m,
            *_footprints(rect, pose, hits, 1 / self.camera.fx_px),
            rect.width_m,
            rect.height_m,
            self._noise,
        )
        albedo = PATTERNS[rect.material.pattern](rect.material, spot)
        light = self._light.on_rect(number, rect, hits.u_m, hits.v_m)
        return albedo * (light + np.float32(rect.material.emission))

    def _curve_color(
        self, surface: Sphere | Cylinder, pose: Pose, rays: Rays, hits: Hits
    ) -> Float32Array:
        axes, origin = pose.optical_axes, pose.position
        points = np.stack(
            [
                hits.depth_m * rays.along(axes[:, axis]) + np.float32(origin[axis])
                for axis in range(3)
            ],
            axis=1,
        )
        blur = hits.depth_m * np.float32(1.5 / self.camera.fx_px)
        extent_m = 2 * surface.radius_m
        spot = Spot(hits.u_m, hits.v_m, blur, blur, extent_m * np.pi, extent_m, self._noise)
        albedo = PATTERNS[surface.material.pattern](surface.material, spot)
        light = self._light.on_curve(points, _normals(surface, points, hits))
        return albedo * (light + np.float32(surface.material.emission))


def _footprints(
    rect: Rect, pose: Pose, hits: Hits, pixel: float
) -> tuple[Float32Array, Float32Array]:
    """
    Return how far one pixel reaches on the surface along its two axes, in metres.

    :param pixel: width of a pixel in normalised image coordinates.
    """
    axes, offset = pose.optical_axes, pose.position - rect.corner
    distance = float(-rect.normal @ offset)
    slope = axes @ rect.normal / distance
    reaches = []
    for axis, value_m in ((rect.u_axis, hits.u_m), (rect.v_axis, hits.v_m)):
        from_eye = value_m - np.float32(offset @ axis)
        along = axes @ axis
        right, down = (
            np.abs(np.float32(along[k]) - np.float32(slope[k]) * from_eye) for k in (0, 1)
        )
        reaches.append(hits.depth_m * (right + down) * np.float32(pixel))
    return reaches[0], reaches[1]


def _normals(surface: Sphere | Cylinder, points: Float32Array, hits: Hits) -> Float32Array:
    if isinstance(surface, Sphere):
        return (points - np.array(surface.center, np.float32)) / np.float32(surface.radius_m)
    normals = (points - np.array(surface.base, np.float32)) / np.float32(surface.radius_m)
    normals[:, 2] = 0
    normals[hits.v_m <= 0] = (0, 0, -1)
    normals[hits.v_m >= np.float32(surface.height_m)] = (0, 0, 1)
    return normals


def _edges(surface: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return where a pixel and its neighbour to the right or below show different surfaces."""
    edges = np.zeros(surface.shape, bool)
    across = surface[:, 1:] != surface[:, :-1]
    down = surface[1:] != surface[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


def _tone_table() -> UInt8Array:
    """Return the sRGB value of each step of radiance from 0 to white, highlights compressed."""
    radiance = np.linspace(0, _WHITE, _TONE_STEPS)
    linear = radiance * (1 + radiance / _WHITE**2) / (1 + radiance)
    srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: UInt8Array = np.rint(255 * np.clip(srgb, 0, 1)).astype(np.uint8)
    return table


_TONES = _tone_table()


def _tone_mapped(radiance: Float32Array) -> UInt8Array:
    steps = np.clip(radiance * np.float32((_TONE_STEPS - 1) / _WHITE), 0, _TONE_STEPS - 1)
    return np.take(_TONES, steps.astype(np.uint16))
