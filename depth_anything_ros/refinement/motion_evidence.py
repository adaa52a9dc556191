"""Whether images bear out how the camera is told to move."""

from __future__ import annotations

from collections import deque

import numpy as np

from depth_anything_ros.errors import MotionError
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement.motion_cause import OFF, Judged, likely_cause
from depth_anything_ros.refinement.moved_view import Seen, motion_seen
from depth_anything_ros.types import Camera

# Images closer in time than this show too little motion to judge by.
_SPACING_NS = 90_000_000
# The motion that is told must leave less than this share of what no motion leaves.
_LEFT = 0.5
# An image counts by no more than this, so that a single one (odometry that is reset) contradicts
# none but itself. What many say fades by this share with each, and adds up to no more than that.
_MOST, _FADE, _ALL = OFF, 0.1, 3 * OFF
# Images by which a cause is looked for.
_KEPT = 20
_NONE = np.zeros(3)


class _Balance:
    """Weigh how far off what is told of turns, or of moves, is, against how far off none is."""

    def __init__(self) -> None:
        self._balance = 0.0

    def add(self, told: float, none: float) -> bool:
        """Take in the misfits of an image; return whether all so far bear out what was told."""
        self._balance *= 1.0 - _FADE
        if max(told, none) > OFF:
            self._balance += min(max(_LEFT * none - told, -_MOST), _MOST)
            self._balance = min(max(self._balance, -_ALL), _ALL)
        return told <= none + _ALL and self._balance >= -OFF


class MotionEvidence:
    """
    Weigh what images say of the motion that is told, ten times a second at most.

    A camera that is told to stand is one that is told no motion. Nothing seen is nothing against
    it.
    """

    def __init__(self) -> None:
        self._turns, self._moves = _Balance(), _Balance()
        self._judged: deque[Judged] = deque(maxlen=_KEPT)
        self._before: Seen | None = None
        self._agreed = True

    def agrees(self, past: Seen, now: Seen, camera: Camera | None, poses: PoseHistory) -> bool:
        """
        Return whether a frame, with those before it, bears out how the camera is told to move.

        :param past: the frame before, of the same camera and size.
        :raises CameraError: if the camera is not calibrated or of another size.
        """
        before = self._before
        if before is None or not before.like(now) or before.stamp_ns < past.stamp_ns - _SPACING_NS:
            before = past
        if now.stamp_ns - before.stamp_ns < _SPACING_NS:
            self._before = before
        else:
            self._agreed = self._judge(before, now, camera, poses)
            self._before = now
        return self._agreed

    def cause(self, poses: PoseHistory) -> str:
        """Return what most likely is wrong with the motion that is told, and the cure."""
        return likely_cause(self._judged, poses)

    def _judge(self, before: Seen, now: Seen, camera: Camera | None, poses: PoseHistory) -> bool:
        try:
            told = poses.between(before.stamp_ns, now.stamp_ns)
            pose = poses.at(now.stamp_ns)
        except MotionError:
            return self._agreed
        seen = motion_seen(before, now, camera, told)
        if seen is None:
            return self._weigh(0.0, 0.0, 0.0, 0.0)
        turns = seen.turn_misfit(seen.told_turn), seen.turn_misfit(_NONE)
        moves = seen.move_misfit(seen.told_move), seen.move_misfit(_NONE)
        if max(*turns, *moves) > OFF:
            self._judged.append(Judged(before.stamp_ns, now.stamp_ns, seen, pose.rotation))
        return self._weigh(*turns, *moves)

    def _weigh(self, turn: float, no_turn: float, move: float, no_move: float) -> bool:
        turns, moves = self._turns.add(turn, no_turn), self._moves.add(move, no_move)
        return turns and moves
