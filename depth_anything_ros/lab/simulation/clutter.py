"""Many things at once: on tables, shelves, floors, in bins."""

from __future__ import annotations

import math

from depth_anything_ros.lab.simulation.building import Blueprint, Placement, Top
from depth_anything_ros.lab.simulation.paint import thing_coat
from depth_anything_ros.lab.simulation.things import (
    Fit,
    ball,
    blob,
    bottle,
    bowl,
    cable,
    can,
    carton,
    cup,
    frame,
    lamp,
    open_box,
    pile,
    plant,
    row,
    sheet,
    tool,
    tumbled,
    wooden,
)


def tray(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand an open box with things in it."""
    rng = plan.rng
    size_m, room_m = space
    width, depth = (size_m * rng.uniform(0.8, 1.6) for _ in range(2))
    height = min(room_m, size_m * rng.uniform(0.2, 0.8))
    open_box(plan, place, (width, depth, height), thing_coat(plan))
    for _ in range(rng.randrange(0, 6)):
        spot = place.at(rng.uniform(-0.3, 0.3) * width, rng.uniform(-0.3, 0.3) * depth, 0.006)
        put_thing(plan, spot, size_m * 0.5, room_m, nested=True)


THINGS = (
    (carton, 5), (pile, 2), (row, 2), (can, 3), (cup, 2), (bottle, 3), (bowl, 1),
    (ball, 1), (blob, 2), (tumbled, 3), (tool, 2), (sheet, 2), (cable, 1), (tray, 1),
    (plant, 1), (lamp, 1), (frame, 1), (wooden, 2),
)  # fmt: skip
_MAKERS = [maker for maker, _ in THINGS]
_WEIGHTS = [weight for _, weight in THINGS]


def put_thing(
    plan: Blueprint, place: Placement, size_m: float, room_m: float, nested: bool = False
) -> None:
    """
    Put a random thing on a place.

    :param size_m: about how large it is.
    :param room_m: how high it may be.
    :param nested: whether it lies inside another thing, and so may not hold others itself.
    """
    maker = plan.rng.choices(_MAKERS, _WEIGHTS)[0]
    if nested and maker is tray:
        maker = carton
    if maker in (carton, row, pile, sheet):
        turn = plan.rng.gauss(0, 0.15) if plan.rng.random() < 0.6 else plan.rng.uniform(0, 3)
    else:
        turn = plan.rng.uniform(0, 2 * math.pi)
    maker(plan, place._replace(yaw=place.yaw + turn), Fit(size_m, room_m))


def fill_top(plan: Blueprint, top: Top, density: float) -> None:
    """
    Put things on a table, shelf or floor.

    :param density: things a square metre.
    """
    rng = plan.rng
    wanted = top.width_m * top.depth_m * density
    count = min(14, int(wanted) + (rng.random() < wanted % 1))
    largest = min(0.32, 0.6 * top.depth_m, 0.9 * top.headroom_m)
    if largest < 0.05:
        return
    for _ in range(count):
        size = largest * rng.uniform(0.35, 1)
        x = max(0.0, top.width_m / 2 - size * 0.5)
        y = max(0.0, top.depth_m / 2 - size * 0.5)
        put_thing(plan, top.place.at(rng.uniform(-x, x), rng.uniform(-y, y)), size, top.headroom_m)


def crowd(plan: Blueprint, place: Placement, headroom_m: float = 0.6) -> None:
    """Put many things close together round a place, some in a bin or tray."""
    rng = plan.rng
    spread = rng.uniform(0.15, 0.45)
    if rng.random() < 0.25:
        size = (2.2 * spread, 1.7 * spread, rng.uniform(0.08, 0.35))
        open_box(plan, place, size, thing_coat(plan))
        place = place.at(0, 0, 0.006)
    count = rng.randrange(3, 14)
    for _ in range(count):
        spot = place.at(rng.gauss(0, 0.45) * spread, rng.gauss(0, 0.4) * spread)
        put_thing(plan, spot, rng.uniform(0.05, 0.25), headroom_m)


def packed_bin(plan: Blueprint, place: Placement) -> None:
    """Fill a bin with rows of like cartons or with tumbled things."""
    rng = plan.rng
    width, depth, height = rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.4)
    open_box(plan, place, (width, depth, height), thing_coat(plan))
    if rng.random() < 0.5:
        columns, rows = rng.randrange(2, 6), rng.randrange(2, 6)
        coat = thing_coat(plan)
        size = (0.94 * width / columns, 0.94 * depth / rows, height * rng.uniform(0.3, 0.9))
        for column in range(columns):
            for row in range(rows):
                if rng.random() < 0.85:
                    at = (
                        ((column + 0.5) / columns - 0.5) * 0.96 * width,
                        ((row + 0.5) / rows - 0.5) * 0.96 * depth, 0.005,
                    )  # fmt: skip
                    high = size[2] * rng.choice((1, 1, 1, 0.6))
                    plan.box(place, (size[0], size[1], high), coat, at)
        return
    top = Top(place.at(0, 0, 0.006), width * 0.85, depth * 0.85, height * 1.5)
    fill_top(plan, top, 60)
