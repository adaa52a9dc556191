"""What is wrong with a motion that images contradict: causes tried on the last frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MotionError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.motion.seen_motion import SeenMotion
from depth_anything_ros.types import Float64Array

# In squared standard deviations: what is less far off says nothing.
OFF = 20.0
# A cause leaves at most this share of the misfit, as a mean over at least so many frames.
_LEFT, _FEWEST = 0.35, 3
# Of many that are tried, one seems to fit by chance.
_LEFT_OF_MANY = 0.1
_LAGS_S = tuple(0.1 * step for step in range(-30, 31) if step)
# Turns and moves, in radians and metres, that are none.
_NOTHING = 1e-4
# How a camera that looks to its left, or right, sees what it would see ahead.
_LEFTWARD = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
_SWAP = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
# Ways so many times too short leave nothing of a move but what turns of the robot add.
_MUCH = 5.0
_METRES = 'odometry is in metres, and depth needs its scale'
_NONE = np.zeros(3)
_OR_OTHER = 'or it is of another robot'
_CHECK = 'check child_frame_id, TF and odometry_pose'


@dataclass(frozen=True)
class Judged:
    """What was seen between two stamps, and how the camera then lay in the fixed frame."""

    before_ns: int
    now_ns: int
    seen: SeenMotion
    heading: Float64Array


_Told = Callable[[Judged], 'Float64Array | None']


def likely_cause(judged: Sequence[Judged], poses: PoseHistory) -> str:
    """
    Return what most likely is wrong with a motion that images contradict, and the cure.

    Some dozens of causes are tried on each frame, which takes some tens of milliseconds.
    """
    if all(_is_none(one.seen) for one in judged):
        return 'it says that the camera stands: look whether it comes from this robot, and changes'
    found = _of_turns(judged, poses) or _of_moves(judged)
    return found or f'{_CHECK}, whether the clocks agree, and whether it is of this robot'


def _is_none(seen: SeenMotion) -> bool:
    return bool(max(np.abs(seen.told_turn).max(), np.abs(seen.told_move).max()) < _NOTHING)


def _of_turns(judged: Sequence[Judged], poses: PoseHistory) -> str:
    told = _turn_left(judged, lambda one: one.seen.told_turn)
    if not told > _LEFT:
        return ''
    if _turn_left(judged, lambda one: -one.seen.told_turn) <= _LEFT:
        return 'it turns the other way than it says (yaw counts counter-clockwise from above)'
    if _turn_left(judged, lambda one: OPTICAL_FROM_BODY.rotation @ one.seen.told_turn) <= _LEFT:
        return (
            'the frame of the images is taken to have x ahead, as the axes of a body: let images '
            'name their optical frame (x right, y down, z ahead), or set odometry_pose'
        )
    if not _turn_left(judged, lambda _: _NONE) > _LEFT:
        return ''
    left = {lag_s: _turn_left(judged, partial(_turn_at, poses, lag_s)) for lag_s in _LAGS_S}
    lag_s = min(left, key=left.__getitem__)
    if left[lag_s] <= _LEFT_OF_MANY:
        return (
            f'its stamps are about {abs(lag_s):.1f} s too {"late" if lag_s > 0 else "early"}: '
            'synchronise the clocks, or stamp odometry when it is measured'
        )
    return ''


def _of_moves(judged: Sequence[Judged]) -> str:
    causes: dict[str, _Told] = {
        'it moves the other way than it says: its position is negated, or the camera is taken to '
        f'look back; {_CHECK}': lambda one: -one.seen.told_move,
        f'the camera is taken to look 90° too far to the right; {_CHECK}': (
            lambda one: _LEFTWARD @ one.seen.told_move
        ),
        f'the camera is taken to look 90° too far to the left; {_CHECK}': (
            lambda one: _LEFTWARD.T @ one.seen.told_move
        ),
        f'x and y of its position are swapped, {_OR_OTHER}': partial(_mirrored, _SWAP),
        f'y of its position is negated, {_OR_OTHER}': partial(_mirrored, np.diag([1, -1, 1])),
    }
    left = {words: _move_left(judged, told) for words, told in causes.items()}
    likeliest = min(left, key=left.__getitem__)
    if left[likeliest] <= _LEFT:
        return likeliest
    times = _times_shown(judged)
    if times > 0 and _move_left(judged, lambda one: times * one.seen.told_move) <= _LEFT:
        factor, word = (times, 'short') if times > 1 else (1 / times, 'long')
        return (
            f'the ways it tells are about {factor:.2g} times too {word} for the depth; {_METRES}'
        )
    if times > _MUCH:
        return f'the ways it tells are much too short for the depth; {_METRES}'
    return ''


def _mirrored(turned: NDArray[Any], one: Judged) -> Float64Array:
    """Return the move that is told with the axes of the fixed frame turned into others."""
    return np.asarray(one.heading.T @ turned @ one.heading @ one.seen.told_move)


def _times_shown(judged: Sequence[Judged]) -> float:
    """Return how many times as far as told the camera has moved."""
    told = shown = 0.0
    for one in judged:
        weighted = one.seen.told_move @ one.seen.move_certainty
        told += float(weighted @ one.seen.told_move)
        shown += float(weighted @ one.seen.move)
    return shown / told if told > 0 else 0.0


def _turn_at(poses: PoseHistory, lag_s: float, one: Judged) -> Float64Array | None:
    lag_ns = round(lag_s * 1e9)
    try:
        return poses.between(one.before_ns + lag_ns, one.now_ns + lag_ns).turn_rad
    except MotionError:
        return None


def _turn_left(judged: Sequence[Judged], told: _Told) -> float:
    """Return what of the misfit other turns leave, as :func:`_left`."""

    def worst(seen: SeenMotion) -> float:
        return max(seen.turn_misfit(seen.told_turn), seen.turn_misfit(_NONE))

    return _left(judged, told, SeenMotion.turn_misfit, worst)


def _move_left(judged: Sequence[Judged], told: _Told) -> float:
    """Return what of the misfit other moves leave, as :func:`_left`."""
    return _left(judged, told, SeenMotion.move_misfit, lambda seen: seen.move_misfit(_NONE))


def _left(
    judged: Sequence[Judged],
    told: _Told,
    misfit: Callable[[SeenMotion, Float64Array], float],
    whole: Callable[[SeenMotion], float],
) -> float:
    """Return the mean share of the whole misfit that is left; infinite if nothing is known."""
    shares = []
    for one in judged:
        other, most = told(one), whole(one.seen)
        if other is not None and most >= OFF:
            shares.append(min(1.0, misfit(one.seen, other) / most))
    return float(np.mean(shares)) if len(shares) >= _FEWEST else np.inf
