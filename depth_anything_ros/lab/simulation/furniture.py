"""Furniture made of boxes and cylinders; each stands with its back at y = 0, facing +y."""

from __future__ import annotations

import math
from collections.abc import Callable

from depth_anything_ros.lab.simulation.building import Blueprint, Kind, Placement, Top, shaded
from depth_anything_ros.lab.simulation.clutter import fill_top, put_thing
from depth_anything_ros.lab.simulation.paint import (
    anything,
    furniture_coat,
    gray,
    metal_coat,
    muted,
    off_white,
    thing_coat,
)
from depth_anything_ros.lab.simulation.seats import Space, bed, office_chair, sofa
from depth_anything_ros.lab.simulation.things import Fit, monitor, open_box, parcels, plant

Furniture = Callable[[Blueprint, Placement, Space], None]


def _legs(
    plan: Blueprint, place: Placement, width_m: float, depth_m: float, height_m: float, coat: int
) -> None:
    """Put four legs under a top whose back edge is at y = 0."""
    rng = plan.rng
    thick = rng.uniform(0.02, 0.07)
    round_legs = rng.random() < 0.3
    x, y = width_m / 2 - thick, depth_m / 2 - thick
    for side in (-1, 1):
        for front in (-1, 1):
            at = (side * x, depth_m / 2 + front * y, 0.0)
            if round_legs:
                plan.cylinder(place, thick / 2, height_m, coat, at)
            else:
                plan.box(place, (thick, thick, height_m), coat, at)


