"""A way through a room that keeps clear of everything a small robot could hit."""

from __future__ import annotations

import heapq
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.simulation.robot import BasePose
from depth_anything_ros.lab.simulation.scenery import Room
from depth_anything_ros.lab.simulation.viewpoint import Solids
from depth_anything_ros.types import Float64Array

_CELL_M = 0.05
_CLEARANCE_M = 0.26
_STEP_S = 0.02
_AHEAD_M = 0.3
_TURN_RAD_S = 1.0
# Lower things are driven over.
_LOW_M = 0.03

Cell = tuple[int, int]


def find_route(solids: Solids, room: Room, robot_top_m: float) -> Float64Array:
    """
    Return about the longest way through the free space of a room, (n, 2) in metres.

    It is empty where there is no room for a robot.

    :param robot_top_m: how high the robot is; it drives under what is higher.
    """
    clear_m = _clearance(solids, room, robot_top_m)
    free = (clear_m >= _CLEARANCE_M).astype(np.uint8)
    count, label, sizes, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    if count < 2:
        return np.zeros((0, 2))
    largest = 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))
    free = label == largest
    row, column = np.argwhere(free)[0].tolist()
    start, _ = _farthest(free, clear_m, (row, column))
    end, before = _farthest(free, clear_m, start)
    cells = [end]
    while cells[-1] != start:
        cells.append(before[cells[-1]])
    return (np.array(cells[::-1], float)[:, ::-1] + 0.5) * _CELL_M


def _clearance(solids: Solids, room: Room, robot_top_m: float) -> NDArray[np.float32]:
    """Return the distance of each cell from walls and things up to the robot's top, metres."""
    columns, rows = (max(4, math.ceil(side / _CELL_M)) for side in room[:2])
    open_cells = np.zeros((rows + 2, columns + 2), np.uint8)
    open_cells[1:-1, 1:-1] = 1
    reach = np.einsum('nij,nj->ni', np.abs(solids.turn), solids.half_m)
    low, high = solids.center - reach, solids.center + reach
    for number in range(1, len(low)):
        if high[number, 2] < _LOW_M or low[number, 2] > robot_top_m:
            continue
        left, top = np.floor(low[number, :2] / _CELL_M).astype(int) + 1
        right, bottom = np.ceil(high[number, :2] / _CELL_M).astype(int) + 1
        open_cells[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 0
    distance = cv2.distanceTransform(open_cells, cv2.DIST_L2, 5)
    return np.asarray(distance[1:-1, 1:-1] * _CELL_M, np.float32)


def _farthest(
    free: NDArray[np.bool_], clear_m: NDArray[np.float32], start: Cell
) -> tuple[Cell, dict[Cell, Cell]]:
    """Return the cell with the longest shortest way from a start, and each cell's predecessor."""
    cost = {start: 0.0}
    before: dict[Cell, Cell] = {}
    heap = [(0.0, start)]
    last = start
    done: set[Cell] = set()
    while heap:
        spent, cell = heapq.heappop(heap)
        if cell in done:
            continue
        done.add(cell)
        last = cell
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                row, column = cell[0] + down, cell[1] + right
                inside = 0 <= row < free.shape[0] and 0 <= column < free.shape[1]
                if not inside or not free[row, column]:
                    continue
                # Narrow passages cost more, so that the way keeps to the middle.
                way = math.hypot(down, right) * (1 + 0.3 / float(clear_m[row, column]))
                if spent + way < cost.get((row, column), math.inf):
                    cost[row, column] = spent + way
                    before[row, column] = cell
                    heapq.heappush(heap, (spent + way, (row, column)))
    return last, before


def route_length_m(route: Float64Array) -> float:
    """Return the length of a way."""
    return float(np.linalg.norm(np.diff(route, axis=0), axis=1).sum()) if len(route) > 1 else 0.0


def turn(route: Float64Array, frames: int, rate_hz: float, turn_rad_s: float) -> list[BasePose]:
    """
    Return the poses of a robot that turns on the spot where a way begins.

    :param route: as in :func:`follow`.
    :param frames: how many poses.
    :param rate_hz: poses a second.
    :param turn_rad_s: to the left, below 0 to the right.
    """
    (first,) = follow(route, 1, rate_hz, 0.0)
    return [
        first._replace(yaw_rad=first.yaw_rad + turn_rad_s * number / rate_hz)
        for number in range(frames)
    ]


def follow(route: Float64Array, frames: int, rate_hz: float, speed_m_s: float) -> list[BasePose]:
    """
    Return the poses of a robot that follows a way, turns on the spot at its end and comes back.

    It steers to a point 0.3 m ahead and turns at 1 rad/s at most.

    :param route: (n, 2) in metres, at least two points.
    :param frames: how many poses.
    :param rate_hz: poses a second.
    """
    x, y = route[0]
    first = route[min(len(route) - 1, round(_AHEAD_M / _CELL_M))]
    yaw = math.atan2(first[1] - y, first[0] - x)
    poses, time_s, at = [], 0.0, 0
    for number in range(frames):
        while time_s < number / rate_hz - _STEP_S / 2:
            time_s += _STEP_S
            while at < len(route) - 1 and math.hypot(*(route[at] - (x, y))) < _AHEAD_M:
                at += 1
            goal = route[at]
            if at == len(route) - 1 and math.hypot(*(goal - (x, y))) < _AHEAD_M / 2:
                route, at = route[::-1], 0
                continue
            error = math.atan2(goal[1] - y, goal[0] - x) - yaw
            error = math.atan2(math.sin(error), math.cos(error))
            yaw += _STEP_S * min(max(2.5 * error, -_TURN_RAD_S), _TURN_RAD_S)
            speed = speed_m_s * max(0.0, math.cos(error)) * (abs(error) < 1.0)
            x += _STEP_S * speed * math.cos(yaw)
            y += _STEP_S * speed * math.sin(yaw)
        poses.append(BasePose(float(x), float(y), float(yaw)))
    return poses
