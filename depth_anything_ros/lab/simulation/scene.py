"""What a world is made of: surfaces with materials, and lights; metres, z up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]
Color = tuple[float, float, float]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Material:
    """
    Describe how a surface looks.

    :param pattern: a name in `patterns.PATTERNS`.
    :param color: main albedo, linear rgb in 0..1.
    :param second: albedo of stripes, grout, frames and the like.
    :param scale_m: size of the pattern's repeat.
    :param emission: light that the surface sends itself, in units of its albedo.
    """

    pattern: str
    color: Color
    second: Color = (0.0, 0.0, 0.0)
    scale_m: float = 0.3
    emission: float = 0.0


@dataclass(frozen=True)
class Rect:
    """
    Place a flat rectangle: points are corner + a·u_axis + b·v_axis with a, b in metres.

    The axes are unit vectors at right angles; the side seen is the one u_axis × v_axis
    points to.
    """

    corner: Vector
    u_axis: Vector
    v_axis: Vector
    width_m: float
    height_m: float
    material: Material

    @cached_property
    def normal(self) -> Float64Array:
        """Return the unit vector that points out of the side seen."""
        return np.cross(self.u_axis, self.v_axis)

    def corners(self) -> Float64Array:
        """Return the four corners in order round the rectangle, (4, 3) in metres."""
        across = np.multiply(self.u_axis, self.width_m)
        along = np.multiply(self.v_axis, self.height_m)
        corner = np.asarray(self.corner)
        return np.stack([corner, corner + across, corner + across + along, corner + along])


@dataclass(frozen=True)
class Box:
    """
    Place a box that stands upright, turned by `yaw_rad` about its vertical axis.

    `base` is the centre of the bottom face, `size_m` length, width and height. `top` replaces
    the material of the top and `front` that of the face towards the box's own +x.
    """

    base: Vector
    size_m: Vector
    material: Material
    yaw_rad: float = 0.0
    front: Material | None = None
    top: Material | None = None

    def faces(self) -> list[Rect]:
        """Return the five faces that can be seen and the bottom, pointing outwards."""
        length, width, height = self.size_m
        along = (math.cos(self.yaw_rad), math.sin(self.yaw_rad), 0.0)
        across = (-along[1], along[0], 0.0)
        up = (0.0, 0.0, 1.0)
        back = (-along[0], -along[1], 0.0)
        other = (-across[0], -across[1], 0.0)

        def corner(a: float, b: float, c: float) -> Vector:
            x, y, z = (
                self.base[axis] + a * length * along[axis] + b * width * across[axis]
                for axis in range(3)
            )
            return (x, y, z + c * height)

        plain, top = self.material, self.top or self.material
        return [
            Rect(corner(0.5, -0.5, 0), across, up, width, height, self.front or plain),
            Rect(corner(-0.5, 0.5, 0), other, up, width, height, plain),
            Rect(corner(0.5, 0.5, 0), back, up, length, height, plain),
            Rect(corner(-0.5, -0.5, 0), along, up, length, height, plain),
            Rect(corner(-0.5, -0.5, 1), along, across, length, width, top),
            Rect(corner(-0.5, 0.5, 0), along, other, length, width, plain),
        ]


@dataclass(frozen=True)
class Sphere:
    """Place a sphere."""

    center: Vector
    radius_m: float
    material: Material


@dataclass(frozen=True)
class Cylinder:
    """Place an upright cylinder; `base` is the centre of its bottom."""

    base: Vector
    radius_m: float
    height_m: float
    material: Material


@dataclass(frozen=True)
class Light:
    """
    Place a rectangular light; `power` is its radiance in linear rgb.

    `corner`, `across` and `along` span the rectangle in metres; it shines to one side only,
    along `normal`.
    """

    corner: Vector
    across: Vector
    along: Vector
    normal: Vector
    power: Color

    def area_m2(self) -> float:
        """Return the size of the rectangle."""
        return float(np.linalg.norm(np.cross(self.across, self.along)))


@dataclass(frozen=True)
class Scene:
    """
    Hold a world.

    :param rects: flat surfaces on their own: floor, walls, ceiling, pictures.
    :param ambient: light from everywhere, linear rgb.
    :param seed: what random patterns are made from.
    """

    rects: tuple[Rect, ...] = ()
    boxes: tuple[Box, ...] = ()
    spheres: tuple[Sphere, ...] = ()
    cylinders: tuple[Cylinder, ...] = ()
    lights: tuple[Light, ...] = ()
    ambient: Color = (0.3, 0.3, 0.3)
    seed: int = 0

    def flat_surfaces(self) -> list[Rect]:
        """Return every rectangle, those of boxes too."""
        return [*self.rects, *(face for box in self.boxes for face in box.faces())]
