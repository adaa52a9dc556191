"""A tape measure tried in simulated rooms: how far off the scale is that few readings give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.lab.tape.advice import NEAREST_M, REACH_M, Planner
from depth_anything_ros.lab.tape.fit import TOLERANCE, TapeFit, fit_tape
from depth_anything_ros.lab.tape.line import Reading, around
from depth_anything_ros.lab.trials.edges import edge_band
from depth_anything_ros.lab.trials.scale_trial import AffineNetwork, true_depth
from depth_anything_ros.types import Float32Array

# The first two points are as near and as far as there are places, but for this factor.
_ENDS = 1.15
_SIZE = (320, 240)
# An outlier reads so many times too far.
_GROSS = 1.5


@dataclass(frozen=True)
class TapeTrial:
    """
    What one set of readings gave.

    `scale_error` and `depth_error` are relative, the latter the median over the image; `expected`
    is the standard error of the scale as the fit told it. They are None, with the reason in
    `refusal`, where there was no scale. `outlier` tells whether one reading was
    grossly wrong, and `found` whether it is the one that was refused.
    """

    seed: int
    scale_error: float | None = None
    depth_error: float | None = None
    expected: float | None = None
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
    expected: float | None
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
        expected = [trial.expected for trial in trials if trial.expected is not None]
        left = [trial.leave_one_out for trial in trials if trial.leave_one_out is not None]
        return cls(
            title=title,
            rooms=len(trials),
            fitted=len(scale),
            expected=_percentile(expected, 50),
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
            self.expected, self.scale_p50, self.scale_p90, self.depth_p50, self.depth_p90,
            self.leave_one_out,
        )  # fmt: skip


def try_tape(
    seeds: range,
    points: int,
    reading_error_m: float,
    tolerance: float = TOLERANCE,
    reach_m: float = REACH_M,
) -> Iterator[TapeTrial]:
    """
    Iterate over what readings in random rooms give: right ones, and with an outlier.

    A seed is a room.

    The network stands for one with three per cent of noise whose scale and shift are not known. A
    reading is off by anything up to `reading_error_m`, an outlier by a half; points are as a
    person chooses them who begins with a near and a far one and then does as :class:`Planner`
    says.

    :param points: two to five.
    :param reading_error_m: the largest error of a reading.
    :param tolerance: as :func:`fit_tape` takes it.
    :param reach_m: the farthest distance that can be measured.
    """
    for seed in seeds:
        (frame,) = journey(seed, 1, camera=robot_camera(*_SIZE))
        depth_m, rng = true_depth(frame), np.random.default_rng(seed)
        network = AffineNetwork.random(seed)
        room = _Room(f'room {seed}', depth_m, network.predict(depth_m).values, rng)
        readings = room.advised(points, reading_error_m, reach_m)
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
                expected=fit.scale_error,
                leave_one_out=fit.leave_one_out,
                found=outlier is not None and _refused(fit) == [outlier],
            )


@dataclass(frozen=True)
class _Room:
    """What a camera and a person with a tape measure see."""

    name: str
    depth_m: Float32Array
    relative: Float32Array
    rng: np.random.Generator

    def advised(self, points: int, reading_error_m: float, reach_m: float) -> list[Reading]:
        """Return a near and a far reading and those that are advised; fewer without places."""
        depth_m = self.depth_m
        usable = (depth_m > NEAREST_M) & (depth_m < reach_m) & ~edge_band(depth_m)
        if not usable.any():
            return []
        nearest_m, farthest_m = float(depth_m[usable].min()), float(depth_m[usable].max())
        readings = []
        for wanted in (depth_m <= nearest_m * _ENDS, depth_m >= farthest_m / _ENDS):
            row, column = self.rng.choice(np.argwhere(usable & wanted))
            readings.append(self._reading(int(row), int(column), reading_error_m))
        picture = {self.name: np.where(usable, self.relative, np.float32(np.nan))}
        while len(readings) < points:
            best = Planner(readings, reading_error_m).best_next(picture, farthest_m)
            if best is None or not best.picture:
                break
            readings.append(self._reading(best.row, best.column, reading_error_m))
        return readings

    def _reading(self, row: int, column: int, reading_error_m: float) -> Reading:
        error_m = self.rng.uniform(-reading_error_m, reading_error_m)
        return Reading(
            self.name, column, row, float(np.median(around(self.relative, column, row))),
            float(self.depth_m[row, column]) + error_m,
        )  # fmt: skip


def _percentile(errors: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(errors, percent)) if errors else None


def _refused(fit: TapeFit) -> list[int]:
    return [number for number, point in enumerate(fit.points) if point.refused]
