"""Scale and shift from the way of the camera: points that it passes, and the ground under it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.parameters import Affects, parameter
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.scale.fitting import Fit, Refusal, fit_points, weighed, within_reach
from depth_anything_ros.scale.ground_watch import GroundPair, GroundWatch
from depth_anything_ros.scale.parallax import Parallax, ParallaxPoints
from depth_anything_ros.scale.sampling import smoothed
from depth_anything_ros.scale.scan_ground import fit_both, ground_below
from depth_anything_ros.scale.shared_parameters import ReferenceRange
from depth_anything_ros.types import (
    Alignment,
    Camera,
    Frame,
    ReferencePoints,
    RelativeInverseDepth,
)

# Fewest points that are fitted without ground.
_FEWEST = 30
# Ground counts as so many points, and as so large a share of all at least.
_GROUND_POINTS, _LEAST_GROUND = 30, 1.0 / 3.0
# A network is off by this share of the inverse depth of a point, and of that of far ones by more.
_NETWORK_SHARE, _LEAST_INVERSE = 0.1, 0.3
# The points of a cell, of so many in a row of the image, count as one: they say much the same.
_CELLS_ACROSS = 10
# Ground counts up to the horizon, as no unit is known before its height is.
_FARTHEST_HEIGHTS = 1e6
_NO_GRAIN = (
    'how high the camera is above the ground is not known: the ground shows too little grain, or '
    'moves otherwise than odometry tells; check odometry_pose or TF, and the clocks'
)


@dataclass(frozen=True)
class MotionScaleConfig(ReferenceRange):
    """How far the camera must move for a scale, and how long that is kept."""

    motion_min_baseline_m: float = parameter(
        0.1,
        'Way of the camera between two images that the scale source motion compares.',
        unit='m',
        minimum=0.01,
        maximum=10.0,
        affects=Affects.SCALE,
    )
    motion_expiry_s: float = parameter(
        600.0,
        'As alignment_expiry_s, where that is less, for a scale of the source motion: it has to '
        'last while the robot stands or turns on the spot, and until it has moved on.',
        unit='s',
        minimum=0.0,
        maximum=86400.0,
        affects=Affects.SCALE,
    )
    motion_smoothing_time_s: float = parameter(
        0.25,
        'As smoothing_time_s, where that is more, for the scale source motion: a robot that moves '
        'sees ever other views, and the scale of a network changes with them.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        affects=Affects.SCALE,
    )


class MotionScale:
    """
    Fit relative inverse depth to what parallax tells, while the camera moves in a known way.

    Images come in by :meth:`see`, with the motion of the camera from odometry or TF. Points of the
    scene that are followed from image to image are triangulated, see :class:`Parallax`. They lie
    on things; the ground in the image, where there is any, is fitted beside them, at the height
    of the camera and with the error of its pitch that its motion shows, see
    :class:`GroundWatch`. Such a fit is named `motion+ground`. Once images have agreed on the
    height, ground makes up for points where they are few, as before a plain wall; where many
    points contradict it, they are fitted alone.

    A camera that stands or turns on the spot sees no parallax: then there is no fit. Another
    camera, or another focal length, starts afresh.

    The covariance of a fit says how sure it is as far as odometry is right. What that is off in
    the length of its way is the same in all fits, so that no filter averages it away, and must
    not weigh them.

    :param min_baseline_m: way of the camera between two images that are compared.
    :param min_depth_m: nearer points are ignored.
    :param max_depth_m: farther points are ignored.
    :param keeps_s: how long a scale may be held for frames without a fit.
    :param smoothing_s: longest time constant of the smoothing of its scales.
    """

    name = 'motion'
    parameters = MotionScaleConfig
    references: ClassVar[tuple[ReferenceTopic, ...]] = ()

    def __init__(
        self,
        min_baseline_m: float,
        min_depth_m: float,
        max_depth_m: float,
        keeps_s: float,
        smoothing_s: float,
    ) -> None:
        self._parallax = Parallax(min_baseline_m, min_depth_m, max_depth_m)
        self._ground = GroundWatch()
        self._camera: Camera | None = None
        self._keeps_s = keeps_s
        self._smoothing_s = smoothing_s
        self._seen: ParallaxPoints | Refusal = Refusal('no image has come yet')

    @classmethod
    def from_config(cls, config: MotionScaleConfig) -> MotionScale:
        """Return the source as its parameters describe it."""
        return cls(
            config.motion_min_baseline_m,
            config.reference_min_depth_m,
            config.reference_max_depth_m,
            config.motion_expiry_s,
            config.motion_smoothing_time_s,
        )

    def see(self, frame: Frame, poses: PoseHistory) -> None:
        """Follow the points of the scene into an image."""
        if frame.camera != self._camera:
            self._ground, self._camera = GroundWatch(), frame.camera
        self._seen = self._parallax.see(frame, poses)

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Fit the frame that was seen last.

        :raises AlignmentError: if the camera stands, turns on the spot or has no calibration,
            its motion is not known or contradicts the image, too few points could be followed, or
            the fit fails.
        """
        seen = self._seen
        if isinstance(seen, Refusal):
            raise AlignmentError(f'motion: {seen.reason}')
        try:
            calibrated = require_calibrated(camera, *relative.values.shape)
        except CameraError as error:
            raise AlignmentError(f'motion: {error}') from error
        smooth = smoothed(relative)
        fit = within_reach(self._fit(seen, smooth, calibrated, stamp_ns), smooth.values)
        if isinstance(fit, Refusal):
            raise AlignmentError(f'motion: {fit.reason}')
        return replace(fit, keeps_s=self._keeps_s, smoothing_s=self._smoothing_s)

    def _fit(
        self, seen: ParallaxPoints, relative: RelativeInverseDepth, camera: Camera, stamp_ns: int
    ) -> Fit:
        ground = self._known_ground(seen, relative, camera)
        if isinstance(ground, Refusal):
            return ground
        points = _reference_points(seen, relative)
        if len(points) < _FEWEST and (ground is None or not self._ground.confirmed):
            return Refusal(seen.few or f'{len(points)} points have a depth; {_FEWEST} are needed')
        fit: Fit = Refusal('no ground is in view')
        if ground is not None:
            fit = _fit_with_ground(points, ground, f'{self.name}+ground', stamp_ns)
        if isinstance(fit, Refusal) and len(points) >= _FEWEST:
            # What contradicts so many points is no ground, or not that of before: a table, say.
            fit = fit_points(points, min_points=_FEWEST, source=self.name, stamp_ns=stamp_ns)
        return fit

    def _known_ground(
        self, seen: ParallaxPoints, relative: RelativeInverseDepth, camera: Camera
    ) -> ReferencePoints | Refusal | None:
        """Return the ground in metres, None where none is in view, why not where it has none."""
        level = self._ground.level(seen.level)
        ground = ground_below(relative, camera, level, 1.0, _FARTHEST_HEIGHTS)
        if isinstance(ground, Refusal):
            return None
        if seen.passed is not None:
            self._ground.see(GroundPair.of(seen.passed, camera, seen.level, ground))
        lens = self._ground.lens
        if lens is None:
            return Refusal(seen.few or _NO_GRAIN)
        return replace(ground, depth_m=ground.depth_m * np.float32(lens.height_m))


