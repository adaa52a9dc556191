"""Small things, each made from a few shapes, that stand or lie on a place."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

from depth_anything_ros.lab.simulation.building import (
    Blueprint,
    Kind,
    Matrix,
    Placement,
    along_axis,
    any_turn,
    shaded,
)
from depth_anything_ros.lab.simulation.paint import (
    anything,
    cardboard_coat,
    cloth_coat,
    gray,
    metal_coat,
    off_white,
    print_coat,
    thing_coat,
    wood,
)


class Fit(NamedTuple):
    """About how large a thing is and how high it may be, metres."""

    size_m: float
    room_m: float


def lying(rng: Random) -> Matrix:
    """Return the turn of a cylinder that lies on its side."""
    angle = rng.uniform(0, 2 * math.pi)
    return along_axis((math.cos(angle), math.sin(angle), 0.0))


def carton(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a carton or packet."""
    rng = plan.rng
    size_m, room_m = space
    size = tuple(size_m * rng.uniform(0.4, 1.2) for _ in range(3))
    coat = thing_coat(plan) if size_m < 0.2 or rng.random() < 0.4 else cardboard_coat(plan)
    plan.box(place, (size[0], size[1], min(size[2], room_m)), coat)


def pile(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stack books, papers or cartons, each turned a little."""
    rng = plan.rng
    size_m, room_m = space
    level, width = 0.0, max(0.12, size_m * rng.uniform(0.8, 1.4))
    for _ in range(rng.randrange(2, 7)):
        height = width * rng.uniform(0.05, 0.25)
        if level + height > room_m:
            return
        size = (width * rng.uniform(0.7, 1), width * rng.uniform(0.6, 1.2), height)
        plan.box(place, size, thing_coat(plan), (0, 0, level), rng.gauss(0, 0.2))
        level += height


def row(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand books or packets in a row, the last one often leaning."""
    rng = plan.rng
    size_m, room_m = space
    height = min(room_m * 0.95, rng.uniform(0.12, 0.32))
    depth, at = height * rng.uniform(0.5, 0.85), 0.0
    coats = [thing_coat(plan) for _ in range(4)]
    for _ in range(rng.randrange(3, 10)):
        width = rng.uniform(0.012, 0.05)
        size = (width, depth, height * rng.uniform(0.7, 1))
        plan.box(place, size, rng.choice(coats), (at + width / 2 - size_m / 2, 0, 0))
        at += width + 0.001
        if at > 2 * size_m:
            return


def can(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a can or tin."""
    rng = plan.rng
    size_m, room_m = space
    radius = size_m * rng.uniform(0.15, 0.35)
    plan.cylinder(place, radius, min(room_m, radius * rng.uniform(1.2, 4)), thing_coat(plan))


def cup(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a cup with a dark inside and a handle."""
    rng = plan.rng
    size_m, room_m = space
    radius = min(size_m * 0.3, rng.uniform(0.03, 0.05))
    height = min(room_m, radius * rng.uniform(1.8, 3))
    coat = thing_coat(plan)
    plan.cylinder(place, radius, height, coat)
    inside = plan.coat('plain', gray(rng, 0.02, 0.4))
    plan.cylinder(place, radius * 0.85, 0.001, inside, (0, 0, height))
    plan.box(place, (radius * 0.9, 0.012, height * 0.55), coat, (radius * 1.2, 0, height * 0.2))


def bottle(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a bottle."""
    rng = plan.rng
    room_m = space.room_m
    height = min(room_m, rng.uniform(0.15, 0.32))
    radius = height * rng.uniform(0.1, 0.2)
    coat = thing_coat(plan)
    body = height * rng.uniform(0.55, 0.75)
    plan.cylinder(place, radius, body, coat)
    plan.box(
        place, (2 * radius, 2 * radius, 2 * radius), coat, (0, 0, body - radius),
        kind=Kind.ELLIPSOID,
    )  # fmt: skip
    plan.cylinder(place, radius * 0.35, height - body, thing_coat(plan), (0, 0, body))


def bowl(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a bowl."""
    rng = plan.rng
    size_m, room_m = space
    radius = size_m * rng.uniform(0.3, 0.6)
    height = min(room_m, radius * rng.uniform(0.3, 0.9))
    coat = thing_coat(plan)
    plan.cylinder(place, radius * 0.6, height * 0.5, coat)
    plan.cylinder(place, radius, height * 0.5, coat, (0, 0, height * 0.5))
    tone = gray(rng, 0.05, 0.7)
    plan.cylinder(place, radius * 0.93, 0.001, plan.coat('plain', tone), (0, 0, height))


def ball(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Put a ball."""
    rng = plan.rng
    size_m, room_m = space
    size = min(room_m, size_m * rng.uniform(0.3, 0.9))
    plan.box(place, (size, size, size), thing_coat(plan), kind=Kind.ELLIPSOID)


def blob(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Heap up ellipsoids: fruit, a toy, a bag, laundry."""
    rng = plan.rng
    size_m, room_m = space
    coats = [rng.choice((thing_coat, cloth_coat))(plan) for _ in range(rng.randrange(1, 3))]
    for _ in range(rng.randrange(1, 6)):
        spot = place.at(rng.gauss(0, 0.25 * size_m), rng.gauss(0, 0.25 * size_m))
        size = tuple(min(room_m, size_m * rng.uniform(0.2, 0.8)) for _ in range(3))
        plan.tilted(
            Kind.ELLIPSOID, spot, (size[0], size[1], size[2]), rng.choice(coats), any_turn(rng)
        )


def tumbled(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Drop a box or cylinder in any turn."""
    rng = plan.rng
    size_m, room_m = space
    kind = rng.choice((Kind.BOX, Kind.BOX, Kind.CYLINDER))
    size = [min(size_m, room_m) * rng.uniform(0.2, 0.7) for _ in range(3)]
    if kind is Kind.CYLINDER:
        size[1] = size[0]
    turn = lying(rng) if kind is Kind.CYLINDER and rng.random() < 0.7 else any_turn(rng)
    plan.tilted(kind, place, (size[0], size[1], size[2]), thing_coat(plan), turn)


def tool(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Lay a handle with a head: a hammer, a drill, a pan, a brush."""
    rng = plan.rng
    size_m, room_m = space
    length = size_m * rng.uniform(0.8, 2)
    radius = min(room_m / 2, length * rng.uniform(0.03, 0.08))
    angle = rng.uniform(0, 2 * math.pi)
    end = Placement(
        place.x + length * math.cos(angle), place.y + length * math.sin(angle), place.z + radius
    )
    plan.rod(Placement(place.x, place.y, place.z + radius), end, radius, thing_coat(plan))
    size = (length * rng.uniform(0.15, 0.5), length * rng.uniform(0.15, 0.5), 2.2 * radius)
    kind = rng.choice((Kind.BOX, Kind.CYLINDER, Kind.ELLIPSOID))
    plan.box(Placement(end.x, end.y, place.z, angle), size, thing_coat(plan), kind=kind)


def sheet(plan: Blueprint, place: Placement, _space: Fit) -> None:
    """Lay flat sheets: paper, a magazine, a phone, a mat."""
    rng = plan.rng
    for _ in range(rng.randrange(1, 4)):
        size = (rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4), rng.uniform(0.002, 0.02))
        shift = (rng.gauss(0, 0.08), rng.gauss(0, 0.08), 0.0)
        plan.box(place, size, print_coat(plan), shift, rng.gauss(0, 0.5))


def cable(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Lay a winding cable."""
    rng = plan.rng
    size_m = space.size_m
    radius, coat = rng.uniform(0.003, 0.008), plan.coat('plain', anything(rng), gloss=0.3)
    heading, step = rng.uniform(0, 2 * math.pi), size_m * rng.uniform(0.2, 0.5)
    start = Placement(place.x, place.y, place.z + radius)
    for _ in range(rng.randrange(4, 9)):
        heading += rng.gauss(0, 0.7)
        end = Placement(
            start.x + step * math.cos(heading), start.y + step * math.sin(heading), start.z
        )
        plan.rod(start, end, radius, coat)
        start = end


def open_box(
    plan: Blueprint, place: Placement, size: tuple[float, float, float], coat: int
) -> None:
    """Stand a box without a lid."""
    width, depth, height = size
    wall = max(0.004, 0.02 * width)
    plan.box(place, (width, depth, 0.005), coat)
    for side in (-0.5, 0.5):
        plan.box(place, (width, wall, height), coat, (0, side * depth, 0))
        plan.box(place, (wall, depth, height), coat, (side * width, 0, 0))


def monitor(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a screen with keyboard and mouse."""
    rng = plan.rng
    room_m = space.room_m
    width = min(rng.uniform(0.4, 0.7), 1.6 * room_m)
    height, lift = width * 0.58, rng.uniform(0.06, 0.16)
    if lift + height > room_m:
        sheet(plan, place, space)
        return
    turned = place._replace(yaw=place.yaw + rng.gauss(0, 0.25))
    frame = plan.coat('plain', gray(rng, 0.03, 0.25), gloss=0.4)
    plan.box(turned, (width, 0.03, height), frame, (0, 0, lift))
    if rng.random() < 0.5:
        screen = plan.coat('plain', gray(rng, 0.02, 0.08), gloss=1.0)
    else:
        screen = plan.coat(
            rng.choice(('text', 'poster')), anything(rng), anything(rng), anything(rng),
            repeat_m=width, glow=rng.uniform(0.2, 0.8),
        )  # fmt: skip
    plan.box(turned, (width * 0.95, 0.004, height * 0.93), screen, (0, 0.017, lift + 0.015))
    plan.cylinder(turned, 0.02, lift + 0.1, frame, (0, -0.03, 0))
    plan.box(turned, (0.25, 0.18, 0.015), frame)
    if rng.random() < 0.7:
        keys = plan.coat('tiles', gray(rng, 0.05, 0.9), gray(rng), gray(rng), repeat_m=0.12)
        plan.box(turned, (0.42, 0.14, 0.02), keys, (rng.gauss(0, 0.05), 0.28, 0))
        plan.box(
            turned, (0.06, 0.1, 0.03), frame, (0.3, 0.28, 0), kind=Kind.ELLIPSOID
        )  # fmt: skip


def plant(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a pot with long leaves."""
    rng = plan.rng
    size_m, room_m = space
    size = min(room_m, size_m * rng.uniform(1.2, 2.5))
    plan.cylinder(place, size * 0.2, size * 0.35, thing_coat(plan))
    green = (rng.uniform(0.02, 0.15), rng.uniform(0.1, 0.35), rng.uniform(0.02, 0.08))
    coats = [plan.coat('leaves', shaded(green, rng.uniform(0.6, 1.4))) for _ in range(2)]
    foot = Placement(place.x, place.y, place.z + size * 0.33)
    for _ in range(rng.randrange(6, 16)):
        angle, reach = rng.uniform(0, 2 * math.pi), size * rng.uniform(0.1, 0.4)
        rise = size * rng.uniform(0.2, 0.62)
        way = (reach * math.cos(angle), reach * math.sin(angle), rise)
        length = math.hypot(*way)
        turn = along_axis((way[0] / length, way[1] / length, way[2] / length))
        tip = Placement(foot.x + way[0] / 2, foot.y + way[1] / 2, foot.z)
        half = (size * rng.uniform(0.05, 0.12), size * rng.uniform(0.01, 0.04), length * 1.1)
        plan.tilted(Kind.ELLIPSOID, tip, half, rng.choice(coats), turn)


def lamp(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Stand a table lamp."""
    rng = plan.rng
    room_m = space.room_m
    height = min(room_m, rng.uniform(0.3, 0.55))
    metal = metal_coat(plan)
    plan.cylinder(place, 0.08, 0.02, metal)
    plan.cylinder(place, 0.01, height * 0.8, metal)
    shade = plan.coat('plain', off_white(rng), glow=rng.choice((0.0, 0.8, 2.0)))
    plan.cylinder(place, rng.uniform(0.07, 0.14), height * 0.35, shade, (0, 0, height * 0.65))


def frame(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Lean a framed picture or a board backwards."""
    rng = plan.rng
    size_m, room_m = space
    height = min(room_m * 0.9, size_m * rng.uniform(0.8, 2))
    lean, turn = rng.uniform(0.05, 0.35), place.yaw + rng.gauss(0, 0.4)
    axis = (-math.sin(lean) * math.cos(turn), -math.sin(lean) * math.sin(turn), math.cos(lean))
    plan.tilted(
        Kind.BOX, place, (height * rng.uniform(0.6, 1.4), 0.015, height), print_coat(plan),
        along_axis(axis),
    )  # fmt: skip


def wooden(plan: Blueprint, place: Placement, space: Fit) -> None:
    """Build something from blocks: a toy, a machine, a stand."""
    rng = plan.rng
    size_m, room_m = space
    tone = wood(rng) if rng.random() < 0.4 else anything(rng)
    coats = [plan.coat('plain', shaded(tone, rng.uniform(0.6, 1.2)), gloss=0.3) for _ in range(2)]
    coats.append(thing_coat(plan))
    level = 0.0
    for _ in range(rng.randrange(2, 6)):
        height = size_m * rng.uniform(0.1, 0.45)
        if level + height > room_m:
            return
        size = (size_m * rng.uniform(0.15, 0.8), size_m * rng.uniform(0.15, 0.6), height)
        kind = rng.choice((Kind.BOX, Kind.BOX, Kind.CYLINDER))
        shift = (rng.gauss(0, 0.1) * size_m, rng.gauss(0, 0.1) * size_m, level)
        plan.box(place, size, rng.choice(coats), shift, kind=kind)
        if rng.random() < 0.6:
            level += height


def parcels(plan: Blueprint, place: Placement) -> None:
    """Stack parcels, larger ones below, or a single one leaning."""
    rng = plan.rng
    level, width = 0.0, rng.uniform(0.2, 0.6)
    for _ in range(rng.choice((1, 1, 2, 3))):
        size = (width, width * rng.uniform(0.5, 1.1), width * rng.uniform(0.4, 1.2))
        plan.box(place, size, cardboard_coat(plan), (0, 0, level), rng.gauss(0, 0.3))
        if rng.random() < 0.4:
            patch = (size[0] * rng.uniform(0.3, 0.8), 0.004, size[2] * rng.uniform(0.3, 0.8))
            plan.box(place, patch, print_coat(plan), (0, size[1] / 2, level + size[2] * 0.1))
        level += size[2]
        width *= rng.uniform(0.6, 1.0)
