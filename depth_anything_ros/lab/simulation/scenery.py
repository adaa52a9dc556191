"""Random furnished rooms: what stands where, and the light."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.simulation.building import (
    Blueprint,
    Color,
    Footprint,
    Kind,
    Lamp,
    Placement,
    footprint,
    shaded,
)
from depth_anything_ros.lab.simulation.clutter import put_thing
from depth_anything_ros.lab.simulation.furniture import (
    ALONG_WALLS,
    table,
)
from depth_anything_ros.lab.simulation.paint import (
    cloth_coat,
    floor_coat,
    furniture_coat,
    gray,
    metal_coat,
    off_white,
    print_coat,
    wall_coat,
)
from depth_anything_ros.lab.simulation.seats import Space, chair, office_chair, stool
from depth_anything_ros.lab.simulation.things import Fit, cable, monitor, parcels

VERSIONS = (1, 2)
# How far the walls reach beyond floor and ceiling in version 2. In version 1 they end in the same
# plane, and rounding decides which of the two is seen.
_OVERLAP_M = 0.001
_WEIGHTS = [row[1] for row in ALONG_WALLS]


class Room(NamedTuple):
    """The free space of a room: from the origin to these lengths, metres."""

    length_m: float
    width_m: float
    height_m: float

    def wall(self, number: int) -> tuple[Placement, float]:
        """Return the left end of a wall, its own +y pointing into the room, and its length."""
        if number == 0:
            return Placement(0.0, 0.0), self.length_m
        if number == 1:
            return Placement(self.length_m, 0.0, 0.0, math.pi / 2), self.width_m
        if number == 2:
            return Placement(self.length_m, self.width_m, 0.0, math.pi), self.length_m
        return Placement(0.0, self.width_m, 0.0, -math.pi / 2), self.width_m


def furnish(rng: Random, version: int = 1) -> tuple[Blueprint, Room]:
    """
    Return a room full of things; the first shapes are its walls, floor and ceiling.

    :param version: 1 is the world that the shipped models were trained on, whose floor or ceiling
        now and then shows the coat of the walls; 2 has the same rooms without that fault.
    :raises DatasetError: if the version is unknown.
    """
    if version not in VERSIONS:
        known = ', '.join(map(str, VERSIONS))
        raise DatasetError(f'version {version} of the world is unknown; known: {known}')
    plan = Blueprint(rng)
    room = _room(rng)
    _shell(plan, room, _OVERLAP_M if version > 1 else 0.0)
    fullness = rng.uniform(0.3, 1.0)
    windows = [_wall_things(plan, room, number) for number in range(4)]
    for number in range(4):
        _along_wall(plan, room, number, fullness)
    _in_the_middle(plan, room, fullness)
    _on_the_floor(plan, room)
    _overhead(plan, room)
    _light(plan, room, [window for found in windows for window in found])
    return plan, room


def _room(rng: Random) -> Room:
    height = rng.uniform(2.2, 3.2)
    pick = rng.random()
    if pick < 0.22:
        return Room(rng.uniform(5, 14), rng.uniform(1.3, 2.6), height)
    if pick < 0.4:
        return Room(rng.uniform(2.0, 3.5), rng.uniform(1.8, 3.2), height)
    if pick < 0.85:
        return Room(rng.uniform(3.2, 7), rng.uniform(2.8, 5.5), height)
    return Room(rng.uniform(6, 12), rng.uniform(5, 9), rng.uniform(2.4, 4.5))


def _shell(plan: Blueprint, room: Room, overlap_m: float) -> None:
    """Add the room seen from inside, with floor, ceiling and single walls laid over it."""
    rng = plan.rng
    length, width, height = room
    walls = wall_coat(plan)
    inside = (length, width, height + 2 * overlap_m)
    plan.box(Placement(length / 2, width / 2, -overlap_m), inside, walls, kind=Kind.ROOM)
    plan.box(Placement(length / 2, width / 2, -0.2), (length, width, 0.2), floor_coat(plan))
    ceiling = plan.coat(
        rng.choice(('plain', 'plain', 'plain', 'tiles', 'stain')), off_white(rng),
        repeat_m=rng.choice((1.2, 2.4)), dirt=rng.uniform(0, 0.4),
    )  # fmt: skip
    plan.box(Placement(length / 2, width / 2, height), (length, width, 0.2), ceiling)
    skirting = plan.coat('plain', rng.choice((off_white, gray))(rng))
    high, thick = rng.uniform(0.05, 0.14), rng.uniform(0.008, 0.02)
    for number in range(4):
        start, long = room.wall(number)
        if rng.random() < 0.25:
            plan.box(start, (long, 0.002, height), wall_coat(plan), (long / 2, 0, 0))
        if rng.random() < 0.75:
            plan.box(start, (long, 2 * thick, high), skirting, (long / 2, 0, 0))
        if rng.random() < 0.15:
            # A pillar or chimney breast makes the outline other than a rectangle.
            wide, deep = rng.uniform(0.3, 0.3 * long), rng.uniform(0.15, 0.7)
            at = rng.uniform(0.2, 0.8) * long
            place = start.at(at, deep / 2)
            plan.box(place, (wide, deep, height), wall_coat(plan))
            plan.footprints.append(footprint(place, wide, deep))


def _wall_things(plan: Blueprint, room: Room, number: int) -> list[Placement]:
    """Hang doors, windows, pictures and small fittings; return where windows are."""
    rng = plan.rng
    start, length = room.wall(number)
    windows = []
    at = rng.uniform(0.2, 1.2)
    while at < length - 0.6:
        pick = rng.random()
        if pick < 0.22 and at + 1.0 < length:
            _door(plan, start.at(at + 0.45, 0), room.height_m)
            at += 1.1
        elif pick < 0.45 and at + 1.0 < length:
            wide = min(rng.uniform(0.6, 2.4), length - at - 0.3)
            place = start.at(at + wide / 2, 0)
            _window(plan, place, wide, room.height_m)
            windows.append(place.at(0, 0.3, 1.5))
            at += wide + 0.2
        elif pick < 0.8:
            wide, high = rng.uniform(0.2, 1.0), rng.uniform(0.2, 0.9)
            level = rng.uniform(0.9, 1.7)
            thick = rng.choice((0.004, 0.03, 0.05))
            plan.box(start, (wide, 2 * thick, high), print_coat(plan), (at + wide / 2, 0, level))
            if thick > 0.02:
                frame = metal_coat(plan)
                edge = (wide + 0.05, 1.8 * thick, high + 0.05)
                plan.box(start, edge, frame, (at + wide / 2, 0, level - 0.025))
            at += wide + rng.uniform(0.1, 0.8)
        else:
            level = rng.choice((0.25, 1.1))
            socket = plan.coat('plain', off_white(rng))
            plan.box(start, (0.08, 0.02, 0.12), socket, (at, 0, level))
            at += rng.uniform(0.3, 1.0)
    return windows


def _door(plan: Blueprint, place: Placement, height_m: float) -> None:
    rng = plan.rng
    high = min(2.05, height_m - 0.1)
    leaf = furniture_coat(plan)
    trim = plan.coat('plain', rng.choice((off_white, gray))(rng))
    plan.box(place, (0.98, 0.05, high + 0.05), trim)
    if rng.random() < 0.15:
        dark = plan.coat('plain', gray(rng, 0.02, 0.2), open_air=True)
        plan.box(place, (0.86, 0.054, high), dark)
        return
    turn = 0.0 if rng.random() < 0.75 else rng.uniform(0.2, 1.4)
    hinge = place.at(-0.43, 0.03, 0.005, turn)
    plan.box(hinge, (0.86, 0.04, high), leaf, (0.43, 0, 0))
    if rng.random() < 0.5:
        panel = furniture_coat(plan)
        for level in (0.15, 1.1):
            plan.box(hinge, (0.6, 0.05, 0.8), panel, (0.43, 0, level))
    plan.box(hinge, (0.12, 0.14, 0.025), metal_coat(plan), (0.78, 0, 1.02))


def _window(plan: Blueprint, place: Placement, wide_m: float, height_m: float) -> None:
    rng = plan.rng
    sill, high = rng.uniform(0.3, 1.2), rng.uniform(0.8, 1.5)
    high = min(high, height_m - sill - 0.15)
    trim = plan.coat('plain', rng.choice((off_white, gray))(rng))
    plan.box(place, (wide_m + 0.12, 0.06, high + 0.12), trim, (0, 0, sill - 0.06))
    sky = rng.uniform(0.4, 2.5)
    pane = plan.coat(
        rng.choice(('plain', 'poster', 'stain', 'leaves')), (0.8, 0.88, 0.95), (0.6, 0.75, 0.9),
        (0.25, 0.35, 0.2), repeat_m=rng.uniform(0.8, 2), glow=sky, gloss=0.2, open_air=True,
    )  # fmt: skip
    panes = rng.randrange(1, 4)
    for number in range(panes):
        x = ((number + 0.5) / panes - 0.5) * wide_m
        plan.box(place, (wide_m / panes - 0.06, 0.064, high), pane, (x, 0, sill))
    plan.box(place, (wide_m + 0.2, 0.3, 0.03), trim, (0, 0, sill - 0.09))
    if rng.random() < 0.4:
        cloth = cloth_coat(plan)
        for side in (-0.5, 0.5):
            folds = rng.randrange(2, 6)
            for fold in range(folds):
                x = side * (wide_m + 0.3) - side * fold * 0.09
                size = (0.11, rng.uniform(0.06, 0.14), height_m - 0.2)
                plan.box(place, size, cloth, (x, 0.1, 0.05), kind=Kind.CYLINDER)
    elif rng.random() < 0.3:
        slats = plan.coat('plain', off_white(rng))
        for number in range(int(high / 0.12)):
            plan.box(place, (wide_m, 0.04, 0.05), slats, (0, 0.06, sill + high - 0.12 * number))


def overlaps(found: Footprint, others: list[Footprint], gap_m: float) -> bool:
    """Return whether a thing comes closer than a gap to another, seen from above."""
    return any(
        found.x_min < other.x_max + gap_m
        and other.x_min < found.x_max + gap_m
        and found.y_min < other.y_max + gap_m
        and other.y_min < found.y_max + gap_m
        for other in others
    )


def _along_wall(plan: Blueprint, room: Room, number: int, fullness: float) -> None:
    rng = plan.rng
    start, length = room.wall(number)
    across = room.width_m if number % 2 == 0 else room.length_m
    deepest = 0.45 * across if across > 3 else 0.3 * across
    at = rng.uniform(0.02, 0.6)
    while at < length - 0.5:
        if rng.random() > fullness:
            at += rng.uniform(0.4, 1.5)
            continue
        make, _, widths, depths = rng.choices(ALONG_WALLS, _WEIGHTS)[0]
        width, depth = rng.uniform(*widths), rng.uniform(*depths)
        turn = 0.0 if rng.random() < 0.85 else rng.gauss(0, 0.15)
        back = rng.uniform(0.02, 0.05) + abs(math.sin(turn)) * width / 2
        place = start.at(at + width / 2, back, 0, turn)
        area = footprint(place.at(0, depth / 2), width, depth)
        if depth > deepest or at + width > length or overlaps(area, plan.footprints, -0.02):
            at += 0.25
            continue
        make(plan, place, Space(width, depth))
        plan.footprints.append(area)
        at += width + max(0.0, rng.gauss(0.05, 0.3))


def _in_the_middle(plan: Blueprint, room: Room, fullness: float) -> None:
    """Put tables with chairs, single seats and anything else away from the walls."""
    rng = plan.rng
    area = room.length_m * room.width_m
    for _ in range(min(7, int(area * fullness * rng.uniform(0.05, 0.25)))):
        x, y = rng.uniform(0.5, room.length_m - 0.5), rng.uniform(0.5, room.width_m - 0.5)
        turn = rng.choice((0.0, math.pi / 2)) + rng.gauss(0, 0.1)
        if rng.random() < 0.3:
            turn = rng.uniform(0, math.pi)
        place = Placement(x, y, 0, turn)
        pick = rng.random()
        if pick < 0.45:
            width, depth = rng.uniform(0.7, 2.0), rng.uniform(0.6, 1.1)
            found = footprint(place, width, depth)
            if overlaps(found, plan.footprints, 0.3) or not _inside(found, room):
                continue
            table(plan, place.at(0, -depth / 2), Space(width, depth))
            plan.footprints.append(found)
            if rng.random() < 0.4:
                monitor(plan, place.at(0, 0, 0.76, rng.choice((0, math.pi))), Fit(0.5, 0.8))
            _seats(plan, place, width, depth)
        elif pick < 0.7:
            found = footprint(place, 0.5, 0.5)
            if not overlaps(found, plan.footprints, 0.05) and _inside(found, room):
                rng.choice((chair, office_chair, stool))(plan, place)
                plan.footprints.append(found)
                plan.targets.append(place.at(0, 0, 0.4))
        else:
            make, _, widths, depths = rng.choice(ALONG_WALLS)
            width, depth = rng.uniform(*widths), rng.uniform(*depths)
            found = footprint(place, width, depth)
            if not overlaps(found, plan.footprints, 0.3) and _inside(found, room):
                make(plan, place.at(0, -depth / 2), Space(width, depth))
                plan.footprints.append(found)


def _inside(found: Footprint, room: Room) -> bool:
    return (
        found.x_min > 0.05
        and found.y_min > 0.05
        and found.x_max < room.length_m - 0.05
        and found.y_max < room.width_m - 0.05
    )


def _seats(plan: Blueprint, place: Placement, width_m: float, depth_m: float) -> None:
    rng = plan.rng
    make = rng.choice((chair, chair, office_chair, stool))
    for side in (-1, 1):
        for number in range(int(width_m / 0.6)):
            if rng.random() < 0.35:
                continue
            x = (number + 0.5) * 0.6 - width_m / 2
            turn = (math.pi if side > 0 else 0.0) + rng.gauss(0, 0.25)
            out = depth_m / 2 + rng.uniform(0.0, 0.35)
            make(plan, place.at(x, side * out, 0, turn))


def _on_the_floor(plan: Blueprint, room: Room) -> None:
    rng = plan.rng
    if rng.random() < 0.3:
        rug = cloth_coat(plan)
        rug_size = (rng.uniform(0.8, 3), rng.uniform(0.6, 2), rng.uniform(0.004, 0.02))
        middle = Placement(
            rng.uniform(0.3, 0.7) * room.length_m, rng.uniform(0.3, 0.7) * room.width_m, 0,
            rng.choice((0, 0, rng.uniform(0, 3))),
        )  # fmt: skip
        plan.box(middle, rug_size, rug)
    for _ in range(rng.randrange(0, 9)):
        place = Placement(
            rng.uniform(0.1, room.length_m - 0.1), rng.uniform(0.1, room.width_m - 0.1), 0,
            rng.uniform(0, 6.3),
        )  # fmt: skip
        size = rng.uniform(0.08, 0.5)
        found = footprint(place, size, size)
        if overlaps(found, plan.footprints, 0.02):
            continue
        if rng.random() < 0.3:
            parcels(plan, place)
            plan.footprints.append(footprint(place, 0.5, 0.5))
        else:
            put_thing(plan, place, size, 1.0)
            plan.footprints.append(found)
        plan.targets.append(place)
    if rng.random() < 0.35:
        place = Placement(rng.uniform(0, room.length_m), rng.uniform(0, room.width_m), 0.0)
        cable(plan, place, Fit(0.8, 1.0))


def _overhead(plan: Blueprint, room: Room) -> None:
    """Hang lamps, beams and pipes."""
    rng = plan.rng
    height = room.height_m
    if rng.random() < 0.25:
        coat = rng.choice((metal_coat, furniture_coat))(plan)
        drop, wide = rng.uniform(0.06, 0.3), rng.uniform(0.05, 0.3)
        y = rng.uniform(0.1, 0.9) * room.width_m
        for number in range(rng.randrange(1, 4)):
            at = (room.length_m / 2, y + number * (wide + 0.3), height - drop)
            plan.box(Placement(0, 0), (room.length_m, wide, drop), coat, at)


def _light(plan: Blueprint, room: Room, windows: list[Placement]) -> None:
    """Put ceiling lamps and window light, so that the room is about evenly bright."""
    rng = plan.rng
    warmth = rng.uniform(-0.12, 0.25)
    warm: Color = (1 + warmth, 1.0, 1 - warmth)
    length, width, height = room
    lamps = rng.choice((1, 1, 2)) if length > 3 else 1
    strength = rng.uniform(0.25, 1.0) * (0.35 + 0.1 * length * width / lamps)
    lit = rng.random() < 0.85 or not windows
    glow = rng.uniform(1.5, 4) if lit else 0.0
    shade = plan.coat('plain', shaded(warm, 0.85), glow=glow)
    flush = rng.random() < 0.7
    for number in range(lamps):
        x = length * (number + 0.5 + rng.gauss(0, 0.08)) / lamps
        y = width * (0.5 + rng.gauss(0, 0.08))
        drop = 0.03 if flush else rng.uniform(0.2, 0.9)
        if flush:
            size = rng.choice(((0.6, 0.6, 0.03), (1.2, 0.3, 0.05), (0.35, 0.35, 0.1)))
            plan.box(Placement(x, y, height - size[2]), size, shade)
        else:
            kind = rng.choice((Kind.ELLIPSOID, Kind.CYLINDER))
            plan.box(Placement(x, y, height - drop - 0.2), (0.3, 0.3, 0.25), shade, kind=kind)
            plan.cylinder(Placement(x, y, height - drop), 0.006, drop, metal_coat(plan))
        if lit:
            # Below the shade, or the lamp would stand in its own shadow.
            plan.lamps.append(Lamp((x, y, height - drop - 0.35), _scaled(warm, strength)))
    for window in windows[: 3 - len(plan.lamps)]:
        cool = rng.uniform(0, 0.15)
        tone: Color = (1 - cool, 1.0, 1 + cool)
        plan.lamps.append(Lamp(window[:3], _scaled(tone, rng.uniform(0.3, 2.0))))
    fill = rng.uniform(0.05, 0.3)
    below = fill * rng.uniform(0.5, 1.0)
    plan.ambient = (_scaled(warm, fill), _scaled(warm, below))


def _scaled(color: Color, factor: float) -> Color:
    return (color[0] * factor, color[1] * factor, color[2] * factor)
