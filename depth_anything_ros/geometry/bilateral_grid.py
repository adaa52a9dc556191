"""
Smooth fields over an image and its depth, from values at scattered points.

A field has nodes on a coarse grid over rows, columns and inverse depth, and is linear in between.
Depth is a direction of its own, so that what is known of a thing does not reach over its edge
to what lies behind. Layers lie denser where depth is more: evenly in y / (y + 0.7) of inverse
depth y in 1/m, from 10 to 0.2 m.

Values are smoothed from coarse to fine: each level averages what the ones before left over, and
shrinks to 0 where points are few or far. So single points bend the field gently and far, many
points sharply.
Source: Chen, Paris, Durand, "Real-Time Edge-Aware Image Processing with the Bilateral Grid"
(2007); Lee, Wolberg, Shin, "Scattered Data Interpolation with Multilevel B-Splines" (1997).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array

# Of two levels that are coarser, each second node of the next finer one is a node.
SHAPE = LAYERS, ROWS, COLUMNS = 17, 25, 33
_COARSER_LEVELS = 2
# From the first of the eight nodes around a place to each of them, (8, 1).
_CORNERS = np.array(
    [(k * ROWS + r) * COLUMNS + c for k in (0, 1) for r in (0, 1) for c in (0, 1)]
)[:, None]
_LAST = np.array(SHAPE, np.float32)[:, None] - 1

# Inverse depth of the first and the last layer, and where layers change from even steps of
# inverse depth to even steps of depth, in 1/m.
_LEAST, _MOST, _MIDDLE = 0.1, 5.0, 0.7
_SPAN = _MIDDLE / (_LEAST + _MIDDLE) - _MIDDLE / (_MOST + _MIDDLE)
_FIRST = _MIDDLE / (_LEAST + _MIDDLE)

# A node on which so much weight lies follows its points half way.
_HALF_WEIGHT = 0.1
# Beyond the layers that hold all but this share of the weight at either end, the field fades.
_OUTSIDE_SHARE = 0.02
_FADING_LAYERS = 2.0
_TENT = np.array([0.25, 0.5, 0.25], np.float32)
# Rows of an image that are worked on at a time: what is in between stays in the cache, and OpenCV
# remaps no picture of 32768 rows, of which each row of the image takes COLUMNS.
_BAND_ROWS = 24

# As a string: number types of NumPy 1.21, which Humble has, take no brackets.
Floats: TypeAlias = 'NDArray[np.floating[Any]]'


def layer_of(inverse: Floats) -> Floats:
    """
    Return the layer that inverse depth lies in, a fraction where it lies between two.

    :param inverse: in 1/m, any shape; below 0 counts as 0.
    :return: of the same shape and type, 0 and LAYERS − 1 being the ends; not cut to them.
    """
    layers = np.maximum(inverse, 0)
    return _layers(layers, out=layers)


def _layers(inverse: Floats, out: Floats) -> Floats:
    """Return the layers of inverse depth above −_MIDDLE; what is below 0 lies before the first."""
    np.add(inverse, _MIDDLE, out=out)
    np.divide(-_MIDDLE * (LAYERS - 1) / _SPAN, out, out=out)
    out += _FIRST * (LAYERS - 1) / _SPAN
    return out


def layer_inverse_depths() -> Floats:
    """Return the inverse depth of each layer, float64 (LAYERS,) in 1/m."""
    return _MIDDLE / (_FIRST - np.arange(LAYERS) / (LAYERS - 1) * _SPAN) - _MIDDLE


@dataclass(frozen=True)
class GridPlaces:
    """
    Where points lie between the nodes of a grid.

    `nodes` are flat indices of the eight nodes around each point, intp (8, n); `shares` how much
    each counts there, float32 (8, n), 1 for all of a point.
    """

    nodes: NDArray[np.intp]
    shares: Float32Array

    @classmethod
    def of(
        cls, rows: Floats, columns: Floats, inverse: Floats, size: tuple[int, int]
    ) -> GridPlaces:
        """
        Return the places of points of an image, each (n,).

        :param rows: of the points, pixel centres being whole numbers; likewise `columns`.
        :param inverse: inverse depth of the points in 1/m.
        :param size: (H, W) of the image.
        """
        steps = np.empty((3, len(rows)), np.float32)
        steps[0] = layer_of(inverse)
        steps[1] = (rows + 0.5) * (ROWS / size[0]) - 0.5
        steps[2] = (columns + 0.5) * (COLUMNS / size[1]) - 0.5
        np.maximum(steps, 0, out=steps)
        np.minimum(steps, _LAST, out=steps)
        before = np.minimum(np.floor(steps), _LAST - 1)
        layer, row, column = before
        nodes = ((layer * ROWS + row) * COLUMNS + column).astype(np.intp)
        after = steps - before
        by_layer, by_row, by_column = np.stack([1 - after, after], axis=1)  # (2, n) each
        shares = by_layer[:, None, None] * by_row[:, None] * by_column  # (2, 2, 2, n)
        return cls(nodes + _CORNERS, shares.reshape(len(_CORNERS), -1))

    def sums(self, values: Floats) -> Float32Array:
        """Return the sums of values (n,) over the nodes, float32 SHAPE."""
        spread = (self.shares * values).reshape(-1)
        summed = np.bincount(self.nodes.reshape(-1), spread, LAYERS * ROWS * COLUMNS)
        return summed.reshape(SHAPE).astype(np.float32)

    def read(self, nodes: Float32Array) -> Float32Array:
        """Return a field, given at its nodes, at the points, float32 (n,)."""
        values: Float32Array = np.einsum('kn,kn->n', np.take(nodes, self.nodes), self.shares)
        return values


def smooth(weights: Float32Array, sums: Float32Array) -> Float32Array:
    """
    Return the smooth field through weighted values, float32 SHAPE.

    :param weights: of the points at each node, SHAPE, as `GridPlaces.sums` gives them.
    :param sums: of weight times value, SHAPE.
    :return: the field at its nodes; 0 far from all points, and in layers beyond theirs.
    """
    field: Float32Array = np.zeros(SHAPE, np.float32)
    of_levels = list(enumerate(islice(_levels(weights), 1 + _COARSER_LEVELS)))
    for halvings, gathered in reversed(of_levels):
        left = sums - weights * field
        level = next(islice(_levels(left), halvings, None))
        level /= gathered + np.float32(_HALF_WEIGHT)
        field += _spread(level, halvings)
    field *= _inside(weights)[:, None, None]
    return field


def at_layers(nodes: Float32Array, inverse: Floats) -> Float32Array:
    """
    Return fields at other layers.

    :param nodes: the field at its nodes, float32 (…, LAYERS, ROWS, COLUMNS).
    :param inverse: inverse depth of the other layers in 1/m, (n,).
    :return: float32 (…, n, ROWS, COLUMNS).
    """
    places = np.clip(layer_of(inverse), 0, LAYERS - 1)
    before = np.minimum(places.astype(np.intp), LAYERS - 2)
    share = (places - before).astype(np.float32)[:, None, None]
    values, beyond = np.take(nodes, before, axis=-3), np.take(nodes, before + 1, axis=-3)
    beyond -= values
    beyond *= share
    values += beyond
    return values


def over_image(nodes: Float32Array, inverse: Float32Array) -> Float32Array:
    """
    Return a field at every pixel of an image.

    :param nodes: the field at its nodes, float32 SHAPE.
    :param inverse: inverse depth of the image, float32 (H, W) in 1/m.
    :return: float32 (H, W); places between nodes are told apart in 32 steps.
    """
    height, width = inverse.shape
    # Rows are interpolated first; then the grid of each row of the image is a picture of COLUMNS
    # rows and LAYERS columns, in which OpenCV interpolates the rest.
    layers_last = np.ascontiguousarray(nodes.transpose(1, 2, 0)).reshape(ROWS, -1)
    by_row = cv2.resize(layers_last, (COLUMNS * LAYERS, height))
    values: Float32Array = np.empty_like(inverse)
    buffer = np.empty_like(inverse[:_BAND_ROWS])
    for top in range(0, height, _BAND_ROWS):
        band = inverse[top : top + _BAND_ROWS]
        cv2.remap(
            by_row[top : top + _BAND_ROWS].reshape(-1, LAYERS),
            _layers(band, out=buffer[: len(band)]),
            _picture_rows(len(band), width),
            cv2.INTER_LINEAR,
            dst=values[top : top + _BAND_ROWS],
            borderMode=cv2.BORDER_REPLICATE,
        )
    return values


def _inside(weights: Float32Array) -> Float32Array:
    """Return how much of the field counts in each layer by where points are, (LAYERS,) in 0..1."""
    reached = np.cumsum(weights.sum(axis=(1, 2)), dtype=np.float64)
    ends = np.array([_OUTSIDE_SHARE, 1.0 - _OUTSIDE_SHARE]) * reached[-1]
    first, last = np.searchsorted(reached, ends)
    layers = np.arange(LAYERS)
    outside = np.maximum(np.maximum(first - layers, layers - last), 0)
    inside: Float32Array = np.maximum(1.0 - outside / _FADING_LAYERS, 0).astype(np.float32)
    return inside


def _levels(grid: Float32Array) -> Iterator[Float32Array]:
    """Iterate over the sums around each node of a level, the finest level first, without end."""
    level = _blurred(grid)
    # Not the grid itself: single nodes would take up the noise of single points.
    yield level
    level = 8.0 * level[::2, ::2, ::2]
    while True:
        yield level
        level = 8.0 * _blurred(level)[::2, ::2, ::2]


def _spread(level: Float32Array, halvings: int) -> Float32Array:
    """Return a coarser level interpolated linearly at all nodes."""
    for _ in range(halvings):
        finer: Float32Array = np.zeros([2 * count - 1 for count in level.shape], np.float32)
        finer[::2, ::2, ::2] = 8.0 * level
        level = _blurred(finer)
    return level


def _blurred(grid: Float32Array) -> Float32Array:
    """Return half of each node and a quarter of its neighbours, in all three directions."""
    # By OpenCV, as products of matrices this small wake the threads of BLAS for nothing.
    border, blurred = cv2.BORDER_CONSTANT, np.empty_like(grid)
    # Layers and rows are blurred as an image with a channel for each column.
    across = cv2.sepFilter2D(grid, -1, _TENT, _TENT, borderType=border)
    lines, flat = (each.reshape(-1, grid.shape[2]) for each in (across, blurred))
    cv2.filter2D(lines, -1, _TENT[None], dst=flat, borderType=border)
    return blurred


@lru_cache(maxsize=8)
def _picture_rows(height: int, width: int) -> Float32Array:
    """Return the row of the picture of layers for each pixel of a band, (height, width)."""
    columns = ((np.arange(width) + 0.5) * (COLUMNS / width) - 0.5).clip(0, COLUMNS - 1)
    rows: Float32Array = (np.arange(height)[:, None] * COLUMNS + columns).astype(np.float32)
    return rows
