"""Where a camera may stand in a room so that its view is worth having."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.simulation.building import Blueprint, Kind, Placement
from depth_anything_ros.lab.simulation.clutter import crowd, packed_bin
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.scenery import Room
from depth_anything_ros.types import Float64Array

_TRIES = 14
_AIMED_TRIES = 6
_PROBE_ROWS, _PROBE_COLUMNS = 8, 10
# Thinner things are left out of the probe.
_PROBED_M = 0.03


class View(NamedTuple):
    """A pose and the horizontal field of view in radians."""

    pose: Pose
    fov_rad: float


class Solids(NamedTuple):
    """The shapes of a scene as arrays: centre, half size, rotation to the world, kind."""

    center: Float64Array
    half_m: Float64Array
    turn: Float64Array
    kind: NDArray[np.int64]


def solids_of(plan: Blueprint) -> Solids:
    """Return the shapes as arrays: (N, 3), (N, 3), (N, 3, 3), (N,)."""
    return Solids(
        np.array([shape.center for shape in plan.shapes]),
        np.array([shape.half_m for shape in plan.shapes]),
        np.array([shape.turn for shape in plan.shapes]).reshape(-1, 3, 3),
        np.array([shape.kind for shape in plan.shapes], np.int64),
    )


def choose_view(plan: Blueprint, room: Room) -> tuple[View, Solids]:
    """
    Return a view of the room, after adding near things where the view is meant for them.

    Views from inside a thing, of next to nothing or with something before the lens are drawn
    again, from anywhere after six draws; after fourteen the best one is taken.
    """
    rng = plan.rng
    style = rng.choices(('stand', 'robot', 'table', 'near'), (36, 22, 22, 20))[0]
    fov = math.radians(rng.uniform(45, 80))
    target = _near_target(plan, room) if style == 'near' else None
    solids = solids_of(plan)
    large = _large(solids)
    best, best_score = None, -math.inf
    for attempt in range(_TRIES):
        aimed = attempt < _AIMED_TRIES
        if aimed and target is not None:
            pose = _look_at(rng, target, rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.45))
        elif aimed and style == 'table' and plan.targets:
            aim = rng.choice(plan.targets)
            pose = _look_at(rng, aim, rng.uniform(0.8, 2.6), rng.uniform(0.05, 0.9))
        else:
            pose = _standing(rng, room, robot=style == 'robot')
        score = _score(large, room, pose, fov)
        if score > best_score:
            best, best_score = pose, score
        if score >= 1:
            break
    assert best is not None
    return View(best, fov), solids


def _large(solids: Solids) -> Solids:
    """Return the shapes that a probe has to meet."""
    kept = np.sort(solids.half_m, axis=1)[:, 1] > _PROBED_M
    return Solids(solids.center[kept], solids.half_m[kept], solids.turn[kept], solids.kind[kept])


def _near_target(plan: Blueprint, room: Room) -> Placement:
    """Return a place on a table or on the floor and put things there."""
    rng = plan.rng
    if plan.tops and rng.random() < 0.6:
        top = rng.choice(plan.tops)
        place, headroom = top.place, top.headroom_m
    else:
        place = Placement(
            rng.uniform(0.25, 0.75) * room.length_m, rng.uniform(0.25, 0.75) * room.width_m
        )
        headroom = 0.8
    if rng.random() < 0.2:
        packed_bin(plan, place)
    else:
        crowd(plan, place, headroom)
    return place


def _look_at(rng: Random, target: Placement, distance_m: float, elevation_rad: float) -> Pose:
    """Return a pose that looks about at a target from a distance and from above."""
    yaw = rng.uniform(-math.pi, math.pi)
    level = distance_m * math.cos(elevation_rad)
    return Pose(
        target.x - level * math.cos(yaw),
        target.y - level * math.sin(yaw),
        min(max(target.z + distance_m * math.sin(elevation_rad), 0.08), 2.1),
        yaw + rng.gauss(0, 0.12),
        elevation_rad + rng.gauss(0, 0.1),
        rng.gauss(0, 0.1),
    )


def _standing(rng: Random, room: Room, robot: bool) -> Pose:
    """Return a pose somewhere in the room, the way it looks mostly along the longer way."""
    margin = 0.15 if robot else 0.25
    x = rng.uniform(margin, room.length_m - margin)
    y = rng.uniform(margin, room.width_m - margin)
    if robot:
        height, pitch, roll = rng.uniform(0.08, 0.45), rng.gauss(0.06, 0.1), rng.gauss(0, 0.02)
    else:
        height = rng.uniform(0.6, 1.65) if rng.random() < 0.85 else rng.uniform(1.6, 2.1)
        pitch, roll = rng.gauss(0.18, 0.18), rng.gauss(0, 0.05)
    if rng.random() < 0.6:
        # Towards the far side: a person and a robot look where there is room.
        aim_x = room.length_m - x + rng.gauss(0, 0.25) * room.length_m
        aim_y = room.width_m - y + rng.gauss(0, 0.25) * room.width_m
        yaw = math.atan2(aim_y - y, aim_x - x) + rng.gauss(0, 0.3)
    else:
        yaw = rng.uniform(-math.pi, math.pi)
    return Pose(x, y, height, yaw, pitch, roll)


def _score(solids: Solids, room: Room, pose: Pose, fov_rad: float) -> float:
    """Return at least 1 for a good view, less for a poor one."""
    position = pose.position
    if not (
        0.05 < position[0] < room.length_m - 0.05
        and 0.05 < position[1] < room.width_m - 0.05
        and 0.05 < position[2] < room.height_m - 0.1
    ):
        return -9.0
    depth_m = probe(solids, pose, fov_rad)
    if not np.isfinite(depth_m).all():
        return -5.0
    near, low, middle, high = np.quantile(depth_m, (0.03, 0.1, 0.5, 0.9))
    score = min(1.0, math.log(high / low) / 0.22, _unevenness(depth_m) / 0.06)
    score -= 2.0 * (near < 0.16) + 1.0 * (low < 0.22) + 1.0 * (middle < 0.3)
    close = float((depth_m < 0.4).mean())
    return float(score - max(0.0, close - 0.45))


def _unevenness(depth_m: Float64Array) -> float:
    """Return how far a view is from a single plane: the rest of inverse depth, relative."""
    inverse = 1 / depth_m.reshape(-1)
    rest = inverse - _PLANE @ inverse
    return float(np.sqrt(np.mean(rest**2)) / inverse.mean())


def _plane_projection() -> Float64Array:
    """Return the matrix that takes the probes' values to the best plane through them."""
    rows, columns = np.mgrid[:_PROBE_ROWS, :_PROBE_COLUMNS].reshape(2, -1)
    basis = np.stack([rows, columns, np.ones_like(rows)], 1).astype(float)
    return np.asarray(basis @ np.linalg.pinv(basis))


