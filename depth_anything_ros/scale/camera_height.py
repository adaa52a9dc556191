"""Scale and shift from the ground, seen by a camera of known height and tilt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.alignment import check_reach, fit_alignment
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.ground import (
    find_ground,
    ground_cells,
    ground_inverse_depth,
)
from depth_anything_ros.geometry.line import aligned
from depth_anything_ros.messages import stamp_ns
from depth_anything_ros.parameters import Affects, parameter
from depth_anything_ros.references import ReferenceTopic, Surroundings
from depth_anything_ros.scale.fitting import confidence_shares
from depth_anything_ros.scale.gravity import GravityFilter
from depth_anything_ros.scale.shared_parameters import ReferenceRange, camera_height
from depth_anything_ros.types import (
    Alignment,
    Camera,
    Float32Array,
    Float64Array,
    RelativeInverseDepth,
)

# Of the cells below the horizon, those that may lie below the ground that was found, by this
# share of their inverse depth.
_MAX_BELOW = 0.1
_CURE = 'let the camera see more level ground, or set its height, pitch and roll right'
_BELOW_SHARE = 0.15
# The tilt of the body is not used for images later than this after it: the robot drives on.
MAX_TILT_AGE_S = 1.0


@dataclass(frozen=True)
class CameraHeightConfig(ReferenceRange):
    """How the camera is mounted above the ground."""

    camera_height_m: float = camera_height()
    camera_pitch_deg: float = parameter(
        0.0,
        'How far the camera looks down, for camera_height; with camera_tilt_source imu, on the '
        'body.',
        unit='°',
        minimum=-60.0,
        maximum=60.0,
        affects=Affects.SCALE,
    )
    camera_roll_deg: float = parameter(
        0.0,
        'How far the camera leans to the right, for camera_height; with camera_tilt_source imu, '
        'on the body.',
        unit='°',
        minimum=-60.0,
        maximum=60.0,
        affects=Affects.SCALE,
    )
    camera_tilt_source: str = parameter(
        'parameters',
        'Whether the body counts as level, or its tilt is taken from the gravity on topic `imu` '
        '(for ground that stays level while the body tilts, not for a robot on a ramp).',
        choices=('parameters', 'imu'),
        affects=Affects.SCALE,
    )


class TiltIntake:
    """Find how far the body is tilted from what its accelerometer reads."""

    doubt = ''

    def __init__(self) -> None:
        self._gravity = GravityFilter()

    def take(
        self,
        source: CameraHeightScale,
        message: Any,
        own: CameraHeightConfig,  # noqa: ARG002 - the body's axes need none
        around: Surroundings,  # noqa: ARG002 - nor a place
    ) -> str:
        """
        Give the tilt that an Imu shows to the source.

        :raises AlignmentError: if its readings are no gravity.
        """
        read, time_ns = message.linear_acceleration, stamp_ns(message.header)
        source.set_body_tilt(*self._gravity.update((read.x, read.y, read.z), time_ns), time_ns)
        return ''


class CameraHeightScale:
    """
    Fit relative inverse depth to level ground, from the height and tilt of the camera.

    What is ground shows in the relative depth itself, see :func:`find_ground`; its cells are
    fitted robustly. A result that puts much of the image below the ground is refused, and so is
    an image with too little ground.

    The pitch matters most: from 0.115 m, one degree moves what is 2 m away to 1.5 or 2.9 m.

    :param height_m: of the optical centre above the ground.
    :param pitch_rad: how far the camera looks down.
    :param roll_rad: how far it leans to the right.
    :param max_depth_m: ground farther than this is ignored.
    """

    name = 'camera_height'
    parameters = CameraHeightConfig
    references = (
        ReferenceTopic(
            'imu',
            'sensor_msgs/msg/Imu',
            TiltIntake,
            help='with `scale_source:=camera_height` and `camera_tilt_source:=imu`; axes as those '
            'of the body (x ahead, y left, z up). A tilt more than 1 s older than the image is '
            'not used',
            needed=lambda own: own.camera_tilt_source == 'imu',
        ),
    )

    def __init__(
        self, height_m: float, pitch_rad: float, roll_rad: float, max_depth_m: float
    ) -> None:
        self._height_m = height_m
        self._mounted = (pitch_rad, roll_rad)
        self._tilt: tuple[float, float] | None = (pitch_rad, roll_rad)
        self._tilt_ns: int | None = None  # of the mounting alone, which does not change
        self._max_depth_m = max_depth_m

    @classmethod
    def from_config(cls, config: CameraHeightConfig) -> CameraHeightScale:
        """Return the source as its parameters describe it."""
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

    def set_body_tilt(self, pitch_rad: float, roll_rad: float, stamp_ns: int) -> None:
        """
        Add the tilt of the body, from gravity, to that of the camera on the body.

        :param stamp_ns: when the body was tilted so; images later than a second after it need
            a newer tilt.
        """
        self._tilt = (self._mounted[0] + pitch_rad, self._mounted[1] + roll_rad)
        self._tilt_ns = stamp_ns

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Fit the frame to the ground in it.

        :raises AlignmentError: if there is no camera that fits the image, no tilt yet or an old
            one, too little ground in the image, or the fit fails.
        """
        tilt = self._tilt_at(stamp_ns)
        try:
            calibrated = require_calibrated(camera, *relative.values.shape)
        except CameraError as error:
            raise AlignmentError(f'the ground cannot be found: {error}') from error
        values, rays = ground_cells(relative.values, calibrated)
        expected = ground_inverse_depth(rays, self._height_m, *tilt)
        with np.errstate(invalid='ignore'):
            below = expected >= 1.0 / self._max_depth_m
        try:
            ground = find_ground(values, expected, below, relative.kind)
            alignment = fit_alignment(
                values[ground],
                (1.0 / expected[ground]).astype(np.float32),
                weights=_weights(relative, ground),
                kind=relative.kind,
                source=self.name,
                stamp_ns=stamp_ns,
            )
            check_reach(alignment, values)
            _check_nothing_below(alignment, values[below], expected[below])
        except AlignmentError as error:
            raise AlignmentError(f'camera height: {error}; {_CURE}') from error
        return alignment

    def _tilt_at(self, stamp_ns: int) -> tuple[float, float]:
        if self._tilt is None:
            raise AlignmentError('camera height: no tilt received from the IMU yet')
        age_s = 0.0 if self._tilt_ns is None else (stamp_ns - self._tilt_ns) * 1e-9
        if age_s > MAX_TILT_AGE_S:
            raise AlignmentError(
                f'camera height: the last tilt from the IMU is {age_s:.1f} s older than the '
                f'image; at most {MAX_TILT_AGE_S:g} s is allowed'
            )
        return self._tilt


def _weights(relative: RelativeInverseDepth, ground: NDArray[np.bool_]) -> Float32Array | None:
    """Return how much the cells of ground, bool (h, w), count, None for all alike."""
    if relative.confidence is None:
        return None
    size = ground.shape[1], ground.shape[0]
    sure = cv2.resize(relative.confidence, size, interpolation=cv2.INTER_NEAREST)
    return confidence_shares(np.asarray(sure, np.float32)[ground])


def _check_nothing_below(
    alignment: Alignment, values: Float32Array, expected: Float64Array
) -> None:
    inverse = aligned(values, alignment)
    share = float(np.mean(inverse < (1.0 - _BELOW_SHARE) * expected))
    if share > _MAX_BELOW:
        raise AlignmentError(
            f'{share:.0%} of the image below the horizon would lie below the ground, so that what '
            f'was found is none or lies otherwise; at most {_MAX_BELOW:.0%} is allowed'
        )
