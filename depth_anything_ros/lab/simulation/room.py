"""A furnished room, different with every seed."""

from __future__ import annotations

import math

import numpy as np

from depth_anything_ros.lab.simulation.scene import (
    Box,
    Color,
    Cylinder,
    Light,
    Material,
    Rect,
    Scene,
    Sphere,
    Vector,
)

LENGTH_M, WIDTH_M, HEIGHT_M = 6.0, 5.0, 2.6

_WHITE: Color = (0.80, 0.79, 0.76)
_BLACK: Color = (0.03, 0.03, 0.035)
_METAL: Color = (0.55, 0.55, 0.58)
_OAK: Color = (0.50, 0.30, 0.14)
_WALNUT: Color = (0.22, 0.11, 0.05)
_BIRCH: Color = (0.70, 0.54, 0.34)

_WALL_COLORS: tuple[Color, ...] = (
    (0.72, 0.66, 0.54),
    (0.55, 0.64, 0.62),
    (0.68, 0.60, 0.56),
    (0.60, 0.64, 0.70),
)
_CLOTH_COLORS: tuple[Color, ...] = (
    (0.10, 0.22, 0.36),
    (0.42, 0.10, 0.08),
    (0.12, 0.28, 0.18),
    (0.45, 0.30, 0.10),
)
_RUG_COLORS: tuple[tuple[Color, Color], ...] = (
    ((0.46, 0.08, 0.07), (0.76, 0.62, 0.42)),
    ((0.08, 0.16, 0.34), (0.70, 0.66, 0.58)),
    ((0.14, 0.26, 0.20), (0.74, 0.64, 0.40)),
)
_FLOORS = (
    Material('planks', (0.44, 0.25, 0.12), (0.07, 0.04, 0.02), 0.14),
    Material('planks', (0.56, 0.40, 0.24), (0.12, 0.08, 0.05), 0.18),
    Material('tiles', (0.56, 0.50, 0.43), (0.20, 0.18, 0.16), 0.33),
)
_TOY_COLORS: tuple[Color, ...] = (
    (0.75, 0.08, 0.06),
    (0.06, 0.20, 0.65),
    (0.85, 0.60, 0.05),
    (0.08, 0.45, 0.14),
)


def make_room(seed: int = 0) -> Scene:
    """
    Return a room of 6.0 × 5.0 × 2.6 m with a corner at the origin.

    Sofa, shelf, sideboard, desk and table keep their places, so that the path of `path.drive`
    stays free; colours, floor, turns and small things on the floor follow the seed.
    """
    generator = np.random.default_rng(seed)
    wall = _WALL_COLORS[generator.integers(len(_WALL_COLORS))]
    cloth = _CLOTH_COLORS[generator.integers(len(_CLOTH_COLORS))]
    rug_colors = _RUG_COLORS[generator.integers(len(_RUG_COLORS))]
    floor = _FLOORS[generator.integers(len(_FLOORS))]
    toys, balls = _toys(generator)
    plant_cylinders, leaves = _plant(generator, (5.55, 4.55, 0.0))
    chair_turn = float(generator.uniform(-0.5, 0.5))
    return Scene(
        rects=(*_shell(floor, wall), *_wall_things(generator)),
        boxes=(
            *_skirting(),
            Box((3.15, 2.5, 0.0), (2.2, 1.5, 0.008), Material('rug', *rug_colors, 0.22)),
            *_sofa(cloth),
            *_shelf(),
            *_sideboard(),
            *_desk(),
            *_chair((2.75, 0.85, 0.0), math.pi / 2 + chair_turn, cloth),
            *_coffee_table_top(),
            *_bench(cloth),
            *toys,
        ),
        spheres=(*leaves, *balls),
        cylinders=(*_coffee_table_legs(), *plant_cylinders, *_lamp(), _bin()),
        lights=_lights(),
        ambient=(0.25, 0.245, 0.24),
        seed=seed,
    )


