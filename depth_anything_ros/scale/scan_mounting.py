"""What the scans of a drive say about how the laser and the camera are mounted."""

from __future__ import annotations

import math
from collections import deque
from enum import Enum

import numpy as np

from depth_anything_ros.scale.fitting import Refusal
from depth_anything_ros.scale.scan_fit import ScanFitter
from depth_anything_ros.scale.scan_ground import Ground
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

    def update(
        self, alone: Alignment | None, ground_scale: float, height_m: float
    ) -> Refusal | None:
        """
        Take in one frame and return the verdict: None, or that the height is more than 25 % off.

        :param alone: the fit to the scan alone, with its covariance; None where it is refused or
            not made.
        :param ground_scale: what the ground alone gives, of the same kind.
        :param height_m: of the camera above the ground, as it was told.
        """
        self._updates += 1
        precise = alone is not None and _is_precise(alone) and ground_scale > 0
        self._ratios.append(_times_too_high(alone, ground_scale) if alone and precise else None)
        known = [ratio for ratio in self._ratios if ratio is not None]
        if not known or (not precise and len(known) < _QUORUM):
            return None
        ratio = float(np.median(known))
        if 1.0 / _HEIGHT_MARGIN <= ratio <= _HEIGHT_MARGIN:
            return None
        return Refusal(
            f'scan and ground fit only with the camera at {height_m / ratio:.3g} m, not at '
            f'camera_height_m = {height_m:g}: a factor of {ratio:.2f}; at most '
            f'{_HEIGHT_MARGIN:g} either way is allowed'
        )


class Yaw(Enum):
    """What one scan says about the yaw of the laser."""

    RIGHT = 'it fits as the laser is mounted'
    TURNED = 'it fits only when it is turned by 180 degrees'
    UNKNOWN = 'it fits neither way'


class YawCheck:
    """
    Look for scans in a row that fit only when they are turned by 180 degrees.

    `trusted` says whether so many in a row fitted as they are that accidents no longer count.
    """

    def __init__(self) -> None:
        self._right = 0
        self._turned = 0

    @property
    def trusted(self) -> bool:
        """Whether the yaw of the laser is known to be right."""
        return self._right >= _YAW_FITS

    def update(self, yaw: Yaw) -> Refusal | None:
        """Take in what a scan says and return the verdict: None, or that the yaw is wrong."""
        if yaw is Yaw.RIGHT:
            self._right += 1
        elif yaw is Yaw.TURNED:
            self._right = 0
        self._turned = self._turned + 1 if yaw is Yaw.TURNED else 0
        if self._turned < _YAW_FITS:
            return None
        return Refusal(
            f'the last {self._turned} scans fit the image only when they are turned by 180 '
            'degrees: the yaw of the laser in TF or in laser_pose is wrong'
        )


class MountingCheck:
    """
    Judge, frame by frame, whether laser and camera are mounted as they were told.

    A verdict is None where nothing speaks against it, else why the frame is to have no fit.
    """

    def __init__(self) -> None:
        self._height = HeightCheck()
        self._yaw = YawCheck()

    def judge_alone(self, scan: ScanFitter) -> Refusal | None:
        """Return the verdict for a frame that shows no ground."""
        if _fits(scan):
            return self._yaw.update(Yaw.RIGHT)
        return self._yaw.update(Yaw.TURNED if _fits(scan.turned) else Yaw.UNKNOWN)

    def judge(self, scan: ScanFitter, ground: Ground) -> Refusal | None:
        """Return the verdict for a frame that shows ground."""
        alone = scan.alone if self._height.due else None
        known = alone if isinstance(alone, Alignment) else None
        return self._judge_yaw(scan, ground, known) or self._height.update(
            known, ground.scale, ground.height_m
        )

    def _judge_yaw(
        self, scan: ScanFitter, ground: Ground, alone: Alignment | None
    ) -> Refusal | None:
        """Return the verdict on the yaw where the ground meets the scan as it is, or turned."""
        lift = ground.lift_to(scan.seen)
        turned_lift = math.nan
        # Most scans meet the ground as they are, and turning them takes time.
        if far_off(lift, float(np.median(scan.seen.inverse_depth()))) and scan.turned.enough:
            turned_lift = ground.lift_to(scan.turned.seen)
        if not meets_better(turned_lift, lift):
            return None if alone is None else self._yaw.update(Yaw.RIGHT)
        fits, fits_turned = _fits(scan), _fits(scan.turned)
        if fits and not fits_turned:
            return self._yaw.update(Yaw.RIGHT)
        if fits_turned and not fits:
            wrong = self._yaw.update(Yaw.TURNED)
            if wrong is not None:
                return wrong
        elif self._yaw.trusted:
            return None
        return Refusal(
            f'the ground is {lift:.2g} 1/m off the scan, and {turned_lift:.2g} when the scan is '
            'turned by 180 degrees: are the yaw of the laser, the pitch of the camera and '
            'camera_height_m right?'
        )


def far_off(lift: float, inverse: float) -> bool:
    """
    Return whether the ground is so far off a scan that the scan may be turned.

    :param lift: by which inverse depth the ground has to be lifted to meet the scan, in 1/m.
    :param inverse: inverse depth of the scan, in 1/m.
    """
    return abs(lift) > _TURNED_OFF * inverse


def meets_better(turned_lift: float, lift: float) -> bool:
    """
    Return whether the ground meets a scan clearly better when the scan is turned.

    :param turned_lift: by which inverse depth the ground has to be lifted to meet the turned scan,
        in 1/m; NaN where too few points are seen of it.
    :param lift: the same of the scan as it is.
    """
    return abs(turned_lift) < _TURNED_SHARE * abs(lift)


def _times_too_high(alone: Alignment, ground_scale: float) -> float:
    """Return by which factor the height was told that the scale of the ground has in it."""
    ratio = alone.scale / ground_scale
    # What was told too high makes the depth of the ground too large, its inverse too small.
    return 1.0 / ratio if alone.kind.is_line_of_depth else ratio


def _is_precise(alone: Alignment) -> bool:
    return math.sqrt(alone.covariance[0]) <= _PRECISE * alone.scale


def _fits(scan: ScanFitter) -> bool:
    return isinstance(scan.alone, Alignment)
