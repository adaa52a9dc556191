"""Odometry that is wrong, on simulated drives: whether the filter over time finds it out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.simulation.journey import SPEED_M_S, RobotFrame, journey
from depth_anything_ros.lab.simulation.odometry import OdometryError, WheelOdometry
from depth_anything_ros.lab.simulation.robot import BasePose, Robot, robot_camera
from depth_anything_ros.lab.trials.refinement_trial import Option, camera_at
from depth_anything_ros.lab.trials.scale_trial import FARTHEST_M, NEAREST_M, RATE_HZ, true_depth
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement import TemporalFilter
from depth_anything_ros.refinement.motion_watch import CONTRADICTED, FOLLOWED
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.types import Camera, DepthReference, MetricDepth

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor

_TIME_CONSTANT_S = 0.3
_Told = Callable[[Robot, BasePose], RigidTransform]
_EXACT = OdometryError()


@dataclass(frozen=True)
class Odometry:
    """Odometry as it is told: `told` gives the optical frame for where the base is by `error`."""

    name: str
    right: bool
    error: OdometryError = _EXACT
    told: _Told = camera_at


# Where odometry begins to count from.
_START = BasePose(0.0, 0.0, 0.0)


def _of_base(change: Callable[[float, float, float], tuple[float, float, float]]) -> _Told:
    """Return the optical frame of a base whose x, y and yaw are told otherwise."""
    return lambda robot, base: camera_at(robot, BasePose(*change(*base)))


def _mounted(yaw_rad: float) -> _Told:
    """Return the optical frame of a camera whose mounting is told to be turned to the left."""
    return lambda robot, base: (
        _body(base) @ RigidTransform.from_pose(0, 0, 0, 0, 0, yaw_rad) @ camera_at(robot, _START)
    )


def _with_body_axes(robot: Robot, base: BasePose) -> RigidTransform:
    """Return a frame in the place of the lens with x ahead."""
    return RigidTransform(_body(base).rotation, camera_at(robot, base).translation_m)


def _body(base: BasePose) -> RigidTransform:
    return RigidTransform.from_pose(base.x_m, base.y_m, 0, 0, 0, base.yaw_rad)


def _since(start: BasePose, base: BasePose) -> BasePose:
    """Return where a base is from where it was at the start."""
    cos, sin = math.cos(start.yaw_rad), math.sin(start.yaw_rad)
    x_m, y_m = base.x_m - start.x_m, base.y_m - start.y_m
    return BasePose(cos * x_m + sin * y_m, cos * y_m - sin * x_m, base.yaw_rad - start.yaw_rad)


def _of_another(robot: Robot, base: BasePose) -> RigidTransform:
    """Return where another robot is, which drives curves while this one drives."""
    way_m = math.hypot(base.x_m, base.y_m)
    yaw_rad = math.sin(3.0 * way_m)
    return camera_at(robot, BasePose(0.5 * way_m, 0.3 * way_m, yaw_rad))


TOLD = (
    Odometry('right', True),
    Odometry('5 % more, 50 ms late', True, OdometryError(0.05, 0.05)),
    Odometry('5 % less, 50 ms early', True, OdometryError(-0.05, -0.05)),
    Odometry('x and y negated', False, told=_of_base(lambda x, y, yaw: (-x, -y, yaw))),
    Odometry('y negated', False, told=_of_base(lambda x, y, yaw: (x, -y, yaw))),
    Odometry('yaw negated', False, told=_of_base(lambda x, y, yaw: (x, y, -yaw))),
    Odometry('x and y swapped', False, told=_of_base(lambda x, y, yaw: (y, x, yaw))),
    Odometry('body axes as optical', False, told=_with_body_axes),
    Odometry('camera 90° to the left', False, told=_mounted(math.pi / 2)),
    Odometry('millimetres', False, told=_of_base(lambda x, y, yaw: (1e3 * x, 1e3 * y, yaw))),
    Odometry('1 s late', False, OdometryError(late_s=1.0)),
    Odometry('frozen', False, told=lambda robot, _: camera_at(robot, _START)),
    Odometry('of another robot', False, told=_of_another),
)


@dataclass(frozen=True)
class DriveVerdict:
    """
    What the filter made of odometry on a drive.

    Of `moved` frames, for which a motion was told, `left_out` did not follow it. `doubt` is what
    diagnostics said at the end, '' if nothing, and `after_s` when they first said anything.
    """

    odometry: str
    drive: int
    moved: int
    left_out: int
    doubt: str
    after_s: float | None


@dataclass(frozen=True)
class OdometryResult:
    """Verdicts on odometry over drives: `doubted` of `drives`, and what was said most often."""

    odometry: str
    right: bool
    drives: int
    doubted: int
    left_out: float
    after_s: float | None
    told: str


def try_odometry(
    seed: int, frames: int, predictor: Predictor, camera: Camera | None = None
) -> Iterator[DriveVerdict]:
    """
    Iterate over what the filter over time makes of odometry on a drive, for all of `TOLD`.

    Depth has its metres from exact depth, as in the trial of refinements.

    :param seed: of the room.
    :param frames: at 10 Hz.
    :param camera: None is 640×480.
    """
    camera = camera or robot_camera()
    source = DepthImageScale(NEAREST_M, FARTHEST_M, 1.0 / RATE_HZ)
    pipeline = Option.plain().pipeline(predictor, source)
    drive: list[tuple[RobotFrame, MetricDepth | None]] = []
    for frame in journey(seed, frames, RATE_HZ, camera, Robot(), SPEED_M_S):
        image = frame.rgbd.frame
        source.add_reference(DepthReference(true_depth(frame), image.stamp_ns))
        drive.append((frame, pipeline.process(image).metric))
    for odometry in TOLD:
        yield _judged(odometry, seed, drive)


def _judged(
    odometry: Odometry, seed: int, drive: Iterable[tuple[RobotFrame, MetricDepth | None]]
) -> DriveVerdict:
    poses, wheels, robot = PoseHistory(), WheelOdometry(odometry.error), Robot()
    step = TemporalFilter(_TIME_CONSTANT_S, poses)
    states: Counter[str] = Counter()
    start: BasePose | None = None
    first_s, doubt = None, ''
    for number, (frame, metric) in enumerate(drive):
        for stamp_ns, base in wheels.follow(frame.track):
            start = start or base
            poses.add(stamp_ns, odometry.told(robot, _since(start, base)))
        if metric is None:
            continue
        step(metric, frame.rgbd.frame)
        states[step.state] += 1
        doubt = step.doubt if step.contradicted else ''
        if doubt and first_s is None:
            first_s = number / RATE_HZ
    moved = states[FOLLOWED] + states[CONTRADICTED]
    return DriveVerdict(odometry.name, seed, moved, states[CONTRADICTED], doubt, first_s)


def summarise_odometry(verdicts: Sequence[DriveVerdict]) -> list[OdometryResult]:
    """Return the figures of each odometry over its drives, in the order of `TOLD`."""
    results = []
    for odometry in TOLD:
        own = [verdict for verdict in verdicts if verdict.odometry == odometry.name]
        doubts = Counter(verdict.doubt for verdict in own if verdict.doubt)
        after = [verdict.after_s for verdict in own if verdict.after_s is not None]
        results.append(
            OdometryResult(
                odometry.name,
                odometry.right,
                len(own),
                sum(verdict.after_s is not None for verdict in own),
                sum(one.left_out for one in own) / max(sum(one.moved for one in own), 1),
                float(np.median(after)) if after else None,
                doubts.most_common(1)[0][0] if doubts else '',
            )
        )
    return results