def _shell(floor: Material, wall: Color) -> tuple[Rect, ...]:
    x, y, z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    back, right = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)
    painted = Material('plaster', wall)
    papered = Material('stripes', wall, (wall[0] * 0.8, wall[1] * 0.8, wall[2] * 0.85), 0.24)
    return (
        Rect((0.0, 0.0, 0.0), x, y, LENGTH_M, WIDTH_M, floor),
        Rect((0.0, WIDTH_M, HEIGHT_M), x, right, LENGTH_M, WIDTH_M, Material('plaster', _WHITE)),
        Rect((LENGTH_M, WIDTH_M, 0.0), right, z, WIDTH_M, HEIGHT_M, papered),
        Rect((0.0, 0.0, 0.0), y, z, WIDTH_M, HEIGHT_M, painted),
        Rect((LENGTH_M, 0.0, 0.0), back, z, LENGTH_M, HEIGHT_M, painted),
        Rect((0.0, WIDTH_M, 0.0), x, z, LENGTH_M, HEIGHT_M, painted),
    )


def _wall_things(generator: np.random.Generator) -> tuple[Rect, ...]:
    """Return window, door and pictures, a centimetre before their walls."""
    x, y, z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    back, right = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0)
    sky = Material('window', (0.75, 0.85, 1.0), _WHITE, emission=1.3)
    door = Material('drawers', _BIRCH, _METAL, 0.9)

    def painting() -> Material:
        tone = generator.uniform(0.15, 0.6, 3)
        return Material(
            'picture',
            (float(tone[0]), float(tone[1]), float(tone[2])),
            _BLACK,
            float(generator.uniform(0.2, 0.8)),
        )

    return (
        Rect((2.2, WIDTH_M - 0.01, 1.0), x, z, 1.6, 1.2, sky),
        Rect((0.01, 3.2, 0.0), y, z, 0.9, 2.05, door),
        Rect((LENGTH_M - 0.01, 2.3, 1.05), right, z, 1.2, 0.8, painting()),
        Rect((4.6, 0.01, 1.1), back, z, 0.7, 0.9, painting()),
        Rect((1.8, 0.01, 1.15), back, z, 1.0, 0.7, painting()),
        Rect((0.01, 1.0, 1.1), y, z, 0.9, 0.7, painting()),
    )


def _lights() -> tuple[Light, ...]:
    return (
        Light((2.4, 1.9, 2.58), (1.2, 0, 0), (0, 1.2, 0), (0, 0, -1), (6.4, 5.8, 4.8)),
        Light((2.2, 4.98, 1.0), (1.6, 0, 0), (0, 0, 1.2), (0, -1, 0), (3.6, 3.9, 4.3)),
    )


def _skirting() -> tuple[Box, ...]:
    painted = Material('plaster', (0.82, 0.81, 0.78))
    return (
        Box((LENGTH_M / 2, 0.008, 0.0), (LENGTH_M, 0.016, 0.08), painted),
        Box((LENGTH_M / 2, WIDTH_M - 0.008, 0.0), (LENGTH_M, 0.016, 0.08), painted),
        Box((LENGTH_M - 0.008, WIDTH_M / 2, 0.0), (0.016, WIDTH_M, 0.08), painted),
        Box((0.008, 1.6, 0.0), (0.016, 3.2, 0.08), painted),
    )


def _sofa(cloth: Color) -> tuple[Box, ...]:
    seat = Material('fabric', cloth, scale_m=0.85)
    light = Material('fabric', (cloth[0] * 1.5, cloth[1] * 1.5, cloth[2] * 1.5), scale_m=2.0)
    feet = Material('wood', _WALNUT)
    return (
        Box((3.3, 4.42, 0.10), (1.7, 0.78, 0.32), seat),
        Box((3.3, 4.82, 0.10), (2.1, 0.22, 0.75), seat),
        Box((2.35, 4.45, 0.10), (0.2, 0.85, 0.50), seat),
        Box((4.25, 4.45, 0.10), (0.2, 0.85, 0.50), seat),
        Box((2.72, 4.58, 0.42), (0.42, 0.16, 0.38), light, yaw_rad=0.15),
        *(
            Box((along, across, 0.0), (0.06, 0.06, 0.10), feet)
            for along in (2.35, 4.25)
            for across in (4.1, 4.82)
        ),
    )


