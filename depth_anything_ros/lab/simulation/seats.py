"""Seats and beds; those along walls stand with their back at y = 0, facing +y."""

from __future__ import annotations

import math
from typing import NamedTuple

from depth_anything_ros.lab.simulation.building import Blueprint, Kind, Placement
from depth_anything_ros.lab.simulation.paint import (
    cloth_coat,
    furniture_coat,
    gray,
    metal_coat,
    off_white,
)


class Space(NamedTuple):
    """The width along the wall and the depth a piece may take, metres."""

    width_m: float
    depth_m: float


def office_chair(plan: Blueprint, place: Placement) -> None:
    """Build a swivel chair round its place."""
    rng = plan.rng
    cloth = cloth_coat(plan) if rng.random() < 0.6 else plan.coat('grain', gray(rng, 0.05, 0.25))
    frame = plan.coat('plain', gray(rng, 0.05, 0.4), gloss=0.5)
    seat = rng.uniform(0.42, 0.52)
    for spoke in range(5):
        angle = spoke * 2 * math.pi / 5
        end = place.at(0.3 * math.cos(angle), 0.3 * math.sin(angle), 0.06)
        plan.rod(place.at(0, 0, 0.11), end, 0.02, frame)
        plan.box(end._replace(z=place.z), (0.05, 0.05, 0.05), frame, kind=Kind.ELLIPSOID)
    plan.cylinder(place, 0.025, seat - 0.1, frame, (0, 0, 0.1))
    plan.box(place, (0.48, 0.46, 0.07), cloth, (0, 0, seat - 0.04))
    kind = rng.choice((Kind.BOX, Kind.ELLIPSOID))
    height = rng.uniform(0.35, 0.65)
    plan.box(place, (0.45, 0.07, height), cloth, (0, -0.22, seat + 0.12), kind=kind)
    plan.box(place, (0.06, 0.03, 0.3), frame, (0, -0.24, seat - 0.04))
    if rng.random() < 0.5:
        for side in (-0.27, 0.27):
            plan.box(place, (0.05, 0.26, 0.03), frame, (side, 0, seat + 0.2))
            plan.box(place, (0.03, 0.05, 0.25), frame, (side, 0, seat - 0.04))


def chair(plan: Blueprint, place: Placement) -> None:
    """Build a chair with four legs round its place."""
    rng = plan.rng
    coat = furniture_coat(plan)
    seat_coat = coat if rng.random() < 0.5 else cloth_coat(plan)
    seat, width = rng.uniform(0.42, 0.48), rng.uniform(0.38, 0.48)
    leg = rng.uniform(0.02, 0.045)
    back = rng.uniform(0.75, 1.05)
    x = width / 2 - leg / 2
    for side in (-x, x):
        plan.box(place, (leg, leg, seat), coat, (side, x, 0))
        plan.box(place, (leg, leg, back), coat, (side, -x, 0))
    plan.box(place, (width, width, 0.04), seat_coat, (0, 0, seat - 0.02))
    if rng.random() < 0.5:
        plan.box(place, (width, 0.025, back - seat - 0.12), seat_coat, (0, -x, seat + 0.12))
        return
    bars = rng.randrange(2, 5)
    for bar in range(bars):
        level = seat + (bar + 1) * (back - seat) / bars - 0.06
        plan.box(place, (width, 0.02, 0.05), coat, (0, -x, level))


def stool(plan: Blueprint, place: Placement) -> None:
    """Build a stool or pouf round its place."""
    rng = plan.rng
    radius, height = rng.uniform(0.15, 0.25), rng.uniform(0.3, 0.65)
    coat = rng.choice((furniture_coat, cloth_coat))(plan)
    plan.cylinder(place, radius, 0.05, coat, (0, 0, height - 0.05))
    if rng.random() < 0.5:
        plan.cylinder(place, radius * 0.9, height - 0.05, coat)
    else:
        frame = metal_coat(plan)
        for leg in range(4):
            angle = leg * math.pi / 2 + 0.4
            foot = place.at(radius * math.cos(angle), radius * math.sin(angle))
            plan.rod(foot, place.at(0, 0, height - 0.03), 0.012, frame)


def sofa(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a sofa or armchair with cushions."""
    rng = plan.rng
    width_m, depth_m = space
    cloth, depth = cloth_coat(plan), max(0.75, depth_m)
    seat, arm = rng.uniform(0.36, 0.46), rng.uniform(0.1, 0.25)
    plan.box(place, (width_m, depth, seat - 0.08), cloth, (0, depth / 2, 0.06))
    plan.box(place, (width_m, 0.22, rng.uniform(0.7, 0.95)), cloth, (0, 0.11, 0.06))
    for side in (-1, 1):
        plan.box(
            place, (arm, depth, seat + 0.15), cloth, (side * (width_m - arm) / 2, depth / 2, 0.05)
        )
    seats = max(1, round((width_m - 2 * arm) / 0.65))
    wide = (width_m - 2 * arm) / seats
    for number in range(seats):
        x = (number + 0.5) * wide - width_m / 2 + arm
        plan.box(
            place, (wide - 0.02, depth - 0.25, 0.12), cloth, (x, depth / 2 + 0.1, seat - 0.08)
        )
        if rng.random() < 0.5:
            plan.box(
                place, (0.42, 0.18, 0.4), cloth_coat(plan), (x, 0.34, seat + 0.02),
                rng.gauss(0, 0.3), rng.choice((Kind.BOX, Kind.ELLIPSOID)),
            )  # fmt: skip
    plan.targets.append(place.at(0, depth / 2, seat))


def bed(plan: Blueprint, place: Placement, space: Space) -> None:
    """Build a bed, its head at the wall."""
    rng = plan.rng
    width_m = space.width_m
    width, length = min(max(width_m, 0.9), 1.8), 2.0
    frame, cover = furniture_coat(plan), cloth_coat(plan)
    plan.box(place, (width, length, 0.25), frame, (0, length / 2, 0.05))
    plan.box(place, (width, 0.05, rng.uniform(0.6, 1.1)), frame, (0, 0.03, 0))
    plan.box(place, (width * 0.98, length * 0.97, 0.2), cover, (0, length / 2, 0.3))
    plan.box(place, (width * 1.03, length * 0.6, 0.08), cloth_coat(plan), (0, length * 0.68, 0.45))
    for side in (-0.25, 0.25):
        white = plan.coat('plain', off_white(rng))
        plan.box(
            place, (width * 0.4, 0.4, 0.16), white, (side * width, 0.3, 0.48),
            rng.gauss(0, 0.1), Kind.ELLIPSOID,
        )  # fmt: skip
    plan.targets.append(place.at(0, length / 2, 0.5))