def _fit_with_ground(
    points: ReferencePoints, ground: ReferencePoints, source: str, stamp_ns: int
) -> Fit:
    """Fit scale and shift to points, if there are any, and ground, which makes up for few."""
    if not len(points):
        return fit_points(ground, source=source, stamp_ns=stamp_ns)
    return fit_both(
        points,
        ground,
        'points',
        source=source,
        stamp_ns=stamp_ns,
        ground_share=max(_GROUND_POINTS / (_GROUND_POINTS + len(points)), _LEAST_GROUND),
    )


def _reference_points(seen: ParallaxPoints, relative: RelativeInverseDepth) -> ReferencePoints:
    """Return points with what the network says of them; what is less sure than it counts less."""
    values = relative.values
    columns, rows = np.rint(seen.places).astype(int).T
    network_sigma = _NETWORK_SHARE * np.maximum(seen.inverse_depth, _LEAST_INVERSE)
    weights = 1.0 / (1.0 + np.square(seen.sigma / network_sigma))
    cells = np.column_stack([rows, columns]) * _CELLS_ACROSS // values.shape[1]
    _, of_cell, crowd = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    points = ReferencePoints(
        rows.astype(np.float32),
        columns.astype(np.float32),
        values[rows, columns],
        (1.0 / seen.inverse_depth).astype(np.float32),
        (values.shape[0], values.shape[1]),
        (weights / crowd[of_cell.reshape(-1)]).astype(np.float32),
        relative.kind,
    )
    return weighed(points, relative)