def _shelf() -> tuple[Box, ...]:
    oak = Material('wood', _OAK)
    depth_m, width_m, middle_y, levels = 0.30, 1.30, 3.45, (0.05, 0.45, 0.85, 1.25, 1.65)
    x = LENGTH_M - depth_m / 2
    boards = [Box((x, middle_y, level), (depth_m, width_m, 0.03), oak) for level in levels]
    sides = [
        Box((x, middle_y + side * width_m / 2, 0.0), (depth_m, 0.03, 1.70), oak)
        for side in (-1, 1)
    ]
    rows = [
        Box(
            (x + 0.02, middle_y - 0.05 * number, level + 0.03),
            (0.2, width_m - 0.12 - 0.12 * number, 0.30),
            Material('books', _OAK, (0.03, 0.02, 0.02), 0.035 + 0.008 * number),
            yaw_rad=math.pi,
        )
        for number, level in enumerate(levels[:4])
    ]
    return (*boards, *sides, *rows)


def _sideboard() -> tuple[Box, ...]:
    fronts = Material('drawers', _WALNUT, _METAL, 0.5)
    board = Material('wood', _WALNUT)
    screen = Material('plaster', (0.015, 0.016, 0.02))
    return (
        Box((5.75, 1.45, 0.08), (0.42, 1.5, 0.46), board, math.pi, front=fronts),
        Box((5.75, 0.8, 0.0), (0.3, 0.06, 0.08), board),
        Box((5.75, 2.1, 0.0), (0.3, 0.06, 0.08), board),
        Box((5.80, 1.6, 0.54), (0.18, 0.3, 0.02), screen),
    )


def _desk() -> tuple[Box, ...]:
    top, metal = Material('wood', _BIRCH), Material('plaster', _BLACK)
    return (
        Box((2.9, 0.40, 0.71), (1.4, 0.7, 0.03), top),
        *(
            Box((along, across, 0.0), (0.04, 0.04, 0.71), metal)
            for along in (2.24, 3.56)
            for across in (0.09, 0.71)
        ),
        Box((3.35, 0.40, 0.10), (0.4, 0.55, 0.58), Material('drawers', _BIRCH, _METAL, 0.4)),
        Box((2.7, 0.25, 0.82), (0.62, 0.03, 0.36), Material('plaster', (0.02, 0.02, 0.025))),
        Box((2.7, 0.25, 0.74), (0.2, 0.15, 0.08), metal),
    )


def _chair(base: Vector, yaw_rad: float, cloth: Color) -> tuple[Box, ...]:
    """Return a chair whose back is on the side of its own +x."""
    wood, seat = Material('wood', _BIRCH), Material('fabric', cloth, scale_m=1.0)
    cos_yaw, sin_yaw = math.cos(yaw_rad), math.sin(yaw_rad)

    def at(forward_m: float, left_m: float, up_m: float) -> Vector:
        return (
            base[0] + forward_m * cos_yaw - left_m * sin_yaw,
            base[1] + forward_m * sin_yaw + left_m * cos_yaw,
            base[2] + up_m,
        )

    legs = [
        Box(at(forward_m, left_m, 0.0), (0.035, 0.035, height_m), wood, yaw_rad)
        for forward_m, height_m in ((-0.18, 0.42), (0.18, 0.85))
        for left_m in (-0.18, 0.18)
    ]
    return (
        *legs,
        Box(at(0, 0, 0.42), (0.42, 0.42, 0.05), seat, yaw_rad),
        Box(at(0.18, 0, 0.60), (0.025, 0.36, 0.22), wood, yaw_rad),
    )


def _bench(cloth: Color) -> tuple[Box, ...]:
    """Return what stands along the wall with the door: a bench, a cupboard, a suitcase."""
    birch = Material('wood', _BIRCH)
    cushion = Material('fabric', cloth, scale_m=0.5)
    return (
        Box((0.27, 2.1, 0.36), (0.36, 1.3, 0.04), birch),
        Box((0.27, 2.1, 0.40), (0.34, 1.2, 0.07), cushion),
        *(Box((0.27, across, 0.0), (0.32, 0.05, 0.36), birch) for across in (1.5, 2.1, 2.7)),
        Box((0.3, 0.55, 0.05), (0.5, 0.8, 1.75), birch, front=Material('drawers', _BIRCH, _METAL)),
        Box((0.6, 4.55, 0.03), (0.28, 0.5, 0.6), Material('stripes', cloth, _BLACK, 0.09), 0.5),
    )


