"""Pictures of what became of obstacles: from above, and marked in the image."""

from __future__ import annotations

import cv2
import numpy as np

from depth_anything_ros.evaluation.obstacle_grid import CELL_M
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.obstacles import ObstacleMap, band_edges_m
from depth_anything_ros.types import UInt8Array

_CELL_PX = 5
_BACKGROUND, _LINE, _TEXT = (24, 29, 36), (70, 78, 90), (170, 178, 190)
# Told apart by colour-blind people too; missed over false over found.
FOUND, MISSED, FALSE = (150, 150, 150), (230, 97, 0), (86, 180, 233)
CAPTION = 'from above, camera at the bottom: grey found, orange missed, blue false'
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def obstacle_picture(places: ObstacleMap, rule: ObstacleRule) -> UInt8Array:
    """
    Draw the cells of an image from above, ahead upwards, with arcs at the ends of the bands.

    :return: uint8 (h, w, 3), red first.
    """
    rows, columns = places.true.shape
    cells: UInt8Array = np.full((rows, columns, 3), _BACKGROUND, np.uint8)
    cells[places.found] = FOUND
    cells[places.false] = FALSE
    cells[places.true & ~places.found] = MISSED
    # Row 0 is at the lens.
    drawn = np.ascontiguousarray(
        cv2.resize(cells[::-1], None, fx=_CELL_PX, fy=_CELL_PX, interpolation=cv2.INTER_NEAREST)
    )
    lens = (columns * _CELL_PX // 2, rows * _CELL_PX - 1)
    for edge_m in sorted({*band_edges_m(rule), rule.braking_distance_m}):
        radius = round(edge_m / CELL_M * _CELL_PX)
        cv2.circle(drawn, lens, radius, _LINE, 1, cv2.LINE_AA)
        place = (lens[0] + 3, max(10, lens[1] - radius + 12))
        cv2.putText(drawn, f'{edge_m:g} m', place, _FONT, 0.35, _TEXT, 1, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)
