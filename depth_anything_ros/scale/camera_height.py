"""Scale and shift from the ground, seen by a camera of known height and tilt."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.alignment import check_reach, fit_inverse_depth
from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.geometry.ground import ground_inverse_depth
from depth_anything_ros.types import Alignment, Camera, Float32Array, RelativeInverseDepth

Float64Array = NDArray[np.float64]

# The image is seen in this many columns of square cells.
_CELLS_ACROSS = 80
# Ground has one slope of relative over true inverse depth: the commonest within this factor.
_SLOPE_WINDOW = 1.3
_SLOPE_TOLERANCE = 1.5
# Of all cells of the image, those that must be ground; of the cells below the horizon, those
# that may lie below the ground that was found, by this share of their inverse depth.
_MIN_GROUND = 0.04
_MAX_BELOW = 0.1
_BELOW_SHARE = 0.15


class CameraHeightScale:
    """
    Fit relative inverse depth to level ground, from the height and tilt of the camera.

    What is ground shows in the relative depth itself. The inverse depth of any plane is linear
    over the image, so relative inverse depth grows from row to row of ground in one fixed
    proportion to that of the plane known from height and tilt, while walls and boxes do not grow
    at all. The commonest proportion wins; the cells that have it are fitted robustly. A result
    that puts much of the image below the ground is refused, and so is an image with too little
    ground.

    The pitch matters most: from 0.115 m, one degree moves what is 2 m away to 1.5 or 2.9 m.

    :param height_m: of the optical centre above the ground.
    :param pitch_rad: how far the camera looks down.
    :param roll_rad: how far it leans to the right.
    :param max_depth_m: ground farther than this is ignored.
    """

    name = 'camera_height'

    def __init__(
        self, height_m: float, pitch_rad: float, roll_rad: float, max_depth_m: float
    ) -> None:
        self._height_m = height_m
        self._mounted = (pitch_rad, roll_rad)
        self._tilt: tuple[float, float] | None = (pitch_rad, roll_rad)
        self._max_depth_m = max_depth_m

    @classmethod
    def from_config(cls, config: DepthNodeConfig) -> CameraHeightScale:
        """Return the source with the `camera_…` parameters and the range of the reference."""
        source = cls(
            config.camera_height_m,
            math.radians(config.camera_pitch_deg),
            math.radians(config.camera_roll_deg),
            config.reference_max_depth_m,
        )
        if config.camera_tilt_source == 'imu':
            source.await_tilt()
        return source

    def await_tilt(self) -> None:
        """Give nothing until the tilt of the body has come."""
        self._tilt = None

    def set_body_tilt(self, pitch_rad: float, roll_rad: float) -> None:
        """Add the tilt of the body, from gravity, to that of the camera on the body."""
        self._tilt = (self._mounted[0] + pitch_rad, self._mounted[1] + roll_rad)

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Fit the frame to the ground in it.

        :raises AlignmentError: if there is no camera that fits the image, no tilt yet, too little
            ground in the image, or the fit fails.
        """
        if self._tilt is None:
            raise AlignmentError('camera height: no tilt received from the IMU yet')
        try:
            calibrated = require_calibrated(camera, *relative.values.shape)
        except CameraError as error:
            raise AlignmentError(f'the ground cannot be found: {error}') from error
        rays = _cell_rays(calibrated)
        size = (rays.shape[1], rays.shape[0])
        values: Float32Array = np.empty(rays.shape[:2], np.float32)
        cv2.resize(relative.values, size, dst=values, interpolation=cv2.INTER_AREA)
        expected = ground_inverse_depth(rays, self._height_m, *self._tilt)
        with np.errstate(invalid='ignore'):
            below = expected >= 1.0 / self._max_depth_m
        ground = find_ground(values, expected, below)
        try:
            alignment = fit_inverse_depth(
                values[ground],
                (1.0 / expected[ground]).astype(np.float32),
                source=self.name,
                stamp_ns=stamp_ns,
            )
            check_reach(alignment, values)
        except AlignmentError as error:
            raise AlignmentError(f'camera height: {error}') from error
        _check_nothing_below(alignment, values[below], expected[below])
        return alignment


def find_ground(
    values: Float32Array, expected: Float64Array, below: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """
    Return which cells are ground, bool (h, w).

    :param values: relative inverse depth of each cell, (h, w).
    :param expected: inverse depth of the ground in each cell, 1/m.
    :param below: which cells lie below the horizon, bool (h, w).
    :raises AlignmentError: if they are too few.
    """
    pairs = below[1:] & below[:-1]
    with np.errstate(divide='ignore', invalid='ignore'):
        slopes = np.log(np.diff(values, axis=0) / np.diff(expected, axis=0))
    # Where relative depth does not grow, the logarithm is not finite.
    pairs &= np.isfinite(slopes)
    found = np.sort(slopes[pairs])
    needed = math.ceil(_MIN_GROUND * values.size)
    ground = np.zeros(values.shape, np.bool_)
    if len(found) >= needed:
        reached = np.searchsorted(found, found + math.log(_SLOPE_WINDOW), side='right')
        first = int(np.argmax(reached - np.arange(len(found))))
        common = float(np.median(found[first : reached[first]]))
        pairs &= np.abs(slopes - common) <= math.log(_SLOPE_TOLERANCE)
        ground[1:] |= pairs
        ground[:-1] |= pairs
    count = int(ground.sum())
    if count < needed:
        raise AlignmentError(
            f'camera height: {count / values.size:.1%} of the image looks like ground; at least '
            f'{_MIN_GROUND:.0%} is needed'
        )
    return ground


def _check_nothing_below(
    alignment: Alignment, values: Float32Array, expected: Float64Array
) -> None:
    inverse = alignment.scale * values + alignment.shift
    share = float(np.mean(inverse < (1.0 - _BELOW_SHARE) * expected))
    if share > _MAX_BELOW:
        raise AlignmentError(
            f'camera height: {share:.0%} of the image below the horizon would lie below the '
            f'ground; at most {_MAX_BELOW:.0%} is allowed: is what was found the ground?'
        )


@lru_cache(maxsize=4)
def _cell_rays(camera: Camera) -> Float64Array:
    """Return the mean ray of each cell, (h, w, 2)."""
    rays = ray_table(camera)
    across = min(_CELLS_ACROSS, camera.width)
    size = (across, max(1, round(across * camera.height / camera.width)))
    cells: Float64Array = cv2.resize(rays, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    return cells
