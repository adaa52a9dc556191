"""
Ground of affine depth, tilted against how it was told.

A tilt, or an error of the pitch, adds the same inverse depth to all of the ground: a lift. Of
relative inverse depth that is a shift, and the scale of the ground is what it is. The depth of
lifted ground is no line of the depth before, so that of affine depth the scale depends on the
lift; but only the right one makes the ground a line, and so the ground tells both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from depth_anything_ros.geometry.line import in_line
from depth_anything_ros.types import Float32Array, ReferencePoints

# Lifts that are looked for: as large as a tilt of so much makes them. What asks for more is told
# from what asks for as much as that.
_MAX_TILT_RAD = math.radians(4.0)
# Ground that a lift puts farther away than 20 m is not looked at.
_LEAST_INVERSE = 0.05
_ROUNDS = 14
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class TiltedGround:
    """
    Points of ground with affine depth, and its height under the camera as it was told.

    The depth of the points is that of ground that lies as told.
    """

    points: ReferencePoints
    height_m: float

    @property
    def most(self) -> float:
        """Return the largest lift, in either direction, that is looked for, in 1/m."""
        return math.tan(_MAX_TILT_RAD) / self.height_m

    def scale(self) -> float:
        """Return the scale of the ground alone, at the lift that makes most of it a line."""
        lift = _least(lambda lift: self._line(lift)[2], self.most)
        return self._line(lift)[0]

    def lift_to(self, scan: ReferencePoints) -> float:
        """
        Return the lift that lets the line of the ground lead through half of a scan, in 1/m.

        :return: within what is looked for, its end where none does.
        """
        depth, depth_m = in_line(scan.relative, scan.kind), scan.depth_m

        def off(lift: float) -> float:
            scale, shift, _ = self._line(lift)
            return float(np.median(1.0 - (scale * depth + shift) / depth_m))

        return _crossing(off, self.most)

    @cached_property
    def _inverse(self) -> Float32Array:
        return self.points.inverse_depth()

    @cached_property
    def _depth(self) -> Float32Array:
        return in_line(self.points.relative, self.points.kind)

    def _line(self, lift: float) -> tuple[float, float, float]:
        """Return scale, shift and half of the residuals, as a share of depth, at a lift."""
        inverse = self._inverse + np.float32(lift)
        ahead = inverse > _LEAST_INVERSE
        if np.count_nonzero(ahead) < 2:
            return math.nan, math.nan, math.inf
        depth_m, depth = np.reciprocal(inverse[ahead]), self._depth[ahead]
        scale = middle_slope(depth, depth_m)
        rest_m = depth_m - np.float32(scale) * depth
        shift_m = float(np.median(rest_m))
        return scale, shift_m, float(np.median(np.abs(rest_m - shift_m) / depth_m))


def middle_slope(values: Float32Array, expected: Float32Array) -> float:
    """
    Return what is expected of ground per value along it.

    The median of the slopes of pairs that lie half of the points apart, in the order of what is
    expected: quick, and up to 29 % of the points do not spoil it.

    :param values: of the network, (n,), n at least 2.
    :param expected: what is in line with them, (n,).
    :return: not finite where the values do not vary.
    Source: H. Theil, "A rank-invariant method of linear and polynomial regression analysis",
    1950, the incomplete method.
    """
    order = np.argsort(expected)
    half = len(order) // 2
    low, high = order[:half], order[-half:]
    with np.errstate(divide='ignore', invalid='ignore'):
        return float(np.median((expected[high] - expected[low]) / (values[high] - values[low])))


def _least(cost: Callable[[float], float], most: float) -> float:
    """Return where from −most to most a cost that falls and rises is least, by golden section."""
    low, high = -most, most
    inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    costs = cost(inner), cost(outer)
    for _ in range(_ROUNDS):
        if costs[0] <= costs[1]:
            high, outer = outer, inner
            inner = high - _GOLDEN * (high - low)
            costs = cost(inner), costs[0]
        else:
            low, inner = inner, outer
            outer = low + _GOLDEN * (high - low)
            costs = costs[1], cost(outer)
    return (low + high) / 2.0


def _crossing(value: Callable[[float], float], most: float) -> float:
    """Return where from −most to most a value crosses 0, the nearer end where it does not."""
    low, high = -most, most
    at_low, at_high = value(low), value(high)
    if not at_low * at_high < 0:
        return low if abs(at_low) < abs(at_high) else high
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        at_middle = value(middle)
        if at_low * at_middle <= 0:
            high = middle
        else:
            low, at_low = middle, at_middle
    return (low + high) / 2.0
