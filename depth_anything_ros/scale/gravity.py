"""The tilt of a robot's body, from what its accelerometer reads while it drives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.ground import tilt_of_gravity

# Time constant of the mean that takes bumps out of the acceleration.
_TIME_S = 0.5


class GravityFilter:
    """Find gravity in the readings of an accelerometer: their mean over about half a second."""

    def __init__(self) -> None:
        self._mean_m_s2: NDArray[np.float64] | None = None
        self._updated_ns = 0

    def update(
        self, acceleration_m_s2: tuple[float, float, float], stamp_ns: int
    ) -> tuple[float, float]:
        """
        Take in a reading and return how far the body nods down and leans to the right, in radians.

        :param acceleration_m_s2: in the axes of the body: x ahead, y left, z up.
        :param stamp_ns: of the reading; one before the last starts afresh.
        :raises AlignmentError: if the reading is not finite, and then it is left out; or as
            :func:`tilt_of_gravity`.
        """
        read = np.array(acceleration_m_s2)
        if not np.isfinite(read).all():
            raise AlignmentError('the accelerometer reads something that is not finite')
        before, before_ns = self._mean_m_s2, self._updated_ns
        if before is None or stamp_ns < before_ns:
            before, before_ns = read, stamp_ns
        share = -np.expm1(-(stamp_ns - before_ns) * 1e-9 / _TIME_S)
        mean = before + share * (read - before)
        self._mean_m_s2, self._updated_ns = mean, stamp_ns
        x, y, z = mean
        return tilt_of_gravity((x, y, z))
