"""Metric depth that flickers less from frame to frame."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from depth_anything_ros.errors import CameraError, MotionError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement.motion_evidence import MotionEvidence
from depth_anything_ros.refinement.motion_watch import MotionWatch
from depth_anything_ros.refinement.moved_view import Seen, blocks, seen_from_now
from depth_anything_ros.types import Camera, Float32Array, Frame, MetricDepth


class Gate(NamedTuple):
    """
    Say what still counts as the same.

    The past counts by exp(-1) where inverse depth differs from it by the share `depth`, or its
    grey by `grey` of 255 levels from what a block, and `around` more on each side, show now.
    """

    depth: float
    grey: float
    around: int = 0


# What moved, or was uncovered, starts afresh.
SAME = Gate(0.3, 12.0)
# Where the past follows the camera, motion changes neither depth nor image: what is left is mostly
# error of the network, and of looking up between blocks.
SAME_FOLLOWED = Gate(0.6, 24.0, 1)
# The camera stands still if what is this near moves by no more than this in the image.
_NEAR_M, _STILL_PX = 0.5, 0.1


class TemporalFilter:
    """
    Smooth inverse depth over time, pixel by pixel, where image and depth stay as they are.

    s = d + w · (s_before − d) with d = 1 / depth of this frame and the weight of the past
    w = exp(−dt / τ) · exp(−(relative change of d / 0.3)²) · exp(−(change of grey / 12)²).
    Without change this is the exponential filter of time constant τ.

    Where the motion of the camera is known, s_before and the grey before are what they look like
    from where the camera is now, see :func:`seen_from_now`: static surfaces keep their past and do
    not lag, and twice as large a change counts as the same. A motion that the image contradicts
    is left out, and so is one that is not known. Then, where the camera or a thing moves, the
    image changes and the past is dropped, so that edges are not smeared; surfaces without texture
    keep it, and depth lags behind by at most τ times its rate of change.

    :param time_constant_s: τ in seconds, above 0.
    :param poses: where the camera was; None takes it to stand still.
    :param required: whether it is a fault if no pose ever comes.
    """

    name = 'temporal_filter'

    def __init__(
        self, time_constant_s: float, poses: PoseHistory | None = None, *, required: bool = False
    ) -> None:
        self._time_constant_s = time_constant_s
        self._poses = poses
        self._required = required
        self._watch = MotionWatch()
        self._evidence = MotionEvidence()
        self._past: Seen | None = None

    @property
    def state(self) -> str:
        """Return how the motion of the camera was known for the last frame, in words."""
        return self._watch.state if self._poses is not None else ''

    @property
    def doubt(self) -> str:
        """Return what is wrong with the motion of the camera that comes, or ''."""
        return self._watch.doubt

    @property
    def contradicted(self) -> bool:
        """Return whether most of the last images contradict how the camera is told to move."""
        return self._watch.contradicted

    def reset(self) -> None:
        """Forget the frames before."""
        self._past = None

    def __call__(self, metric: MetricDepth, frame: Frame) -> MetricDepth:
        """
        Return the smoothed depth; unknown stays unknown.

        The same image again, as for a cloud file, gives the same depth again. The first frame,
        one of another size or camera, one from before the last and another image of the same
        stamp go through unchanged.
        """
        inverse: Float32Array = np.reciprocal(metric.depth_m)
        now = Seen(inverse, blocks(frame.rgb), frame.stamp_ns, frame.frame_id)
        self._past = self._smoothed(self._past, now, frame.camera)
        return replace(metric, depth_m=np.reciprocal(self._past.inverse))

    def _smoothed(self, past: Seen | None, now: Seen, camera: Camera | None) -> Seen:
        if past is None or not past.like(now) or past.stamp_ns > now.stamp_ns:
            return now
        if past.stamp_ns == now.stamp_ns:
            # A clock that stands still must not freeze the depth.
            return past if np.array_equal(past.grey, now.grey) else now
        seconds = (now.stamp_ns - past.stamp_ns) * 1e-9
        before, gate = past, SAME
        if self._poses is not None:
            before = self._followed(self._poses, past, now, camera)
            gate = SAME if before is past else SAME_FOLLOWED
        age = seconds / self._time_constant_s
        inverse = _blend(now.inverse, before.inverse, _change(now, before, gate), age, gate)
        return replace(now, inverse=inverse)

    def _followed(self, poses: PoseHistory, past: Seen, now: Seen, camera: Camera | None) -> Seen:
        """Return the past as the camera sees it now, or as it was where motion tells nothing."""
        try:
            motion = poses.between(past.stamp_ns, now.stamp_ns)
            agreed = self._evidence.agrees(past, now, camera, poses)
            if agreed and camera is not None and _stands(motion, camera):
                self._watch.stands()
                return past
            moved = seen_from_now(past, now.inverse, camera, motion) if agreed else past
        except (MotionError, CameraError) as error:
            self._watch.unknown(str(error), fault=self._required or len(poses) > 0)
            return past
        self._watch.moved(agreed, partial(self._evidence.cause, poses))
        return moved


def _stands(motion: RigidTransform, camera: Camera) -> bool:
    moved = np.linalg.norm(motion.turn_rad) + np.linalg.norm(motion.translation_m) / _NEAR_M
    return bool(moved * max(camera.fx_px, camera.fy_px) < _STILL_PX)


def _change(now: Seen, before: Seen, gate: Gate) -> Float32Array:
    """Return by how much the grey of blocks has changed, NaN where it was unknown."""
    if not gate.around:
        return now.grey - before.grey
    window = np.ones(2 * (2 * gate.around + 1,), np.uint8)
    darkest, brightest = cv2.erode(now.grey, window), cv2.dilate(now.grey, window)
    change: Float32Array = before.grey - np.minimum(np.maximum(before.grey, darkest), brightest)
    return change


def _blend(
    inverse: Float32Array, before: Float32Array, grey_change: Float32Array, age: float, gate: Gate
) -> Float32Array:
    """
    Return the smoothed inverse depth; where the past is unknown, that of this frame.

    :param age: of the past, in time constants.
    """
    height, width = inverse.shape
    # As a logarithm, all that is the same for a block is added up before there are pixels.
    of_blocks = -age - np.square(grey_change * np.float32(1 / gate.grey))
    change: Float32Array = before - inverse
    weight: Float32Array = change / inverse
    cv2.multiply(weight, weight, dst=weight, scale=-1 / gate.depth**2)
    weight += cv2.resize(of_blocks, (width, height))
    cv2.exp(weight, dst=weight)
    weight *= change
    # Where nothing was known, and where both are infinitely far.
    cv2.patchNaNs(weight, 0.0)
    weight += inverse
    return weight
