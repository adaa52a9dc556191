"""
Readings of a tape measure, and the line through them.

It is the weighted least squares of 1 / depth_m = scale · relative + shift: a reading that may be
off by up to e says 1 / z to e / z² (standard deviation e / √3 z²), and what a network says of it
is off by a share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from depth_anything_ros.types import Float32Array, Float64Array

FloatOrArray = TypeVar('FloatOrArray', float, Float64Array)

# What is taken of the network around a point, in each direction.
PATCH_PX = 2
# Inverse depth around a point on a surface varies by no more than this share.
EDGE_SPREAD = 0.15
# What a network says of a point is off by about this share of its inverse depth.
_NETWORK_SHARE = 0.02
# A shift needs points of which the farthest is so many times as far as the nearest, and one more
# point than it has numbers to find.
_LEAST_REACH, _FEWEST_FOR_SHIFT = 1.5, 3


@dataclass(frozen=True)
class Reading:
    """
    What one point is and says.

    `relative` is the network's inverse depth there, without unit; `depth_m` was measured, along
    the optical axis. `column` and `row` are pixels of `picture`. `at_edge`: the network's depth
    changes steeply around it.
    """

    picture: str
    column: float
    row: float
    relative: float
    depth_m: float
    at_edge: bool = False

    @property
    def place(self) -> str:
        """Return which point it is, in words."""
        return f'{self.picture} at {self.column:g},{self.row:g}'


def around(values: Float32Array, column: int, row: int) -> Float32Array:
    """Return what is around a pixel of an image, two pixels in each direction where there are."""
    return values[
        max(0, row - PATCH_PX) : row + PATCH_PX + 1,
        max(0, column - PATCH_PX) : column + PATCH_PX + 1,
    ]


@dataclass(frozen=True)
class Line:
    """1 / depth_m = scale · relative + shift, with the variances (2, 2) of the two."""

    scale: float
    shift: float
    variances: Float64Array

    def inverse(self, relative: FloatOrArray) -> FloatOrArray:
        """Return the inverse depth of what the network says."""
        return self.scale * relative + self.shift

    def depth(self, relative: float) -> float:
        """Return the depth of what the network says, infinite where it would be none."""
        inverse = self.inverse(relative)
        return 1.0 / inverse if inverse > 0 else math.inf

    def variance(self, relative: float) -> float:
        """Return the variance of the inverse depth that the line gives."""
        at = np.array([relative, 1.0])
        return float(at @ self.variances @ at)


def standard_deviation(depth_m: FloatOrArray, reading_error_m: float) -> FloatOrArray:
    """
    Return how far off the inverse depth of a point is, one standard deviation in 1/m.

    :param depth_m: along the optical axis, in metres.
    :param reading_error_m: how far off a reading may be.
    """
    read = reading_error_m / math.sqrt(3.0) / depth_m
    found: FloatOrArray = (read**2 + _NETWORK_SHARE**2) ** 0.5 / depth_m
    return found


def line_through(readings: Sequence[Reading], reading_error_m: float, *, shift: bool) -> Line:
    """Return the weighted least squares of some points, through zero without a shift."""
    depth_m = np.array([one.depth_m for one in readings])
    sigma = standard_deviation(depth_m, reading_error_m)
    relative = np.array([one.relative for one in readings])
    rows = np.stack([relative, np.ones(len(readings)) if shift else np.zeros(len(readings))])
    found = np.linalg.pinv((rows / sigma).T)
    scale, offset = found @ (1.0 / depth_m / sigma)
    return Line(float(scale), float(offset), np.asarray(found @ found.T, np.float64))


def allow_shift(readings: Sequence[Reading]) -> bool:
    """Return whether points are enough, and far enough apart, to tell a shift from the scale."""
    depths = [one.depth_m for one in readings]
    return len(readings) >= _FEWEST_FOR_SHIFT and max(depths) >= _LEAST_REACH * min(depths)
