"""A Kalman filter of scale and shift."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from depth_anything_ros.scale.field import ScaleField
from depth_anything_ros.types import Alignment, Float64Array

# Keeps matrices of fits without noise invertible.
_JITTER = 1e-6
# In so long a time, scale and shift are off by as much more as a fit is.
_WANDERS_S = 0.5


class AlignmentFilter:
    """
    Follow scale and shift, which wander, from fits that say how sure they are.

    The state is (scale, shift); the model is a random walk whose steps are as large, against the
    usual covariance of the fits, as makes the weight of a usual fit 1 - exp(-dt / time constant)
    in the long run, whatever the frame rate. The first fits after the start weigh more: 1, 1/2,
    1/3 and so on down to that; a fit that is less sure than usual weighs less, in the direction
    in which it is less sure. Scale and shift are averaged as they are, not their logarithms: the
    average of s · r + t over several fits is (mean s) · r + (mean t), so this smooths the inverse
    depth of every pixel value r, or the depth of affine depth.

    Fits without covariance count as usual ones; a given alignment, of no points, is taken as it
    is.

    :param first: the fit to start from.
    :param stamp_ns: acquisition time of its frame.
    :param time_constant_s: 0 takes every fit as it is; a fit may ask for a shorter one.
    :param field: corrects locally what the smoothed scale and shift leave over, or None.
    Source: R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", 1960.
    """

    def __init__(
        self,
        first: Alignment,
        stamp_ns: int,
        time_constant_s: float,
        field: ScaleField | None = None,
    ) -> None:
        self._time_constant_s = time_constant_s
        self._field = field
        self.alignment = self._corrected(first, stamp_ns)
        self.updated_ns = stamp_ns
        self._usual = _covariance(first, np.eye(2))
        self._covariance = self._usual

    def update(self, fit: Alignment, stamp_ns: int) -> Alignment:
        """
        Take in a fit and return the smoothed one, with all but scale and shift as in the fit.

        :param stamp_ns: acquisition time of its frame, not before the last one.
        """
        step_s = (stamp_ns - self.updated_ns) * 1e-9
        self.updated_ns = stamp_ns
        constant_s = self._time_constant_s
        if fit.smoothing_s is not None:
            constant_s = min(constant_s, fit.smoothing_s)
        if constant_s <= 0 or fit.points == 0:
            self.alignment = self._corrected(fit, stamp_ns)
        elif step_s > 0:
            smoothed = self._smoothed(fit, -math.expm1(-step_s / constant_s))
            self.alignment = self._corrected(smoothed, stamp_ns)
        return self.alignment

    def at(self, stamp_ns: int) -> Alignment:
        """
        Return the smoothed alignment for a frame at that time, not before the last fit.

        While it is held, its covariance grows: scale and shift wander on.
        """
        held_s = (stamp_ns - self.updated_ns) * 1e-9
        if held_s <= 0 or self.alignment.points == 0:
            return self.alignment
        grown = 1.0 + held_s / _WANDERS_S
        of_scale, of_both, of_shift = self.alignment.covariance
        covariance = (grown * of_scale, grown * of_both, grown * of_shift)
        return replace(self.alignment, covariance=covariance)

    def _corrected(self, alignment: Alignment, stamp_ns: int) -> Alignment:
        if self._field is None:
            return alignment
        return replace(alignment, factors=self._field.update(alignment, stamp_ns))

    def _smoothed(self, fit: Alignment, weight: float) -> Alignment:
        """Return a fit averaged with those before it, of the weight of a usual one."""
        noise = _covariance(fit, self._usual)
        self._usual = self._usual + weight * (noise - self._usual)
        walk = weight * weight / max(1.0 - weight, 1e-9) * self._usual
        expected = self._covariance + walk
        gain = expected @ _inverse(expected + noise)
        before = np.array([self.alignment.scale, self.alignment.shift])
        after = before + gain @ (np.array([fit.scale, fit.shift]) - before)
        self._covariance = expected - gain @ expected
        if after[0] > 0:
            fit = replace(fit, scale=float(after[0]), shift=float(after[1]))
        return fit


def _inverse(matrix: Float64Array) -> Float64Array:
    """Return the inverse of (2, 2); LAPACK wakes its threads for it, for half a millisecond."""
    (a, b), (c, d) = matrix.tolist()
    inverse: Float64Array = np.array([[d, -b], [-c, a]]) / (a * d - b * c)
    return inverse


def _covariance(fit: Alignment, usual: Float64Array) -> Float64Array:
    of_scale, of_both, of_shift = fit.covariance
    if of_scale > 0 and of_both == of_shift == fit.shift == 0:
        # A scale alone was fitted; the shift stays 0, whatever is said of it.
        of_shift = of_scale
    if not (of_scale > 0 and of_shift > 0):
        return usual
    return np.array([[of_scale * (1.0 + _JITTER), of_both], [of_both, of_shift * (1.0 + _JITTER)]])
