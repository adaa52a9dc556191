"""
A laser scan and the ground fitted together: the ground gives the scale, the scan the shift.

The points of a scan lie in one row of the image, near the horizon, so that what a network gets
wrong about them is extrapolated to the ground, which fills most of the image. On the ground
inverse depth grows with every row by a step that follows from the height of the camera alone,
and scale is that step over the one of the relative values. An error of pitch, or ground that
slopes a little, adds the same inverse depth to all of it: that the scan settles. Of affine depth
:mod:`depth_anything_ros.scale.ground_tilt` says what the ground gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.ground import find_ground, ground_cells, plane_inverse_depth
from depth_anything_ros.geometry.line import aligned
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.scale.fitting import Fit, Refusal, fit_points, weighed
from depth_anything_ros.scale.ground_tilt import TiltedGround, middle_slope
from depth_anything_ros.scale.sampling import centres_of_cells
from depth_anything_ros.types import (
    Alignment,
    Camera,
    Float32Array,
    ReferencePoints,
    RelativeInverseDepth,
)

# Cells of the ground that are fitted; more say nothing new and take time.
_FITTED_CELLS = 500
# Ground that would have to slope more against the plane of the laser contradicts the scan.
_MAX_SLOPE_RAD = math.radians(2.5)
# The half of the scan that fits best must fit this closely, as a share of depth.
_MAX_DISAGREEMENT = 0.3


@dataclass(frozen=True)
class Ground:
    """
    Ground that an image shows, as it lies at the height of the camera.

    `points` lie at the depth that follows from `height_m`; `scale` is what they give alone, and
    finite.
    """

    points: ReferencePoints
    height_m: float
    scale: float

    @classmethod
    def of_points(cls, points: ReferencePoints, height_m: float) -> Ground | Refusal:
        """Return the ground with its scale, a refusal if its relative depth does not vary."""
        if points.kind.is_line_of_depth:
            scale = TiltedGround(points, height_m).scale()
        else:
            scale = middle_slope(points.relative, points.inverse_depth())
        if not math.isfinite(scale):
            return Refusal('the relative depth of the ground hardly varies')
        return cls(points, height_m, scale)

    def lift_to(self, scan: ReferencePoints) -> float:
        """Return how much inverse depth the ground lacks to meet a scan, in 1/m."""
        if scan.kind.is_line_of_depth:
            return TiltedGround(self.points, self.height_m).lift_to(scan)
        off_scan, off_ground = (
            np.median(points.inverse_depth() - np.float32(self.scale) * points.relative)
            for points in (scan, self.points)
        )
        return float(off_scan - off_ground)


def ground_below(
    relative: RelativeInverseDepth,
    camera: Camera,
    camera_from_laser: RigidTransform,
    height_m: float,
    max_depth_m: float,
) -> ReferencePoints | Refusal:
    """
    Return points of ground that lies level below a laser, a refusal if the image shows too little.

    :param relative: what the network gives of the image.
    :param camera: of the image.
    :param camera_from_laser: the laser's frame in the optical frame; only its tilt counts.
    :param height_m: of the camera above the ground.
    :param max_depth_m: ground farther than this is left out.
    """
    values = relative.values
    cells, rays = ground_cells(values, camera)
    x, y, z = camera_from_laser.rotation[:, 2].tolist()
    # Lasers are also mounted upside down; cameras are not.
    side = -1.0 if y < 0 else 1.0
    inverse = plane_inverse_depth(rays, (side * x, side * y, side * z), height_m)
    with np.errstate(invalid='ignore'):
        below = inverse >= 1.0 / max_depth_m
    try:
        ground = np.flatnonzero(find_ground(cells, inverse, below, relative.kind))
    except AlignmentError as error:
        return Refusal(str(error))
    ground = ground[:: math.ceil(len(ground) / _FITTED_CELLS)]
    depth_m = (1.0 / inverse.reshape(-1)[ground]).astype(np.float32)
    rows, columns = centres_of_cells(ground, cells.shape, values.shape)
    size = camera.height, camera.width
    found = cells.reshape(-1)[ground]
    points = ReferencePoints(rows, columns, found, depth_m, size, kind=relative.kind)
    return weighed(points, relative)


def fit_with_ground(scan: ReferencePoints, ground: Ground, source: str, stamp_ns: int) -> Fit:
    """
    Fit scale and shift to a scan and the ground, which count the same.

    :param scan: its points in the image.
    :param source: name of the scale source, copied into the result.
    :param stamp_ns: stamp of the scan, copied into the result.
    :return: a refusal if the ground would slope by more than 2.5 degrees against the plane of the
        laser or lie above the horizon, no line fits both, or half of the scan is more than 30 %
        off.
    """
    lift = ground.lift_to(scan)
    slope = math.atan(lift * ground.height_m)
    if not abs(slope) <= _MAX_SLOPE_RAD:
        return Refusal(
            f'the ground slopes by {math.degrees(slope):.1f} degrees against the plane of the '
            f'laser, as {ground.height_m:g} m below the camera has it; at most '
            f'{math.degrees(_MAX_SLOPE_RAD):g} are allowed: are camera_height_m and the yaw of '
            'the laser right?'
        )
    level = ground.points.inverse_depth()
    lifted = level + np.float32(lift)
    ahead = lifted > 0
    if not ahead.any():
        return Refusal(
            f'the scan puts all of the ground above the horizon: it would have to be moved by '
            f'{lift:.3g} 1/m; at least {-level.max():.3g} is allowed'
        )
    above = replace(ground.points.where(ahead), depth_m=1.0 / lifted[ahead])
    return fit_both(scan, above, 'scan', source=source, stamp_ns=stamp_ns)


def fit_both(
    points: ReferencePoints,
    ground: ReferencePoints,
    what: str,
    *,
    source: str,
    stamp_ns: int,
    ground_share: float = 0.5,
) -> Fit:
    """
    Fit scale and shift to points and the ground, each of which counts as a whole.

    :param points: their weights count among them.
    :param ground: points of ground, of which the same is true.
    :param what: the points are, for the refusal.
    :param source: name of the scale source, copied into the result.
    :param stamp_ns: copied into the result.
    :param ground_share: how much of all the ground counts, between 0 and 1.
    :return: a refusal if no line fits both, or half of the points are more than 30 % off.
    """
    of_points = _weights(points, 1.0 - ground_share)
    of_ground = _weights(ground, ground_share)
    fit = fit_points(
        ReferencePoints(
            np.concatenate([points.rows, ground.rows]),
            np.concatenate([points.columns, ground.columns]),
            np.concatenate([points.relative, ground.relative]),
            np.concatenate([points.depth_m, ground.depth_m]),
            points.size,
            np.concatenate([of_points, of_ground]).astype(np.float32),
            points.kind,
        ),
        source=source,
        stamp_ns=stamp_ns,
    )
    return fit if isinstance(fit, Refusal) else _meets(fit, points, what)


def _weights(points: ReferencePoints, total: float) -> Float32Array:
    """Return how much points count, so much in all."""
    own = np.ones(len(points), np.float32) if points.weights is None else points.weights
    return own * np.float32(total / own.sum())


def _meets(fit: Alignment, points: ReferencePoints, what: str) -> Fit:
    """Return a fit if half of the points lie close to it, else a refusal."""
    found = aligned(points.relative, fit)
    disagreement = float(np.median(np.abs(found * points.depth_m - 1.0)))
    if disagreement <= _MAX_DISAGREEMENT:
        return fit
    return Refusal(
        f'half of the {what} is more than {disagreement:.0%} off where the ground is right; at '
        f'most {_MAX_DISAGREEMENT:.0%} are allowed'
    )
