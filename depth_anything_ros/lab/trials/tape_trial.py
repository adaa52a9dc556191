"""A tape measure tried in simulated rooms: how far off the scale is that few readings give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.lab.tape import TOLERANCE, Reading, TapeFit, around, fit_tape
from depth_anything_ros.lab.trials.edges import edge_band
from depth_anything_ros.lab.trials.scale_trial import AffineNetwork, true_depth
from depth_anything_ros.types import Float32Array

# What is in reach of a tape measure.
NEAREST_M, FARTHEST_M = 0.4, 3.0
_SIZE = (320, 240)
# An outlier reads so many times too far.
_GROSS = 1.5


@dataclass(frozen=True)
class TapeTrial:
    """
    What one set of readings gave.

    `scale_error` and `depth_error` are relative, the latter the median over the image; None, with
    the reason in `refusal`, where there was no scale. `outlier` tells whether one reading was
    grossly wrong, and `found` whether it is the one that was refused.
    """

    seed: int
    scale_error: float | None = None
    depth_error: float | None = None
    leave_one_out: float | None = None
    refusal: str = ''
    outlier: bool = False
    found: bool = False


@dataclass(frozen=True)
class TapeResult:
    """
    The figures of the trials of one kind; errors are relative, None is not known.

    `fitted` of `rooms` had a scale; in `found` of them the reading that was wrong was refused.
    """

    title: str
    rooms: int
    fitted: int
    scale_p50: float | None
    scale_p90: float | None
    depth_p50: float | None
    depth_p90: float | None
    leave_one_out: float | None
    outlier: bool
    found: int

    @classmethod
    def of(cls, title: str, trials: Sequence[TapeTrial]) -> TapeResult:
        """Return the figures of some trials, at least one."""
        scale = [trial.scale_error for trial in trials if trial.scale_error is not None]
        depth = [trial.depth_error for trial in trials if trial.depth_error is not None]
        left = [trial.leave_one_out for trial in trials if trial.leave_one_out is not None]
        return cls(
            title=title,
            rooms=len(trials),
            fitted=len(scale),
            scale_p50=_percentile(scale, 50),
            scale_p90=_percentile(scale, 90),
            depth_p50=_percentile(depth, 50),
            depth_p90=_percentile(depth, 90),
            leave_one_out=float(np.mean(left)) if left else None,
            outlier=any(trial.outlier for trial in trials),
            found=sum(trial.found for trial in trials),
        )

    def figures(self) -> tuple[float | None, ...]:
        """Return the errors in the order of the fields."""
        return (
            self.scale_p50, self.scale_p90, self.depth_p50, self.depth_p90, self.leave_one_out
        )  # fmt: skip


def try_tape(
    seeds: range, points: int, reading_error_m: float, tolerance: float = TOLERANCE
) -> Iterator[TapeTrial]:
    """
    Iterate over what readings in random rooms give: right ones, and with an outlier.

    A seed is a room.

    The network stands for one with three per cent of noise whose scale and shift are not known. A
    reading is off by anything up to `reading_error_m`, an outlier by a half; points are as a
    person chooses them: at distances from near to far, and not at edges.

    :param points: two to five.
    :param reading_error_m: the largest error of a reading.
    :param tolerance: as :func:`fit_tape` takes it.
    """
    for seed in seeds:
        (frame,) = journey(seed, 1, camera=robot_camera(*_SIZE))
        depth_m, rng = true_depth(frame), np.random.default_rng(seed)
        network = AffineNetwork.random(seed)
        relative = network.predict(depth_m).values
        readings = [
            Reading(
                f'room {seed}', column, row, float(np.median(around(relative, column, row))),
                float(depth_m[row, column]) + rng.uniform(-reading_error_m, reading_error_m),
            )
            for row, column in _chosen(depth_m, points, rng)
        ]  # fmt: skip
        for outlier in (None, int(rng.integers(max(1, len(readings))))):
            told = [
                replace(one, depth_m=one.depth_m * (_GROSS if number == outlier else 1.0))
                for number, one in enumerate(readings)
            ]
            trial = TapeTrial(seed, outlier=outlier is not None)
            try:
                fit = fit_tape(told, reading_error_m, tolerance)
            except AlignmentError as error:
                yield replace(trial, refusal=str(error))
                continue
            yield replace(
                trial,
                scale_error=network.scale_error(fit.alignment),
                depth_error=network.depth_error(fit.alignment, depth_m),
                leave_one_out=fit.leave_one_out,
                found=outlier is not None and _refused(fit) == [outlier],
            )


def _chosen(depth_m: Float32Array, points: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return row and column of points at distances from near to far, none at an edge."""
    usable = (depth_m > NEAREST_M) & (depth_m < FARTHEST_M) & ~edge_band(depth_m)
    if not usable.any():
        return []
    bounds = np.geomspace(depth_m[usable].min(), depth_m[usable].max() * 1.0001, points + 1)
    found = []
    for nearest, farthest in pairwise(bounds):
        rows, columns = np.nonzero(usable & (depth_m >= nearest) & (depth_m < farthest))
        if len(rows):
            place = int(rng.integers(len(rows)))
            found.append((int(rows[place]), int(columns[place])))
    return found


def _percentile(errors: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(errors, percent)) if errors else None


def _refused(fit: TapeFit) -> list[int]:
    return [number for number, point in enumerate(fit.points) if point.refused]
