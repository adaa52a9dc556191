"""A level 2-D laser scan of a scene, exact."""

from __future__ import annotations

import math

import numpy as np

from depth_anything_ros.lab.simulation.building import Kind
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.viewpoint import Solids
from depth_anything_ros.types import Float64Array, LaserScan


def scan(
    solids: Solids,
    pose: Pose,
    beams: int = 720,
    range_min_m: float = 0.05,
    range_max_m: float = 12.0,
) -> LaserScan:
    """
    Return a full turn of a laser, from behind over the right side.

    :param pose: of the laser; its beams lie in the level plane through it.
    :param beams: how many directions.
    """
    step = 2 * math.pi / beams
    angles = pose.yaw_rad - math.pi + step * np.arange(beams)
    ways = np.stack([np.cos(angles), np.sin(angles), np.zeros(beams)], axis=1)
    ranges = first_hits(solids, pose.position, ways)
    ranges = np.where(ranges > range_max_m, np.inf, ranges)
    ranges = np.where(ranges < range_min_m, -np.inf, ranges)
    return LaserScan(ranges.astype(np.float32), -math.pi, step, range_min_m, range_max_m)


def first_hits(solids: Solids, origin: Float64Array, ways: Float64Array) -> Float64Array:
    """
    Return how far along rays the first shape is met, in lengths of their ways, inf for none.

    A ray that starts inside a thing meets it at 0.

    :param origin: where all rays start, (3,).
    :param ways: their directions, (n, 3).
    """
    nearest = np.full(len(ways), np.inf)
    offset = np.einsum('nij,ni->nj', solids.turn, origin - solids.center)
    for number, kind in enumerate(solids.kind.tolist()):
        way = ways @ solids.turn[number] / solids.half_m[number]
        start = offset[number] / solids.half_m[number]
        enter, leave = _span(Kind(kind), start, way)
        if kind == Kind.ROOM:
            enter = leave
        met = (enter <= leave) & (leave >= 0)
        np.minimum(nearest, np.where(met, np.maximum(enter, 0), np.inf), out=nearest)
    return nearest


def _span(kind: Kind, start: Float64Array, way: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return where rays enter and leave a unit shape; enter is larger where they miss."""
    flat_axes = {Kind.BOX: 3, Kind.ROOM: 3, Kind.CYLINDER: 1, Kind.ELLIPSOID: 0}[kind]
    enter, leave = np.full(len(way), -np.inf), np.full(len(way), np.inf)
    for axis in range(3 - flat_axes, 3):
        with np.errstate(divide='ignore', invalid='ignore'):
            low, high = (-1 - start[axis]) / way[:, axis], (1 - start[axis]) / way[:, axis]
        level = np.abs(way[:, axis]) < 1e-12
        outside = abs(start[axis]) > 1
        low = np.where(level, np.inf if outside else -np.inf, low)
        high = np.where(level, np.inf, high)
        enter = np.maximum(enter, np.minimum(low, high))
        leave = np.minimum(leave, np.maximum(low, high))
    round_axes = 3 - flat_axes
    if round_axes:
        a = np.maximum((way[:, :round_axes] ** 2).sum(1), 1e-24)
        b = way[:, :round_axes] @ start[:round_axes]
        rest = b * b - a * (start[:round_axes] @ start[:round_axes] - 1)
        root = np.sqrt(np.maximum(rest, 0))
        enter = np.maximum(enter, np.where(rest < 0, np.inf, (-b - root) / a))
        leave = np.minimum(leave, (-b + root) / a)
    return enter, leave