_PLANE = _plane_projection()


def probe(solids: Solids, pose: Pose, fov_rad: float) -> Float64Array:
    """
    Return the depth of a few rays, taking every shape for the box round it; (8, 10), metres.

    Where the camera is inside a box, all rays are NaN.
    """
    x = (np.arange(_PROBE_COLUMNS) + 0.5) / _PROBE_COLUMNS * 2 - 1
    y = (np.arange(_PROBE_ROWS) + 0.5) / _PROBE_ROWS * 2 - 1
    reach = math.tan(fov_rad / 2)
    grid = np.stack(
        np.broadcast_arrays(x[None, :] * reach, y[:, None] * reach * 0.75, np.ones((1, 1))), -1
    )
    rays = grid.reshape(-1, 3) @ pose.optical_axes
    thing = solids.kind != Kind.ROOM
    offset = np.einsum('nij,ni->nj', solids.turn, pose.position - solids.center)
    if (np.abs(offset[thing]) < solids.half_m[thing] + 0.03).all(axis=1).any():
        return np.full((_PROBE_ROWS, _PROBE_COLUMNS), np.nan)
    local = np.matmul(rays, solids.turn)
    local[np.abs(local) < 1e-9] = 1e-9
    inverse = 1 / local
    middle = -offset[:, None, :] * inverse
    half = np.abs(inverse) * solids.half_m[:, None, :]
    enter = (middle - half).max(axis=-1)
    leave = (middle + half).min(axis=-1)
    enter[~thing] = leave[~thing]
    depth = np.where((enter <= leave) & (enter > 0), enter, np.inf).min(axis=0)
    return np.asarray(depth.reshape(_PROBE_ROWS, _PROBE_COLUMNS))