def _coffee_table_top() -> tuple[Box, ...]:
    return (
        Box((3.15, 2.5, 0.38), (1.0, 0.6, 0.035), Material('wood', _OAK), 0.05),
        Box((3.0, 2.45, 0.415), (0.24, 0.17, 0.05), Material('cardboard', (0.1, 0.2, 0.4)), 0.4),
    )


def _coffee_table_legs() -> tuple[Cylinder, ...]:
    leg = Material('wood', _WALNUT)
    return tuple(
        Cylinder((3.15 + along, 2.5 + across, 0.0), 0.025, 0.38, leg)
        for along in (-0.44, 0.44)
        for across in (-0.24, 0.24)
    )


def _lamp() -> tuple[Cylinder, ...]:
    metal = Material('plaster', _METAL)
    shade = Material('plaster', (0.9, 0.8, 0.6), emission=0.8)
    x, y = 1.85, 4.6
    return (
        Cylinder((x, y, 0.0), 0.15, 0.025, metal),
        Cylinder((x, y, 0.025), 0.013, 1.4, metal),
        Cylinder((x, y, 1.35), 0.2, 0.28, shade),
    )


def _bin() -> Cylinder:
    return Cylinder(
        (4.05, 0.3, 0.0), 0.13, 0.30, Material('stripes', (0.25, 0.27, 0.3), _METAL, 0.05)
    )


def _plant(
    generator: np.random.Generator, base: Vector
) -> tuple[tuple[Cylinder, ...], tuple[Sphere, ...]]:
    pot = Cylinder(base, 0.17, 0.30, Material('plaster', (0.55, 0.22, 0.12)))
    stem = Cylinder((base[0], base[1], 0.30), 0.02, 0.5, Material('wood', _WALNUT))
    leaves = tuple(
        Sphere(
            (
                base[0] + float(generator.normal(0, 0.12)),
                base[1] + float(generator.normal(0, 0.12)),
                float(generator.uniform(0.6, 1.25)),
            ),
            float(generator.uniform(0.07, 0.15)),
            Material('fabric', (0.06, float(generator.uniform(0.18, 0.34)), 0.05), scale_m=9.0),
        )
        for _ in range(12)
    )
    return (pot, stem), leaves


def _toys(generator: np.random.Generator) -> tuple[tuple[Box, ...], tuple[Sphere, ...]]:
    """Return parcels, blocks and balls beside the path, turned and coloured at random."""

    def turn() -> float:
        return float(generator.uniform(-math.pi, math.pi))

    paper = Material('cardboard', (0.48, 0.33, 0.19), (0.62, 0.52, 0.36))
    colors = [_TOY_COLORS[index] for index in generator.permutation(len(_TOY_COLORS))]
    checkered = Material('checker', colors[3], _WHITE, 0.04)
    boxes = (
        Box((4.75, 1.0, 0.0), (0.48, 0.36, 0.34), paper, turn()),
        Box((4.75, 1.0, 0.34), (0.30, 0.24, 0.20), paper, turn()),
        Box((1.15, 0.40, 0.0), (0.50, 0.40, 0.42), paper, turn()),
        Box((0.30, 1.8, 0.0), (0.24, 0.24, 0.24), paper, turn()),
        Box((2.75, 2.02, 0.008), (0.10, 0.10, 0.10), Material('plaster', colors[0]), turn()),
        Box((2.95, 1.98, 0.008), (0.10, 0.10, 0.10), Material('plaster', colors[1]), turn()),
        Box((2.85, 2.00, 0.108), (0.10, 0.10, 0.10), Material('plaster', colors[2]), turn()),
        Box(
            (5.05, 3.35, 0.0),
            (0.22, 0.16, 0.12),
            checkered,
            turn(),
        ),
    )
    balls = (
        Sphere((3.75, 2.05, 0.118), 0.11, Material('checker', _WHITE, _BLACK, 0.06)),
        Sphere((1.9, 2.85, 0.07), 0.07, Material('stripes', colors[0], _WHITE, 0.07)),
        Sphere((5.4, 2.35, 0.12), 0.12, Material('stripes', colors[1], colors[3], 0.12)),
    )
    return boxes, balls
