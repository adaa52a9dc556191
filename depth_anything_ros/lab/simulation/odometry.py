"""What a simulated robot's wheels say of its way: the truth, or with errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from depth_anything_ros.lab.simulation.robot import BasePose


class StampedPose(NamedTuple):
    """Where the base is at one time."""

    stamp_ns: int
    base: BasePose


@dataclass(frozen=True)
class OdometryError:
    """
    How odometry errs.

    :param share: how much too far every way and turn is told to be, as a share of it.
    :param late_s: how much too late its stamps are; below 0, too early.
    """

    share: float = 0.0
    late_s: float = 0.0


class WheelOdometry:
    """
    Follow the base of a robot and tell where it has come, step by step.

    :param error: how it errs.
    """

    def __init__(self, error: OdometryError) -> None:
        self._gain = 1.0 + error.share
        self._late_ns = round(error.late_s * 1e9)
        self._true: BasePose | None = None
        self._told = BasePose(0.0, 0.0, 0.0)

    def follow(self, track: Iterable[StampedPose]) -> Iterator[StampedPose]:
        """Iterate over what is told of the next poses; the first one of all is told right."""
        for stamp_ns, base in track:
            self._told = base if self._true is None else self._moved(self._true, base)
            self._true = base
            yield StampedPose(stamp_ns + self._late_ns, self._told)

    def _moved(self, before: BasePose, now: BasePose) -> BasePose:
        told, gain = self._told, self._gain
        turned = told.yaw_rad - before.yaw_rad
        x_m, y_m = now.x_m - before.x_m, now.y_m - before.y_m
        return BasePose(
            told.x_m + gain * (math.cos(turned) * x_m - math.sin(turned) * y_m),
            told.y_m + gain * (math.sin(turned) * x_m + math.cos(turned) * y_m),
            told.yaw_rad + gain * (now.yaw_rad - before.yaw_rad),
        )