def table(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a table, sometimes round, with things on it."""
    rng = plan.rng
    width_m, depth_m = space
    height, thick = rng.choice((0.45, 0.72, 0.74, 0.76, 0.9)), rng.uniform(0.018, 0.06)
    coat = furniture_coat(plan)
    frame = coat if rng.random() < 0.5 else metal_coat(plan)
    if rng.random() < 0.15:
        radius = min(width_m, depth_m) / 2
        plan.cylinder(place, radius, thick, coat, (0, depth_m / 2, height - thick))
        plan.cylinder(place, 0.04, height - thick, frame, (0, depth_m / 2, 0))
        plan.cylinder(place, radius * 0.5, 0.03, frame, (0, depth_m / 2, 0))
        width_m = depth_m = 1.4 * radius
    else:
        plan.box(place, (width_m, depth_m, thick), coat, (0, depth_m / 2, height - thick))
        _legs(plan, place, width_m, depth_m, height - thick, frame)
    _lay(plan, place.at(0, depth_m / 2, height), width_m, depth_m, rng.uniform(1, 12))


def desk(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a desk with screens, drawers, things and often a chair."""
    rng = plan.rng
    width_m, depth_m = space
    height, coat, frame = rng.uniform(0.7, 0.78), furniture_coat(plan), metal_coat(plan)
    depth_m = max(depth_m, 0.6)
    plan.box(place, (width_m, depth_m, 0.03), coat, (0, depth_m / 2, height - 0.03))
    _legs(plan, place, width_m, depth_m, height - 0.03, frame)
    if rng.random() < 0.6:
        side = rng.choice((-1, 1)) * (width_m / 2 - 0.25)
        _drawers(plan, place.at(side, 0), 0.42, depth_m * 0.9, height - 0.1)
    if rng.random() < 0.3:
        screen = plan.coat('fabric', muted(rng), repeat_m=0.5)
        plan.box(place, (width_m, 0.04, rng.uniform(1.0, 1.6)), screen)
    for _ in range(rng.randrange(0, 3)):
        x = rng.uniform(-0.35, 0.35) * width_m
        monitor(plan, place.at(x, 0.22, height), Fit(0.5, 0.8))
    _lay(plan, place.at(0, depth_m * 0.6, height), width_m, depth_m * 0.75, rng.uniform(2, 12))
    if rng.random() < 0.8:
        seat = place.at(rng.uniform(-0.3, 0.3), depth_m + 0.15, 0, math.pi + rng.gauss(0, 0.7))
        office_chair(plan, seat)


def _lay(
    plan: Blueprint, place: Placement, width_m: float, depth_m: float, density: float
) -> None:
    """Note a top, put things on it, and make it a place worth looking at."""
    top = Top(place, width_m, depth_m, 0.5)
    plan.tops.append(top)
    fill_top(plan, top, density)
    plan.targets.append(place)


def _drawers(
    plan: Blueprint, place: Placement, width_m: float, depth_m: float, height_m: float
) -> None:
    """Build a body with fronts and handles."""
    rng = plan.rng
    body = furniture_coat(plan)
    fronts = body if rng.random() < 0.5 else furniture_coat(plan)
    handle = metal_coat(plan)
    plan.box(place, (width_m, depth_m, height_m), body, (0, depth_m / 2, 0))
    columns = max(1, round(width_m / rng.uniform(0.4, 0.7)))
    rows = rng.choice((1, 1, 2, 3, 4))
    wide, high = width_m / columns, height_m / rows
    if columns * rows > 12:
        return
    for column in range(columns):
        for row in range(rows):
            x = (column + 0.5) * wide - width_m / 2
            plan.box(
                place, (wide - 0.012, 0.018, high - 0.012), fronts,
                (x, depth_m + 0.005, row * high + 0.006),
            )  # fmt: skip
            plan.box(
                place, (min(0.14, wide / 2), 0.02, 0.012), handle,
                (x, depth_m + 0.03, (row + 0.8) * high),
            )  # fmt: skip


def cabinet(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a cupboard, chest of drawers or wardrobe, with things on a low one."""
    rng = plan.rng
    width_m, depth_m = space
    height = rng.choice((0.5, 0.75, 0.9, 1.2, 1.8, 2.0, 2.2)) * rng.uniform(0.9, 1.1)
    _drawers(plan, place, width_m, depth_m, height)
    if height < 1.4:
        _lay(plan, place.at(0, depth_m / 2, height), width_m, depth_m, rng.uniform(2, 12))
        if rng.random() < 0.2:
            _television(plan, place.at(0, depth_m / 2, height), width_m * 0.8)


def _television(plan: Blueprint, place: Placement, width_m: float) -> None:
    rng = plan.rng
    width = min(width_m, 1.2)
    case = plan.coat('plain', gray(rng, 0.02, 0.12), gloss=1.0)
    plan.box(place, (width * 0.4, 0.2, 0.02), case)
    plan.box(place, (width, 0.06, width * 0.57), case, (0, 0, 0.06))


def shelf(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build an open shelf with boards, sides and things on every board."""
    rng = plan.rng
    width_m, depth_m = space
    height, boards = rng.uniform(0.8, 2.2), rng.randrange(3, 6)
    depth_m = min(depth_m, 0.5)
    coat = furniture_coat(plan) if rng.random() < 0.7 else metal_coat(plan)
    thick, pitch = rng.uniform(0.015, 0.035), height / boards
    back = rng.random() < 0.6
    if back:
        plan.box(place, (width_m, 0.01, height), coat)
    if rng.random() < 0.7:
        for side in (-0.5, 0.5):
            plan.box(place, (thick, depth_m, height), coat, (side * width_m, depth_m / 2, 0))
    else:
        _legs(plan, place, width_m, depth_m, height, coat)
    density = rng.uniform(4, 20)
    for board in range(boards + 1):
        level = max(0.0, board * pitch - thick)
        plan.box(place, (width_m, depth_m, thick), coat, (0, depth_m / 2, level))
        if rng.random() < 0.85:
            top = Top(place.at(0, depth_m / 2, level + thick), width_m, depth_m, pitch - 2 * thick)
            fill_top(plan, top, density)
    plan.targets.append(place.at(0, depth_m / 2, height / 2))


def counter(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a kitchen counter with cupboards above, a hob or sink, and things."""
    rng = plan.rng
    width_m = space.width_m
    depth, height = 0.6, rng.uniform(0.85, 0.95)
    _drawers(plan, place, width_m, depth - 0.03, height - 0.04)
    slab = furniture_coat(plan)
    plan.box(place, (width_m, depth, 0.04), slab, (0, depth / 2, height - 0.04))
    dark = plan.coat('plain', gray(rng, 0.02, 0.5), gloss=1.0)
    side = rng.uniform(-0.3, 0.3) * width_m
    plan.box(place, (0.5, 0.4, 0.006), dark, (side, depth / 2, height))
    if rng.random() < 0.5:
        tap = metal_coat(plan)
        plan.cylinder(place, 0.012, 0.28, tap, (side, 0.08, height))
        plan.box(place, (0.02, 0.18, 0.02), tap, (side, 0.16, height + 0.27))
    else:
        case = plan.coat('plain', gray(rng, 0.05, 0.95), gloss=0.6)
        plan.box(place, (0.5, 0.35, 0.3), case, (-side, 0.2, height))
        plan.box(place, (0.33, 0.01, 0.22), dark, (-side - 0.06, 0.38, height + 0.04))
    splash = plan.coat('tiles', off_white(rng), muted(rng), gray(rng), repeat_m=0.5, gloss=0.5)
    plan.box(place, (width_m, 0.008, 0.5), splash, (0, 0.004, height))
    if rng.random() < 0.7:
        _drawers(plan, place.at(0, 0, height + 0.52), width_m, 0.35, rng.uniform(0.5, 0.8))
    _lay(plan, place.at(0, depth / 2, height), width_m, depth, rng.uniform(3, 12))


def fridge(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a tall appliance with doors and notes on it."""
    rng = plan.rng
    width_m = space.width_m
    height, width = rng.uniform(0.85, 2.0), min(width_m, 0.8)
    coat = plan.coat('plain', rng.choice((off_white, gray, anything))(rng), gloss=0.7)
    plan.box(place, (width, 0.62, height), coat, (0, 0.31, 0))
    split = height * rng.uniform(0.3, 0.7)
    for level, high in ((0.05, split - 0.06), (split, height - split - 0.02)):
        plan.box(place, (width - 0.01, 0.05, high), coat, (0, 0.645, level))
        plan.box(place, (0.02, 0.04, high * 0.4), metal_coat(plan), (0.4 * width, 0.68, level))
    for _ in range(rng.randrange(0, 4)):
        x, z = rng.uniform(-0.3, 0.3) * width, rng.uniform(0.4, 0.8) * height
        plan.box(place, (0.12, 0.004, 0.15), thing_coat(plan), (x, 0.673, z))


def boiler(plan: Blueprint, place: Placement, _space: Space) -> None:
    """Build a cylinder with pipes, as in a cellar."""
    rng = plan.rng
    radius, height = rng.uniform(0.18, 0.35), rng.uniform(0.9, 1.7)
    coat = plan.coat('stain', gray(rng, 0.3, 0.95), gloss=0.4, dirt=0.4)
    plan.cylinder(place, radius, height, coat, (0, radius + 0.05, 0.1))
    pipe = metal_coat(plan)
    for _ in range(rng.randrange(1, 5)):
        x, y = rng.gauss(0, 0.12), radius + 0.05 + rng.gauss(0, 0.08)
        plan.cylinder(place, rng.uniform(0.015, 0.06), rng.uniform(0.5, 1.5), pipe, (x, y, height))
    for _ in range(rng.randrange(0, 3)):
        level = rng.uniform(0.3, 2.2)
        plan.rod(place.at(-0.8, 0.08, level), place.at(0.8, 0.08, level), 0.03, pipe)


def machine(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build something nobody can name from boxes, cylinders and rods."""
    rng = plan.rng
    width_m, depth_m = space
    coats = [rng.choice((metal_coat, thing_coat, furniture_coat))(plan) for _ in range(4)]
    middle = place.at(0, depth_m / 2)
    for _ in range(rng.randrange(3, 9)):
        size = (
            width_m * rng.uniform(0.1, 0.8), depth_m * rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.9)
        )  # fmt: skip
        at = (rng.gauss(0, 0.2) * width_m, rng.gauss(0, 0.15) * depth_m, rng.choice((0, 0, 0.3)))
        kind = rng.choice((Kind.BOX, Kind.BOX, Kind.CYLINDER))
        plan.box(middle, size, rng.choice(coats), at, rng.choice((0, 0, 0.5)), kind)
    for _ in range(rng.randrange(1, 6)):
        start, end = (
            middle.at(rng.gauss(0, 0.3) * width_m, rng.gauss(0, 0.3) * depth_m, rng.uniform(0, 1))
            for _ in range(2)
        )
        plan.rod(start, end, rng.uniform(0.01, 0.04), rng.choice(coats))


def crates(plan: Blueprint, place: Placement, space: Space) -> None:
    """Put parcels, bins and bags side by side."""
    rng = plan.rng
    width_m = space.width_m
    at = -width_m / 2
    while at < width_m / 2 - 0.2:
        spot = place.at(at + 0.25, rng.uniform(0.2, 0.4), 0, rng.gauss(0, 0.3))
        pick = rng.random()
        if pick < 0.55:
            parcels(plan, spot)
        elif pick < 0.7:
            size = (rng.uniform(0.25, 0.5), rng.uniform(0.25, 0.4), rng.uniform(0.2, 0.5))
            open_box(plan, spot, size, thing_coat(plan))
            put_thing(plan, spot.at(0, 0, 0.01), 0.3, 0.6, nested=True)
        elif pick < 0.85:
            plan.cylinder(spot, rng.uniform(0.12, 0.2), rng.uniform(0.25, 0.6), thing_coat(plan))
        else:
            put_thing(plan, spot, 0.5, 0.8)
        at += rng.uniform(0.4, 0.7)
    plan.targets.append(place.at(0, 0.3, 0.2))


def board(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a movable whiteboard or partition."""
    rng = plan.rng
    width_m, depth_m = space
    frame = metal_coat(plan)
    white = plan.coat(
        rng.choice(('plain', 'text', 'poster', 'fabric')), off_white(rng), anything(rng),
        anything(rng), repeat_m=1.0, gloss=0.4,
    )  # fmt: skip
    low, high = rng.uniform(0.02, 0.9), rng.uniform(0.9, 1.3)
    plan.box(place, (width_m, 0.03, high), white, (0, depth_m / 2, low))
    for side in (-0.5, 0.5):
        plan.box(place, (0.04, 0.04, low + high), frame, (side * width_m, depth_m / 2, 0.03))
        plan.box(place, (0.05, 0.5, 0.04), frame, (side * width_m, depth_m / 2, 0.02))


def floor_lamp(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a lamp on a pole."""
    rng = plan.rng
    depth_m = space.depth_m
    metal = metal_coat(plan)
    middle = place.at(0, depth_m / 2)
    plan.cylinder(middle, 0.14, 0.025, metal)
    plan.cylinder(middle, 0.013, 1.5, metal)
    shade = plan.coat('plain', off_white(rng), glow=rng.choice((0.0, 1.0, 2.5)))
    plan.cylinder(middle, rng.uniform(0.12, 0.22), 0.28, shade, (0, 0, rng.uniform(1.25, 1.45)))


def big_plant(plan: Blueprint, place: Placement, space: Space) -> None:
    """Put a large plant on the floor."""
    depth_m = space.depth_m
    size_m = plan.rng.uniform(0.6, 1.4)
    plant(plan, place.at(0, depth_m / 2), Fit(size_m / 2, 2 * size_m))


def pillow_heap(plan: Blueprint, place: Placement, space: Space) -> None:
    """Heap bags, blankets and coats."""
    rng = plan.rng
    depth_m = space.depth_m
    tone = anything(rng)
    for _ in range(rng.randrange(2, 7)):
        coat = plan.coat('fabric', shaded(tone, rng.uniform(0.5, 1.3)), repeat_m=0.4)
        size = (rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.5), rng.uniform(0.12, 0.45))
        at = (rng.gauss(0, 0.15), depth_m / 2 + rng.gauss(0, 0.1), 0)
        plan.box(place, size, coat, at, rng.uniform(0, 3), Kind.ELLIPSOID)


# How it is built, how likely, width from..to and depth from..to in metres.
Row = tuple[Furniture, float, tuple[float, float], tuple[float, float]]
ALONG_WALLS: tuple[Row, ...] = (
    (desk, 4, (1.0, 1.8), (0.6, 0.8)),
    (table, 2, (0.6, 1.8), (0.5, 0.9)),
    (cabinet, 4, (0.4, 2.0), (0.35, 0.65)),
    (shelf, 5, (0.6, 1.8), (0.25, 0.5)),
    (sofa, 2, (0.9, 2.2), (0.75, 0.95)),
    (bed, 1, (0.9, 1.8), (2.0, 2.0)),
    (counter, 2, (1.5, 3.0), (0.6, 0.6)),
    (fridge, 1, (0.55, 0.8), (0.65, 0.7)),
    (boiler, 1, (0.6, 0.8), (0.6, 0.8)),
    (machine, 1, (0.5, 1.2), (0.5, 0.8)),
    (crates, 3, (0.6, 2.0), (0.5, 0.7)),
    (board, 1, (0.8, 1.8), (0.5, 0.5)),
    (floor_lamp, 1, (0.4, 0.4), (0.4, 0.4)),
    (big_plant, 1, (0.5, 0.8), (0.5, 0.8)),
    (pillow_heap, 1, (0.6, 0.8), (0.5, 0.7)),
)
