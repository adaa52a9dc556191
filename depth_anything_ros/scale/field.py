"""
A local scale field: what one scale and shift leave over, corrected smoothly over the image.

At each reference point the logarithm of measured over aligned inverse depth is what is left over;
the field runs smoothly through those, on a grid over image and depth, see
:mod:`depth_anything_ros.geometry.bilateral_grid`. Where references are far in either, and beyond
their range, it is 1: the global fit holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from depth_anything_ros.geometry.bilateral_grid import (
    SHAPE,
    GridPlaces,
    at_layers,
    layer_inverse_depths,
    over_image,
    smooth,
)
from depth_anything_ros.geometry.line import aligned, carried
from depth_anything_ros.types import Alignment, Float32Array, Float64Array

# No more is made of one point, as a logarithm, nor of a depth, aligned or measured, beyond this.
_LARGEST_ERROR = 1.5
_LEAST_INVERSE = 0.05
_MOST_INVERSE = 100.0
# Points count half where they are this many times as far off the field as most, or this far.
_USUAL_ERRORS = 1.5
_LARGE_ERROR = 0.3
# What a node remembers counts as this many points at most, so that many new ones replace it.
_REMEMBERED = 0.3
# Less than this is forgotten; numbers that shrink for ever become slow to reckon with.
_FORGOTTEN = 1e-4
# Logarithms as small as this change nothing, and a gate as wide as this almost nothing.
_NOTHING = 1e-3
_ALMOST_ALL = 1.0 - 1e-9


@dataclass(frozen=True)
class FieldFactors:
    """
    Factors of inverse depth at the nodes of a bilateral grid, float32 SHAPE.

    `mean_change` is the mean of how far they are from 1 at the reference points.
    """

    nodes: Float32Array
    mean_change: float

    def over(self, inverse: Float32Array) -> Float32Array:
        """
        Return the factor of each pixel.

        :param inverse: inverse depth of the image as aligned, float32 (H, W) in 1/m.
        :return: float32 (H, W), above 0.
        """
        return over_image(self.nodes, inverse)


@dataclass(frozen=True)
class _Leftover:
    """
    What scale and shift leave over at points: where on the grid, how much, and what it counts.

    `errors` are logarithms of measured over aligned inverse depth; `weights` are in 0..1. Both are
    float32 (n,), n at least 1.
    """

    places: GridPlaces
    errors: Float32Array
    weights: Float32Array

    @classmethod
    def of(cls, alignment: Alignment) -> _Leftover | None:
        """Return what an alignment leaves over at its own points, None without any."""
        points = alignment.reference
        if points is None:
            return None
        # A network may give what is no number, and the fit leaves such points out.
        known = np.isfinite(points.relative)
        if not known.any():
            return None
        rows, columns, relative, inverse = (
            each[known]
            for each in (points.rows, points.columns, points.relative, points.inverse_depth())
        )
        found = aligned(relative, alignment).clip(_LEAST_INVERSE, _MOST_INVERSE)
        measured = np.maximum(inverse, _LEAST_INVERSE)
        errors = np.log(measured / found).clip(-_LARGEST_ERROR, _LARGEST_ERROR)
        weights = np.ones_like(errors) if points.weights is None else points.weights[known]
        places = GridPlaces.of(rows, columns, found, points.size)
        return cls(places, errors, weights / weights.max())


@dataclass(frozen=True)
class _State:
    """
    A field and what it comes from, for inverse depth as `alignment` has it at `stamp_ns`.

    `logs` are the logarithms of its factors, `weights` those of the points and `sums` of weight
    times logarithm, all at the nodes of the grid.
    """

    alignment: Alignment
    stamp_ns: int
    logs: Float32Array
    weights: Float32Array
    sums: Float32Array

    @classmethod
    def blank(cls, alignment: Alignment, stamp_ns: int) -> _State:
        """Return a field of ones that comes from nothing."""
        zeros: Float32Array = np.zeros(SHAPE, np.float32)
        return cls(alignment, stamp_ns, zeros, zeros, zeros)

    @property
    def is_blank(self) -> bool:
        """Whether the field is hardly different from one."""
        return float(np.abs(self.logs).max()) < _NOTHING


class ScaleField:
    """
    Follow what scale and shift leave over, frame by frame.

    What is remembered of a node fades with the time constant, and counts as a third of a point
    at most: with few points the field is the mean of the last frames, with many that of this
    one. Points far off what the field and most others say count less (reweighted least squares
    with Cauchy's weights, one step a frame).

    Nowhere does the field make depth jump by more than the gate from one frame to the next, nor,
    beyond 3 m, where the gate leaves scale and shift free, by more than those do.

    :param time_constant_s: 0 remembers nothing.
    :param gate: largest relative change of depth from one frame to the next; 0 allows any.
    """

    def __init__(self, time_constant_s: float, gate: float) -> None:
        self._time_constant_s = time_constant_s
        self._gate = gate
        self._state: _State | None = None

    def update(self, alignment: Alignment, stamp_ns: int) -> FieldFactors | None:
        """
        Take in one frame.

        :param alignment: as it is used for the frame, with the points of the frame's own fit.
        :param stamp_ns: acquisition time of the frame, not before the last one.
        :return: what the inverse depth that the alignment gives is to be multiplied by, None
            where no points say anything.
        """
        before, points = self._state, _Leftover.of(alignment)
        state = _State.blank(alignment, stamp_ns)
        if points is None and (before is None or before.is_blank):
            self._state = state
            return None
        step = None
        if before is not None:
            state, step = self._brought_to(alignment, stamp_ns, before)
        fitted = _fitted(state, points)
        if points is not None and not state.weights.any():
            # Its first points are judged by what most of them say.
            fitted = _fitted(replace(state, logs=fitted.logs), points)
        if step is not None:
            fitted = replace(fitted, logs=self._limited(fitted.logs, state.logs, step))
        self._state = fitted
        nodes = np.exp(fitted.logs)
        total = float(fitted.weights.sum())
        change = float((fitted.weights * np.abs(nodes - 1.0)).sum()) / total if total > 0 else 0.0
        return FieldFactors(nodes, change)

    def _brought_to(
        self, alignment: Alignment, stamp_ns: int, before: _State
    ) -> tuple[_State, Float32Array]:
        """
        Return a field of before for another alignment, what it comes from faded.

        :return: the field, and the logarithm that :func:`_moved` gives.
        """
        elsewhere, step = _moved(before.alignment, alignment)
        together = np.stack([before.logs, before.weights, before.sums])
        logs, weights, sums = at_layers(together, elsewhere)
        kept = 0.0
        if self._time_constant_s > 0:
            kept = math.exp(-(stamp_ns - before.stamp_ns) * 1e-9 / self._time_constant_s)
        share = np.float32(kept * _REMEMBERED) / np.maximum(weights, np.float32(_REMEMBERED))
        share *= weights > _FORGOTTEN
        weights, sums = share * weights, share * (sums + weights * step)
        return _State(alignment, stamp_ns, logs + step, weights, sums), step

    def _limited(
        self, wanted: Float32Array, before: Float32Array, step: Float32Array
    ) -> Float32Array:
        """
        Return the logarithms that are wanted, as far as the gate allows.

        :param before: those that leave depth as it was.
        :param step: logarithm of inverse depth as it was over that without a field, by layer,
            (LAYERS, 1, 1).
        """
        if self._gate <= 0:
            return wanted
        farther = np.maximum(math.log1p(self._gate), step)
        nearer = np.maximum(-math.log1p(-min(self._gate, _ALMOST_ALL)), -step)
        limited: Float32Array = np.minimum(np.maximum(wanted, before - farther), before + nearer)
        return limited


def _moved(before: Alignment, now: Alignment) -> tuple[Float64Array, Float32Array]:
    """
    Return what an alignment before had for the layers of the grid as they are now.

    :return: inverse depth of before, (LAYERS,) in 1/m, and the logarithm of it over that of now,
        (LAYERS, 1, 1).
    """
    inverse = layer_inverse_depths()
    elsewhere: Float64Array = np.minimum(carried(inverse, now, before), _MOST_INVERSE)
    step = np.log(np.maximum(elsewhere, _LEAST_INVERSE) / inverse)
    return elsewhere, step.astype(np.float32)[:, None, None]


def _fitted(state: _State, points: _Leftover | None) -> _State:
    """Return the field through what it comes from and points, judged by the field so far."""
    weights, sums = state.weights, state.sums
    if points is not None:
        count = points.weights * _robust_weights(points.errors - points.places.read(state.logs))
        weights = weights + points.places.sums(count)
        sums = sums + points.places.sums(count * points.errors)
    return replace(state, logs=smooth(weights, sums), weights=weights, sums=sums)


def _robust_weights(errors: Float32Array) -> Float32Array:
    """Return Cauchy's weight of each error, 1 for none."""
    middle = len(errors) // 2
    median = float(np.partition(np.abs(errors), middle)[middle])
    usual = max(_USUAL_ERRORS * median, _LARGE_ERROR)
    weights: Float32Array = 1.0 / (1.0 + np.square(errors / np.float32(usual)))
    return weights
