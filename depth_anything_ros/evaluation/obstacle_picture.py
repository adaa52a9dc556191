"""Pictures of what became of obstacles: from above, and marked in the image."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from depth_anything_ros.evaluation.obstacle_grid import CELL_M
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.obstacles import ObstacleMap, band_edges_m
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.types import UInt8Array

_CELL_PX = 5
_BACKGROUND, _LINE, _TEXT = (24, 29, 36), (70, 78, 90), (170, 178, 190)
# Told apart by colour-blind people too; missed over false over found.
FOUND, MISSED, FALSE = (150, 150, 150), (230, 97, 0), (86, 180, 233)
_ABOVE = 'obstacles from above, camera at the bottom: grey found, orange missed, blue false'
_MARKED = 'image: missed orange, false blue'
# Of the mark in a pixel.
_OPACITY = 0.7
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def obstacle_pictures(view: View, rgb: UInt8Array | None) -> Iterator[tuple[str, UInt8Array]]:
    """
    Yield pictures of what became of the obstacles of an image, by what they show.

    :param rgb: uint8 (h, w, 3) of the image, smaller than it too; None has no marks.
    :return: nothing where nothing is known of obstacles.
    """
    errors = view.obstacles
    if errors is None or errors.places is None:
        return
    if rgb is not None:
        yield _MARKED, _marked(view, errors.places, rgb)
    yield _ABOVE, obstacle_picture(errors.places, view.rule)


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


def _marked(view: View, places: ObstacleMap, rgb: UInt8Array) -> UInt8Array:
    """Return an image with the points of missed and of false cells in their colours."""
    scene = view.obstacle_scene
    assert scene is not None
    marked = rgb.copy()
    for points, cells, colour in (
        (scene.true, places.true & ~places.found, MISSED),
        (scene.predicted, places.false, FALSE),
    ):
        mask = np.zeros(view.scored.shape, np.uint8)
        mask.ravel()[points.pixels[cells.ravel()[points.cells]]] = 1
        size = (rgb.shape[1], rgb.shape[0])
        chosen = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) > 0
        mixed = (1 - _OPACITY) * marked[chosen] + _OPACITY * np.array(colour)
        marked[chosen] = mixed.astype(np.uint8)
    return marked
