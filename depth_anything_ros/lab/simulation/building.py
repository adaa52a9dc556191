"""What a world's scene is put together from: shapes in places, coats of paint, lights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from random import Random
from typing import NamedTuple

from depth_anything_ros.lab.simulation.atlas import FIRST_TILE, TILES_PER_FAMILY

Color = tuple[float, float, float]
Matrix = tuple[float, float, float, float, float, float, float, float, float]


class Kind(IntEnum):
    """The unit shapes: all convex; a room is a box that is seen from inside."""

    BOX = 0
    ELLIPSOID = 1
    CYLINDER = 2
    ROOM = 3


class Placement(NamedTuple):
    """A position in metres, z up, and a turn about the vertical axis."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0

    def at(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> Placement:
        """Return the place that lies at x, y, z and turned by yaw as seen from here."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return Placement(
            self.x + cos * x - sin * y, self.y + sin * x + cos * y, self.z + z, self.yaw + yaw
        )


class Shape(NamedTuple):
    """
    A unit shape, stretched by half its size, turned and moved.

    `turn` holds the rows of the rotation from the shape's axes to the world's.
    """

    kind: Kind
    center: tuple[float, float, float]
    half_m: tuple[float, float, float]
    turn: Matrix
    coat: int


class Coat(NamedTuple):
    """
    How a shape looks: three albedos, linear rgb in 0..1, mixed by a pattern tile.

    `repeat_m` is the size of the tile on the surface, `shift` where it starts and `turned`
    whether its axes are swapped; `dirt` the strength of large soft stains in 0..1; `gloss` of
    highlights; `glow` the light it sends itself in units of its albedo; the depth of what is
    `open` is unknown.
    """

    colors: tuple[Color, Color, Color]
    tile: int
    repeat_m: tuple[float, float]
    shift: tuple[float, float]
    turned: bool
    dirt: float
    gloss: float
    glow: float
    open: bool


class Lamp(NamedTuple):
    """A light: position in metres and intensity, linear rgb times square metres."""

    position: tuple[float, float, float]
    power: Color


class Top(NamedTuple):
    """A surface that things may stand on: its middle, size and the room above it, metres."""

    place: Placement
    width_m: float
    depth_m: float
    headroom_m: float


class Footprint(NamedTuple):
    """The rectangle round a thing, seen from above in world axes, metres."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass
class Blueprint:
    """Collect what a scene holds while it is being built."""

    rng: Random
    shapes: list[Shape] = field(default_factory=list)
    coats: list[Coat] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    tops: list[Top] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    targets: list[Placement] = field(default_factory=list)
    ambient: tuple[Color, Color] = ((0.3, 0.3, 0.3), (0.2, 0.2, 0.2))

    def coat(
        self,
        family: str,
        *colors: Color,
        repeat_m: float = 0.5,
        stretch: float = 1.0,
        dirt: float = 0.2,
        gloss: float = 0.0,
        glow: float = 0.0,
        open_air: bool = False,
    ) -> int:
        """Add a coat with a random tile of a family; one to three colours; return its number."""
        rng = self.rng
        first = colors[0]
        second = colors[1] if len(colors) > 1 else shaded(first, rng.uniform(0.55, 0.9))
        third = colors[2] if len(colors) > 2 else shaded(first, rng.uniform(0.3, 0.8))
        self.coats.append(
            Coat(
                (first, second, third),
                FIRST_TILE[family] + rng.randrange(TILES_PER_FAMILY),
                (repeat_m * stretch, repeat_m),
                (rng.random(), rng.random()),
                rng.random() < 0.5,
                dirt,
                gloss,
                glow,
                open_air,
            )
        )
        return len(self.coats) - 1

    def box(
        self,
        place: Placement,
        size: tuple[float, float, float],
        coat: int,
        at: tuple[float, float, float] = (0.0, 0.0, 0.0),
        yaw: float = 0.0,
        kind: Kind = Kind.BOX,
    ) -> None:
        """Stand a shape of a size upright, the middle of its bottom `at` as seen from a place."""
        cos, sin = math.cos(place.yaw), math.sin(place.yaw)
        center = (
            place.x + cos * at[0] - sin * at[1],
            place.y + sin * at[0] + cos * at[1],
            place.z + at[2] + size[2] / 2,
        )
        turn = place.yaw + yaw
        cos, sin = math.cos(turn), math.sin(turn)
        self.shapes.append(
            Shape(
                kind,
                center,
                (size[0] / 2, size[1] / 2, size[2] / 2),
                (cos, -sin, 0.0, sin, cos, 0.0, 0.0, 0.0, 1.0),
                coat,
            )
        )

    def cylinder(
        self,
        place: Placement,
        radius_m: float,
        height_m: float,
        coat: int,
        at: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """Stand a cylinder upright."""
        self.box(place, (2 * radius_m, 2 * radius_m, height_m), coat, at, kind=Kind.CYLINDER)

    def tilted(
        self,
        kind: Kind,
        place: Placement,
        size: tuple[float, float, float],
        coat: int,
        turn: Matrix,
    ) -> None:
        """Lay a shape turned in any way so that it touches the level of its place from above."""
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        if kind is Kind.ELLIPSOID:
            reach = math.sqrt(sum((turn[6 + axis] * half[axis]) ** 2 for axis in range(3)))
        elif kind is Kind.CYLINDER:
            reach = abs(turn[8]) * half[2] + half[0] * math.hypot(turn[6], turn[7])
        else:
            reach = sum(abs(turn[6 + axis]) * half[axis] for axis in range(3))
        self.shapes.append(Shape(kind, (place.x, place.y, place.z + reach), half, turn, coat))

    def rod(self, start: Placement, end: Placement, radius_m: float, coat: int) -> None:
        """Put a thin cylinder between two points."""
        way = (end.x - start.x, end.y - start.y, end.z - start.z)
        length = max(math.hypot(*way), 1e-6)
        center = ((start.x + end.x) / 2, (start.y + end.y) / 2, (start.z + end.z) / 2)
        self.shapes.append(
            Shape(
                Kind.CYLINDER,
                center,
                (radius_m, radius_m, length / 2),
                along_axis((way[0] / length, way[1] / length, way[2] / length)),
                coat,
            )
        )


def footprint(place: Placement, width_m: float, depth_m: float) -> Footprint:
    """Return the rectangle, in world axes, round a thing of a size turned with its place."""
    cos, sin = abs(math.cos(place.yaw)), abs(math.sin(place.yaw))
    x, y = (cos * width_m + sin * depth_m) / 2, (sin * width_m + cos * depth_m) / 2
    return Footprint(place.x - x, place.y - y, place.x + x, place.y + y)


def shaded(color: Color, factor: float) -> Color:
    """Return a lighter or darker colour, at most white."""
    return (
        min(color[0] * factor, 0.95),
        min(color[1] * factor, 0.95),
        min(color[2] * factor, 0.95),
    )


def along_axis(axis: tuple[float, float, float]) -> Matrix:
    """Return a rotation that takes the z axis to a unit vector."""
    x, y, z = axis
    if abs(z) > 0.999999:
        sign = 1.0 if z > 0 else -1.0
        return (1.0, 0.0, 0.0, 0.0, sign, 0.0, 0.0, 0.0, sign)
    level = math.hypot(x, y)
    # Columns: a level vector, the one at right angles to it and the axis, the axis.
    return (-y / level, -x * z / level, x, x / level, -y * z / level, y, 0.0, level, z)


def any_turn(rng: Random) -> Matrix:
    """Return a rotation, all equally likely."""
    w, x, y, z = (rng.gauss(0, 1) for _ in range(4))
    size = math.sqrt(w * w + x * x + y * y + z * z) or 1.0
    w, x, y, z = w / size, x / size, y / size, z / size
    return (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
