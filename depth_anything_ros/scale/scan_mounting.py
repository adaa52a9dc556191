"""What the scans of a drive say about how the laser and the camera are mounted."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.types import Alignment

# A scale from the scan alone counts against the height where its standard error is at most this
# share. Predictions of the right shape reach that in nine frames of ten; the errors of a network
# that bends depth show here, and only here they are too small to feign a wrong height.
_PRECISE = 0.01
_HEIGHT_MARGIN = 1.25
# Frames that are looked back on, and how many of them speak for one that says nothing itself.
_FRAMES = 100
_QUORUM = 3
# A second fit takes time: after the first frames, only every so many have one.
_FIRST_FRAMES = 4
_EVERY = 4

# So many scans in a row that fit in one direction only are no accident.
_YAW_FITS = 5
# The ground has to be off the scan by this share of its inverse depth, and by this share of that
# at most when it is turned, before a scan looks turned.
_TURNED_OFF = 0.1
_TURNED_SHARE = 0.5


class HeightCheck:
    """
    Compare the scale that scans give alone with that of the ground, which has the height in it.

    The median over the last 100 frames counts. Frames in which the scan alone says too little to
    tell give no opinion, so that a wrong height shows only once the laser has met things at
    different depths, and only if the network gives them a consistent shape.
    """

    def __init__(self) -> None:
        self._ratios: deque[float | None] = deque(maxlen=_FRAMES)
        self._updates = 0

    @property
    def due(self) -> bool:
        """Whether the next frame is to have a fit to the scan alone."""
        return self._updates < _FIRST_FRAMES or self._updates % _EVERY == 0

    def update(self, alone: Alignment | None, ground_scale: float, height_m: float) -> None:
        """
        Take in one frame.

        :param alone: the fit to the scan alone, with its covariance; None where it is refused or
            not made.
        :param ground_scale: inverse depth per relative value along the ground, in 1/m.
        :param height_m: of the camera above the ground, as it was told.
        :raises AlignmentError: if the height is more than 25 % off.
        """
        self._updates += 1
        precise = alone is not None and _is_precise(alone) and ground_scale > 0
        self._ratios.append(alone.scale / ground_scale if alone and precise else None)
        known = [ratio for ratio in self._ratios if ratio is not None]
        if not known or (not precise and len(known) < _QUORUM):
            return
        ratio = float(np.median(known))
        if not 1.0 / _HEIGHT_MARGIN <= ratio <= _HEIGHT_MARGIN:
            raise AlignmentError(
                f'scan and ground fit only with the camera at {height_m / ratio:.3g} m, not at '
                f'camera_height_m = {height_m:g}: a factor of {ratio:.2f}; at most '
                f'{_HEIGHT_MARGIN:g} either way is allowed'
            )


class YawCheck:
    """
    Count the scans that fit ahead only, or only when they are turned by 180 degrees.

    `trusted` says whether so many in a row fitted ahead that accidents no longer count.
    """

    def __init__(self) -> None:
        self._ahead = 0
        self._turned = 0

    @property
    def trusted(self) -> bool:
        """Whether the yaw of the laser is known to be right."""
        return self._ahead >= _YAW_FITS

    def fits_ahead(self) -> None:
        """Count a scan that fits as it is mounted."""
        self._ahead, self._turned = self._ahead + 1, 0

    def fits_neither(self) -> None:
        """Forget the scans in a row that fitted turned."""
        self._turned = 0

    def fits_turned(self) -> None:
        """
        Count a scan that fits only when it is turned.

        :raises AlignmentError: from the fifth in a row.
        """
        self._ahead, self._turned = 0, self._turned + 1
        if self._turned >= _YAW_FITS:
            raise AlignmentError(
                f'the last {self._turned} scans fit the image only when they are turned by 180 '
                'degrees: the yaw of the laser in TF or in laser_pose is wrong'
            )


def far_off(lift: float, inverse: float) -> bool:
    """
    Tell whether the ground is so far off a scan that the scan may be turned.

    :param lift: by which inverse depth the ground has to be lifted to meet the scan, in 1/m.
    :param inverse: inverse depth of the scan, in 1/m.
    """
    return abs(lift) > _TURNED_OFF * inverse


def meets_better(turned_lift: float, lift: float) -> bool:
    """
    Tell whether the ground meets a scan clearly better when the scan is turned.

    :param turned_lift: by which inverse depth the ground has to be lifted to meet the turned scan,
        in 1/m; NaN where too few points are seen of it.
    :param lift: the same of the scan as it is.
    """
    return abs(turned_lift) < _TURNED_SHARE * abs(lift)


def _is_precise(alone: Alignment) -> bool:
    return math.sqrt(alone.covariance[0]) <= _PRECISE * alone.scale
