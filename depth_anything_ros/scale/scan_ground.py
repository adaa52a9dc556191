"""
A laser scan and the ground fitted together: the ground gives the scale, the scan the shift.

The points of a scan lie in one row of the image, near the horizon, so that what a network gets
wrong about them is extrapolated to the ground, which fills most of the image. On the ground
inverse depth grows with every row by a step that follows from the height of the camera alone,
and scale is that step over the one of the relative values. An error of pitch, or ground that
slopes a little, adds the same inverse depth to all of it: that the scan settles.
"""

from __future__ import annotations

import math

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import fit_inverse_depth
from depth_anything_ros.geometry.ground import find_ground, ground_cells, plane_inverse_depth
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Alignment, Camera, Float32Array

# Cells of the ground that are fitted; more say nothing new and take time.
_FITTED_CELLS = 500
# Ground that would have to slope more against the plane of the laser contradicts the scan.
_MAX_SLOPE_RAD = math.radians(2.5)
# The half of the scan that fits best must fit this closely, as a share of depth.
_MAX_DISAGREEMENT = 0.3


def ground_below(
    values: Float32Array,
    camera: Camera,
    camera_from_laser: RigidTransform,
    height_m: float,
    max_depth_m: float,
) -> tuple[Float32Array, Float32Array]:
    """
    Return relative inverse depth of ground that lies level below a laser, and its depth.

    :param values: relative inverse depth of the image, (H, W).
    :param camera: of the image.
    :param camera_from_laser: the laser's frame in the optical frame; only its tilt counts.
    :param height_m: of the camera above the ground.
    :param max_depth_m: ground farther than this is left out.
    :return: two float32 (n,), the second in metres.
    :raises AlignmentError: if too little of the image is ground.
    """
    cells, rays = ground_cells(values, camera)
    x, y, z = camera_from_laser.rotation[:, 2].tolist()
    # Lasers are also mounted upside down; cameras are not.
    side = -1.0 if y < 0 else 1.0
    inverse = plane_inverse_depth(rays, (side * x, side * y, side * z), height_m)
    with np.errstate(invalid='ignore'):
        below = inverse >= 1.0 / max_depth_m
    ground = np.flatnonzero(find_ground(cells, inverse, below))
    ground = ground[:: math.ceil(len(ground) / _FITTED_CELLS)]
    depth_m = (1.0 / inverse.reshape(-1)[ground]).astype(np.float32)
    return cells.reshape(-1)[ground], depth_m


def fit_with_ground(
    scan: tuple[Float32Array, Float32Array],
    ground: tuple[Float32Array, Float32Array],
    lift: float,
    height_m: float,
    source: str,
    stamp_ns: int,
) -> Alignment:
    """
    Fit scale and shift to a scan and the ground, which count the same.

    :param scan: relative inverse depth of its points and their depth in metres, two float32 (n,).
    :param ground: the same of the ground, two float32 (m,), at the height of the camera.
    :param lift: what :func:`ground_lift` says of the two, in 1/m.
    :param height_m: of the camera above the ground.
    :param source: name of the scale source, copied into the result.
    :param stamp_ns: stamp of the scan, copied into the result.
    :raises AlignmentError: if the ground would slope by more than 2.5 degrees against the plane
        of the laser or lie above the horizon, no line fits both, or half of the scan is more than
        30 % off.
    """
    values, depth_m = scan
    on_ground, level = ground[0], 1.0 / ground[1]
    inverse = 1.0 / depth_m
    slope = math.atan(lift * height_m)
    if not abs(slope) <= _MAX_SLOPE_RAD:
        raise AlignmentError(
            f'the ground slopes by {math.degrees(slope):.1f} degrees against the plane of the '
            f'laser, as {height_m:g} m below the camera has it; at most '
            f'{math.degrees(_MAX_SLOPE_RAD):g} are allowed: are camera_height_m and the yaw of '
            'the laser right?'
        )
    lifted = level + np.float32(lift)
    ahead = lifted > 0
    if not ahead.any():
        raise AlignmentError(
            f'the scan puts all of the ground above the horizon: it would have to be moved by '
            f'{lift:.3g} 1/m; at least {-level.max():.3g} is allowed'
        )
    counts = (len(values), int(ahead.sum()))
    alignment = fit_inverse_depth(
        np.concatenate([values, on_ground[ahead]]),
        1.0 / np.concatenate([inverse, lifted[ahead]]),
        weights=np.repeat([1.0 / count for count in counts], counts).astype(np.float32),
        source=source,
        stamp_ns=stamp_ns,
    )
    found = alignment.scale * values + alignment.shift
    disagreement = float(np.median(np.abs(found * depth_m - 1.0)))
    if not disagreement <= _MAX_DISAGREEMENT:
        raise AlignmentError(
            f'half of the scan is more than {disagreement:.0%} off where the ground is right; at '
            f'most {_MAX_DISAGREEMENT:.0%} are allowed'
        )
    return alignment


def ground_scale(ground: tuple[Float32Array, Float32Array]) -> float:
    """
    Return the scale that the ground alone gives, in 1/m.

    :param ground: relative inverse depth and expected depth in metres, two float32 (m,).
    :raises AlignmentError: if the relative depth of the ground does not vary.
    """
    scale = ground_slope(ground[0], 1.0 / ground[1])
    if not math.isfinite(scale):
        raise AlignmentError('the relative depth of the ground hardly varies')
    return scale


def ground_lift(
    scan: tuple[Float32Array, Float32Array],
    ground: tuple[Float32Array, Float32Array],
    scale: float,
) -> float:
    """
    Return how much inverse depth the ground lacks to meet a scan, in 1/m.

    :param scan: relative inverse depth of its points and their depth in metres, two float32 (n,).
    :param ground: the same of the ground, two float32 (m,).
    :param scale: of both, in 1/m.
    """
    off_scan, off_ground = (
        np.median(1.0 / depth_m - np.float32(scale) * values) for values, depth_m in (scan, ground)
    )
    return float(off_scan - off_ground)


def ground_slope(values: Float32Array, inverse: Float32Array) -> float:
    """
    Return inverse depth per relative value along the ground.

    The median of the slopes of pairs that lie half of the points apart, in the order of inverse
    depth: quick, and up to 29 % of the points do not spoil it.

    :param values: relative inverse depth, (n,), n at least 2.
    :param inverse: expected inverse depth, (n,), in 1/m.
    :return: not finite where relative depth does not vary.
    Source: H. Theil, "A rank-invariant method of linear and polynomial regression analysis",
    1950, the incomplete method.
    """
    order = np.argsort(inverse)
    half = len(order) // 2
    far, near = order[:half], order[-half:]
    with np.errstate(divide='ignore', invalid='ignore'):
        return float(np.median((inverse[near] - inverse[far]) / (values[near] - values[far])))
