"""Depth of points seen from two places, the motion between which is known about."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_anything_ros.geometry.normal_equations import solve_normal
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Float64Array

_ITERATIONS = 6
# Residuals of this many sigma count half.
_CAUCHY = 2.0


@dataclass(frozen=True)
class Triangulated:
    """
    What two views say of points, (n,) each.

    `inverse_depth` is 1 / z in the later view, in 1/m, `sigma` its standard deviation; both are
    of points of either sign, below 0 behind the camera. `off` is how far the points are off the
    epipolar lines, in standard deviations of a ray.
    """

    inverse_depth: Float64Array
    sigma: Float64Array
    off: Float64Array


def triangulate(
    before: Float64Array, now: Float64Array, motion: RigidTransform, sigma: float
) -> Triangulated:
    """
    Return the depth that each point has by itself.

    With p = R · before, a point at inverse depth w along its earlier ray is seen at
    (p + w · t) now: what it is off from p / p_z along the epipolar line is linear in w.

    :param before: (x / z, y / z) of the points in the earlier view, (n, 2).
    :param now: in the later one, (n, 2).
    :param motion: the earlier optical frame in the later one.
    :param sigma: standard deviation of the rays now, no unit.
    """
    turned = _homogeneous(before) @ motion.rotation.T
    move = motion.translation_m
    ahead = turned[:, 2]
    seen = now * ahead[:, None] - turned[:, :2]
    expected = move[:2] - now * move[2]
    length = np.linalg.norm(expected, axis=1)
    with np.errstate(divide='ignore', invalid='ignore'):
        inverse = np.einsum('ni,ni->n', seen, expected) / length**2
        across = seen[:, 0] * expected[:, 1] - seen[:, 1] * expected[:, 0]
        ahead_now = ahead + move[2] * inverse
        off = np.abs(across / (length * ahead_now)) / sigma
        return Triangulated(inverse / ahead_now, sigma * ahead / (length * np.abs(ahead_now)), off)


def refine_motion(
    before: Float64Array,
    now: Float64Array,
    motion: RigidTransform,
    sigma: float,
    turn_sigma_rad: float,
    heading_sigma_rad: float,
) -> RigidTransform:
    """
    Return a motion with rotation and direction of translation as the points have them.

    Least squares of the distances from the epipolar lines, robust and held by what is known; the
    length of the translation stays.

    :param motion: what is known, with a translation that is not 0.
    :param sigma: standard deviation of a ray now.
    :param turn_sigma_rad: of the known rotation, about each axis.
    :param heading_sigma_rad: of the known direction.
    """
    length = float(np.linalg.norm(motion.translation_m))
    known = motion.translation_m / length
    # Two directions across the translation.
    across = np.linalg.svd(known[None])[2][1:]
    rays_now, rays_before = _homogeneous(now), _homogeneous(before)
    rotation, heading = motion.rotation, known
    turned_by, headed_by = np.zeros(3), np.zeros(2)
    held = np.array([1.0 / turn_sigma_rad] * 3 + [1.0 / heading_sigma_rad] * 2)
    for _ in range(_ITERATIONS):
        turned = rays_before @ rotation.T
        lines = np.cross(heading, turned)
        size = np.hypot(lines[:, 0], lines[:, 1]) * sigma
        with np.errstate(divide='ignore', invalid='ignore'):
            error = np.einsum('ni,ni->n', rays_now, lines) / size
            by_turn = (
                rays_now * (turned @ heading)[:, None]
                - heading * np.einsum('ni,ni->n', turned, rays_now)[:, None]
            )
            by_heading = np.cross(turned, rays_now) @ across.T
            slopes = np.concatenate([by_turn, by_heading], axis=1) / size[:, None]
        usable = np.isfinite(error) & np.isfinite(slopes).all(axis=1)
        error, slopes = error[usable], slopes[usable]
        weights = 1.0 / (1.0 + np.square(error / _CAUCHY))
        normal = slopes.T @ (weights[:, None] * slopes) + np.diag(held**2)
        right = slopes.T @ (weights * error) + held**2 * np.concatenate([turned_by, headed_by])
        step = -solve_normal(normal, right)
        turned_by, headed_by = turned_by + step[:3], headed_by + step[3:]
        turn, _ = cv2.Rodrigues(step[:3])
        rotation = np.asarray(turn, np.float64) @ rotation
        heading = known + headed_by @ across
        heading = heading / np.linalg.norm(heading)
    return RigidTransform(rotation, length * heading)


def _homogeneous(rays: Float64Array) -> Float64Array:
    return np.column_stack([rays, np.ones(len(rays))])
