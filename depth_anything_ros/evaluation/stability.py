"""
How much the depth of static points changes from one frame to the next.

With poses and exact depth a point is followed from image to image; without them, what does not
change in truth must not change in the prediction either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.geometry.projection import project_points
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Camera, Float32Array

# Truth that agrees this closely, as a share of depth, is of the same point.
SAME_SHARE = 0.02
_STEP_PX = 4
_FEWEST_POINTS = 100
# Frames further apart than this many median gaps are not compared.
_LONGEST_GAPS = 1.5


@dataclass(frozen=True)
class DepthPair:
    """One frame's predicted and true depth, float32 (H, W) in metres, NaN unknown."""

    prediction_m: Float32Array
    truth_m: Float32Array


@dataclass(frozen=True)
class DepthChange:
    """
    The mean absolute change of the depth of static points over one frame.

    `metres` is of the error p − t, so that motion of the camera does not count; `share` of the
    ratio p / t. `points` is how many points were seen in both frames.
    """

    metres: float
    share: float
    points: int


def tracked_change(
    before: DepthPair, now: DepthPair, camera: Camera, now_from_before: RigidTransform
) -> DepthChange | None:
    """
    Follow the points of every fourth pixel of each row and column from one frame to the next.

    A point is seen again where it falls into the image and the truth there is within 2 % of its
    depth, so that nothing hides it.

    :param before: the earlier frame.
    :param now: the later frame.
    :param camera: of both.
    :param now_from_before: the earlier optical frame in the later one.
    :return: None where fewer than 100 points are seen in both with a prediction.
    :raises CameraError: if the camera is not calibrated or of another size than the frames.
    """
    for frame in (before, now):
        require_calibrated(camera, *frame.truth_m.shape)
    rows, columns = np.nonzero(np.isfinite(before.truth_m[::_STEP_PX, ::_STEP_PX]))
    rows, columns = rows * _STEP_PX, columns * _STEP_PX
    truth_m = before.truth_m[rows, columns].astype(np.float64)
    rays = ray_table(camera)[rows, columns]
    points_m = now_from_before.apply(np.column_stack([rays * truth_m[:, None], truth_m]))
    pixels = project_points(camera, points_m)
    seen = np.isfinite(pixels).all(axis=1)
    now_columns, now_rows = np.rint(pixels[seen]).astype(np.intp).T
    same = np.abs(now.truth_m[now_rows, now_columns] / points_m[seen, 2] - 1) <= SAME_SHARE
    return _change(
        DepthPair(before.prediction_m[rows, columns][seen][same], truth_m[seen][same]),
        DepthPair(
            now.prediction_m[now_rows, now_columns][same], now.truth_m[now_rows, now_columns][same]
        ),
    )


def unmoved_change(before: DepthPair, now: DepthPair) -> DepthChange | None:
    """
    Compare the pixels whose truth stays within 2 %, as all of a still camera's do.

    :return: None where these are fewer than 100, or the images differ in size.
    """
    if before.truth_m.shape != now.truth_m.shape:
        return None
    same = np.abs(now.truth_m / before.truth_m - 1) <= SAME_SHARE
    return _change(
        DepthPair(before.prediction_m[same], before.truth_m[same]),
        DepthPair(now.prediction_m[same], now.truth_m[same]),
    )


@dataclass(frozen=True)
class _Step:
    """What changed from one scored frame to the next, and how long after it came."""

    gap_ns: int
    change: DepthChange | None


@dataclass(frozen=True)
class Stability:
    """
    The mean change from frame to frame, in metres and as a share of depth.

    It is of that many `frames`; `gap_s` is their mean time since the frame before. None is not
    known.
    """

    change_m: float | None
    change: float | None
    frames: int
    gap_s: float | None


class StabilityMean:
    """
    Average :func:`unmoved_change` over the scored frames of a run; only the last one is kept.

    Frames between which others were lost do not count, as more changes in a longer time: the
    gap between the two may be 1.5 times the median gap at most. Neither do those with hardly a
    pixel whose truth stayed.
    """

    def __init__(self) -> None:
        self._before: tuple[int, DepthPair] | None = None
        self._steps: list[_Step] = []

    def add(self, stamp_ns: int, frame: DepthPair) -> None:
        """Take in the next frame; one from before the last, or of another size, starts anew."""
        before, self._before = self._before, (stamp_ns, frame)
        if before is None or before[1].truth_m.shape != frame.truth_m.shape:
            return
        if stamp_ns > before[0]:
            change = unmoved_change(before[1], frame)
            self._steps.append(_Step(stamp_ns - before[0], change))

    def result(self) -> Stability:
        """Return the means, from any thread."""
        steps = list(self._steps)
        longest_ns = _LONGEST_GAPS * np.median([step.gap_ns for step in steps]) if steps else 0.0
        counted = [
            (step.change, step.gap_ns)
            for step in steps
            if step.change is not None and step.gap_ns <= longest_ns
        ]
        frames = len(counted)
        if not frames:
            return Stability(None, None, 0, None)
        return Stability(
            change_m=sum(change.metres for change, _ in counted) / frames,
            change=sum(change.share for change, _ in counted) / frames,
            frames=frames,
            gap_s=sum(gap_ns for _, gap_ns in counted) * 1e-9 / frames,
        )


def _change(before: DepthPair, now: DepthPair) -> DepthChange | None:
    """Return the change between the same points of two frames, each float (n,)."""
    error = (now.prediction_m - now.truth_m) - (before.prediction_m - before.truth_m)
    ratio = now.prediction_m / now.truth_m - before.prediction_m / before.truth_m
    known: NDArray[np.bool_] = np.isfinite(ratio)
    points = int(known.sum())
    if points < _FEWEST_POINTS:
        return None
    return DepthChange(
        float(np.abs(error[known]).mean()), float(np.abs(ratio[known]).mean()), points
    )
