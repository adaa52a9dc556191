"""Smoothing of scale and shift over time."""

from __future__ import annotations

import math
from dataclasses import replace

from depth_anything_ros.types import Alignment


class AlignmentTracker:
    """
    Smooth alignments over time and let them expire.

    Scale and shift are averaged as they are, with one exponential weight for both: the average
    of s · r + t over several fits is (mean s) · r + (mean t), so this is the smoothing of the
    inverse depth of every pixel value r. The errors of scale and shift of one fit balance each
    other in the middle of the data; averaging log scale, or the two with different weights,
    would break that balance. Positive scales stay positive. The weight of a new fit is
    1 - exp(-dt / time constant), whatever the frame rate.

    :param time_constant_s: 0 takes every fit as it is.
    :param expiry_s: no alignment is given when the last fit is older than this; the next fit
        then starts afresh.
    """

    def __init__(self, time_constant_s: float, expiry_s: float) -> None:
        self._time_constant_s = time_constant_s
        self._expiry_ns = round(expiry_s * 1e9)
        self._alignment: Alignment | None = None
        self._updated_ns = 0

    def update(self, alignment: Alignment, stamp_ns: int) -> Alignment:
        """
        Take in the fit of one frame; a stamp before the last one resets the tracker first.

        A fit of stamp 0 is taken as it is: from a camera that does not stamp its images there is
        no time to smooth over, and the first scale would stay for ever.

        :param alignment: the fit.
        :param stamp_ns: acquisition time of the frame it was made for.
        :return: the smoothed scale and shift, with all else as in the fit.
        """
        previous = self.current(stamp_ns)
        if previous is not None and self._time_constant_s > 0 and stamp_ns != 0:
            step_s = (stamp_ns - self._updated_ns) * 1e-9
            share = -math.expm1(-step_s / self._time_constant_s)
            alignment = replace(
                alignment,
                scale=previous.scale + share * (alignment.scale - previous.scale),
                shift=previous.shift + share * (alignment.shift - previous.shift),
            )
        self._alignment = alignment
        self._updated_ns = stamp_ns
        return alignment

    def current(self, stamp_ns: int) -> Alignment | None:
        """
        Return the alignment to use for a frame of that stamp.

        :return: None before the first fit, after expiry, and after stamps stepped back.
        """
        if self._alignment is not None and stamp_ns < self._updated_ns:
            self.reset()
        if self._alignment is None or stamp_ns - self._updated_ns > self._expiry_ns:
            return None
        return self._alignment

    def reset(self) -> None:
        """Forget everything, as after a change of model or scale source."""
        self._alignment = None
        self._updated_ns = 0
