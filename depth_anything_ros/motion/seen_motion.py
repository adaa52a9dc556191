"""How two images say that the camera moved, where depth is known, and what of it is certain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_anything_ros.geometry.normal_equations import solve_normal
from depth_anything_ros.geometry.projection import looked_up
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Float32Array, Float64Array, UInt8Array

# Corners are looked for at most so many, this far apart, this much weaker than the strongest.
_POINTS, _APART_PX, _QUALITY = 100, 5, 0.01
_WINDOW_PX, _LEVELS = 9, 3
# Six numbers are sought: fewer points tell nothing.
_FEWEST = 12
# Corners are found again no more exactly than this; those off by a multiple of the usual count
# less and less. Errors of depth are alike in neighbours, so that all is less certain than if they
# were not.
_EXACT_PX, _ROUNDS, _OUTLYING, _ALIKE = 0.05, 3, 2.0, 2.0


@dataclass(frozen=True)
class SeenMotion:
    """
    How the image says that the camera moved, beside how it was told to have moved.

    Turns are rotation vectors, moves metres, float64 (3,), of the earlier optical frame in the
    later one; `turn_certainty` and `move_certainty`, (3, 3), are the inverses of their
    covariances, whatever the other one is.
    """

    told_turn: Float64Array
    told_move: Float64Array
    turn: Float64Array
    move: Float64Array
    turn_certainty: Float64Array
    move_certainty: Float64Array

    def turn_misfit(self, turn: Float64Array) -> float:
        """Return how far a turn is off, in squared standard deviations."""
        off = turn - self.turn
        return float(off @ self.turn_certainty @ off)

    def move_misfit(self, move: Float64Array) -> float:
        """Return how far a move is off, in squared standard deviations."""
        off = move - self.move
        return float(off @ self.move_certainty @ off)


# So that what no corner tells can be solved for.
_REGULAR = 1e-9 * np.eye(6)


def seen_motion(
    before: UInt8Array,
    now: UInt8Array,
    inverse: Float32Array,
    rays: tuple[Float32Array, Float32Array],
    told: RigidTransform,
) -> SeenMotion | None:
    """
    Follow corners from one image to the next, and fit the motion of the camera to them.

    They are followed without regard to what was told, so that it cannot prove itself.

    :param before: grey image, uint8 (h, w).
    :param now: the next one.
    :param inverse: depth of the first in 1/m, float32 (H, W) of any size, NaN where unknown.
    :param rays: x / z and y / z of the pixels of both images, float32 (h, w).
    :param told: the earlier optical frame in the later one.
    :return: None where too few corners are seen in both.

    Source: H. C. Longuet-Higgins and K. Prazdny, "The interpretation of a moving retinal image"
    (1980), with known depth, by iteratively reweighted least squares.
    """
    corners = cv2.goodFeaturesToTrack(before, _POINTS, _QUALITY, _APART_PX)
    if corners is None or len(corners) < _FEWEST:
        return None
    window = _WINDOW_PX, _WINDOW_PX
    followed, found, _ = cv2.calcOpticalFlowPyrLK(
        before, now, corners, corners.copy(), winSize=window, maxLevel=_LEVELS
    )
    places, targets = corners[:, 0], followed[:, 0]
    scale = np.divide(inverse.shape[::-1], before.shape[::-1])
    columns, rows = ((places + 0.5) * scale).astype(np.intp).T
    near = inverse[rows, columns].astype(np.float64)
    known = (found[:, 0] > 0) & np.isfinite(near)
    # Corners are whole pixels.
    column, row = places.astype(np.intp).T
    start = np.column_stack([axis[row, column] for axis in rays]).astype(np.float64)
    end = np.column_stack([looked_up(axis, *targets.T) for axis in rays]).astype(np.float64)
    known &= np.isfinite(end).all(axis=1)
    if known.sum() < _FEWEST:
        return None
    middle = now.shape[1] // 2
    pixel = float(rays[0][len(now) // 2, middle] - rays[0][len(now) // 2, middle - 1])
    return _fitted(start[known], end[known], near[known], told, _EXACT_PX * pixel)


def _fitted(
    rays: Float64Array,
    after: Float64Array,
    near: Float64Array,
    told: RigidTransform,
    exact: float,
) -> SeenMotion | None:
    """Return the motion that takes rays of known inverse depth, (n, 2) and (n,), to others."""
    turned = np.column_stack([rays, np.ones(len(rays))]) @ told.rotation.T
    if (turned[:, 2] <= 0).any():
        return None
    x, y, near = turned[:, 0] / turned[:, 2], turned[:, 1] / turned[:, 2], near / turned[:, 2]
    flow = np.zeros((6, 2, len(x)))
    flow[0] = -x * y, -1 - y * y
    flow[1] = 1 + x * x, x * y
    flow[2] = -y, x
    flow[3, 0] = flow[4, 1] = near
    flow[5] = -x * near, -y * near
    flow = flow.reshape(6, -1)
    rest = np.concatenate([after[:, 0] - x, after[:, 1] - y])
    weight = np.ones_like(rest)
    for _ in range(_ROUNDS):
        weighted = flow * weight
        normal = weighted @ flow.T
        fit = solve_normal(normal + _REGULAR, weighted @ rest)
        off = np.hypot(*(rest - fit @ flow).reshape(2, -1))
        usual = max(float(np.partition(off, len(off) // 2)[len(off) // 2]), exact)
        weight = np.concatenate(2 * [1 / (1 + np.square(off / (_OUTLYING * usual)))])
    normal /= (_ALIKE * usual) ** 2
    turn = told.turn_rad
    return SeenMotion(
        turn,
        told.translation_m,
        turn + fit[:3],
        fit[3:],
        _without(normal[:3, :3], normal[:3, 3:], normal[3:, 3:]),
        _without(normal[3:, 3:], normal[3:, :3], normal[:3, :3]),
    )


def _without(own: Float64Array, mixed: Float64Array, other: Float64Array) -> Float64Array:
    """Return the certainty of some numbers whatever the others are."""
    rest: Float64Array = own - mixed @ solve_normal(other + _REGULAR[:3, :3], mixed.T)
    return rest
