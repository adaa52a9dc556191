"""The optional refinements tried side by side: what each does to the depth, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.ground import GroundState
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.obstacle_metrics import metric_name
from depth_anything_ros.evaluation.protocol import (
    AlignedPrediction,
    AlignmentMode,
    align_prediction,
)
from depth_anything_ros.evaluation.stability import DepthPair, tracked_change
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.flying_pixels import flying_pixels
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, metric_view
from depth_anything_ros.lab.simulation.journey import RobotFrame, journey
from depth_anything_ros.lab.simulation.odometry import OdometryError, WheelOdometry
from depth_anything_ros.lab.simulation.robot import BasePose, Robot, robot_camera
from depth_anything_ros.lab.trials.edges import between_surfaces, edge_band
from depth_anything_ros.lab.trials.scale_trial import (
    FARTHEST_M,
    NEAREST_M,
    RATE_HZ,
    true_depth,
)
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.refinement import create_refinements
from depth_anything_ros.scale import create_tracker
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.types import (
    Camera,
    DepthReference,
    DepthSample,
    Frame,
    MetricDepth,
    OutputKind,
)

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor

PLAIN, ALL = 'none', 'all'
SMOOTHING = 'temporal_smoothing_s'
# What is told of the motion of the camera, and the name of the option with it.
EXACT = OdometryError()
ODOMETRY = {
    f'{SMOOTHING}, odometry': EXACT,
    f'{SMOOTHING}, odometry 5 % off, 50 ms late': OdometryError(share=0.05, late_s=0.05),
}
USUAL = ScoringRule()
_OBSTACLES = 'missed', 'false', 'false_free'


@dataclass(frozen=True)
class Option:
    """
    Name a way to run the depth node, with the parameters in force.

    `odometry` is how wrong the odometry is that it hears on a drive; None is that it hears none.
    """

    name: str
    config: DepthNodeConfig
    odometry: OdometryError | None = None

    @classmethod
    def plain(cls) -> Option:
        """Return the way without any refinement."""
        return cls(PLAIN, DepthNodeConfig())

    def pipeline(self, predictor: Predictor, source: DepthImageScale | None) -> DepthPipeline:
        """Return a new pipeline for it, which remembers nothing."""
        poses = PoseHistory()
        return DepthPipeline(
            predictor,
            source,
            create_tracker(self.config.scale),
            self.config.max_depth_m,
            refinements=create_refinements(self.config.refinement, poses),
            poses=poses,
        )


@dataclass(frozen=True)
class Record:
    """
    What one option made of one image.

    `values` are `abs_rel` and `delta1` of the points of the cloud, `edge_abs_rel` of those within
    5 pixels of a step of the truth, `flying`, the share of them that float between two
    surfaces, and `kept`, the share of the pixels with truth that have a point; `missed`, `false`
    and `false_free` are what they make of obstacles, `contradicted` is 1 where the truth shows
    another ground than the one that is told, which leaves them out. On drives
    `change_cm` and `change` (a share) since the frame before are of the depth image, and `ms` is
    the time from image to cloud. What an image does not tell is not in there.
    """

    option: str
    source: str
    values: dict[str, float]


def make_options(settings: Mapping[str, object]) -> list[Option]:
    """
    Return the plain way, every setting alone and all of them.

    Smoothing over time comes with odometry too, right and wrong; all together have it right.

    :param settings: values of parameters of the depth node.
    :raises ConfigError: if a value is out of range.
    """
    options = [Option.plain()]
    for name, value in settings.items():
        config = from_mapping(DepthNodeConfig, {name: value})
        options.append(Option(name, config))
        if name == SMOOTHING:
            options += [Option(named, config, error) for named, error in ODOMETRY.items()]
    return [*options, Option(ALL, from_mapping(DepthNodeConfig, settings), EXACT)]


def try_on_images(
    samples: Iterable[tuple[str, DepthSample]],
    predictor: Predictor,
    options: Sequence[Option],
    rule: ScoringRule = USUAL,
) -> Iterator[Record]:
    """
    Iterate over what the options make of single images, scale and shift fitted to their truth.

    :param samples: source and image; one that cannot be fitted to its truth tells nothing.
    :param rule: what an obstacle is, and how the camera hangs; None is as the samples know it.
    """
    for source, sample in samples:
        for option in options:
            try:
                aligned = fitted_depth(option, predictor, sample)
            except AlignmentError:
                yield Record(option.name, source, {})
                continue
            yield Record(option.name, source, _score(aligned, sample, option, rule))


def fitted_depth(option: Option, predictor: Predictor, sample: DepthSample) -> AlignedPrediction:
    """
    Return what an option makes of an image, scale and shift fitted to its truth.

    :raises AlignmentError: if they cannot be.
    """
    result = option.pipeline(predictor, None).process(Frame(sample.rgb, 0, ''))
    if result.relative is not None:
        values, kind = result.relative.values, result.relative.kind
    else:
        assert result.metric is not None, 'a metric network always gives metres'
        values, kind = result.metric.depth_m, OutputKind.METRIC_DEPTH
    return align_prediction(
        values, kind, sample.depth_m, AlignmentMode.SCALE_SHIFT, NEAREST_M, FARTHEST_M
    )


def try_on_drive(
    seed: int,
    frames: int,
    speed_m_s: float,
    predictor: Predictor,
    options: Sequence[Option],
    camera: Camera | None = None,
    rule: ScoringRule = USUAL,
) -> Iterator[Record]:
    """
    Iterate over what the options make of a simulated drive, metres taken from its exact depth.

    The options take turns in going first, so that none is favoured by the machine's moods. The
    first frame has no time: it builds what is built once.

    :param seed: of the room.
    :param frames: how many, at 10 Hz.
    :param speed_m_s: of the robot; 0 stands still.
    :param camera: None is 640×480.
    :param rule: what an obstacle is.
    """
    camera = camera or robot_camera()
    robot = Robot()
    source = f'drive {seed} at {speed_m_s:g} m/s'
    runners = [_DriveRunner(option, predictor, camera, robot, rule) for option in options]
    before: RobotFrame | None = None
    drive = journey(seed, frames, RATE_HZ, camera, robot, speed_m_s)
    for number, frame in enumerate(drive):
        motion = _motion(robot, before, frame) if before is not None else None
        turn = number % len(runners)
        for runner in runners[turn:] + runners[:turn]:
            values = runner.run(frame, motion)
            if number == 0:
                values.pop('ms', None)
            yield Record(runner.option.name, source, values)
        before = frame


class _DriveRunner:
    """Run one option over the frames of one drive."""

    def __init__(
        self,
        option: Option,
        predictor: Predictor,
        camera: Camera,
        robot: Robot,
        rule: ScoringRule,
    ) -> None:
        self.option = option
        self._camera = camera
        self._robot = robot
        self._rule = rule
        self._wheels = WheelOdometry(option.odometry) if option.odometry is not None else None
        self._source = DepthImageScale(NEAREST_M, FARTHEST_M, 1.0 / RATE_HZ)
        self._pipeline = option.pipeline(predictor, self._source)
        self._before: DepthPair | None = None

    def run(self, frame: RobotFrame, motion: RigidTransform | None) -> dict[str, float]:
        """Return the values of one frame; none where the scale was lost."""
        image, truth_m = frame.rgbd.frame, true_depth(frame)
        self._source.add_reference(DepthReference(truth_m, image.stamp_ns))
        if self._wheels is not None:
            for stamp_ns, base in self._wheels.follow(frame.track):
                self._pipeline.poses.add(stamp_ns, camera_at(self._robot, base))
        config = self.option.config
        start_ns = perf_counter_ns()
        metric = self._pipeline.process(image).metric
        if metric is None:
            self._before = None
            return {}
        build_point_cloud(
            metric, image.rgb, self._camera, config.cloud_stride, config.cloud_edge_jump
        )
        duration_ms = (perf_counter_ns() - start_ns) * 1e-6
        aligned = align_prediction(
            metric.depth_m,
            OutputKind.METRIC_DEPTH,
            truth_m,
            AlignmentMode.ONLINE,
            NEAREST_M,
            FARTHEST_M,
        )
        mounting = self._robot.camera_pose(frame.base).mounting
        sample = DepthSample(image.rgb, truth_m, '', self._camera, mounting=mounting)
        values = {**_score(aligned, sample, self.option, self._rule), 'ms': duration_ms}
        now = DepthPair(np.where(aligned.scored, aligned.depth_m, np.float32(np.nan)), truth_m)
        if self._before is not None and motion is not None:
            change = tracked_change(self._before, now, self._camera, motion)
            if change is not None:
                values |= {'change_cm': 100 * change.metres, 'change': change.share}
        self._before = now
        return values


def camera_at(robot: Robot, base: BasePose) -> RigidTransform:
    """Return the optical frame of a robot in the room."""
    pose = robot.camera_pose(base)
    return RigidTransform(pose.optical_axes.T, pose.position)


def _motion(robot: Robot, before: RobotFrame, now: RobotFrame) -> RigidTransform:
    """Return the optical frame of the earlier frame in that of the later one."""
    return camera_at(robot, now.base).inverse() @ camera_at(robot, before.base)


def _score(
    aligned: AlignedPrediction, sample: DepthSample, option: Option, rule: ScoringRule
) -> dict[str, float]:
    """Return the values of the points that an option puts into the cloud."""
    shown, truth_m = aligned.scored, sample.depth_m
    if option.config.cloud_edge_jump > 0:
        metric = MetricDepth(aligned.depth_m)
        shown = shown & ~flying_pixels(metric, option.config.cloud_edge_jump)
    values = {'kept': float(shown.sum() / aligned.scored.sum())}
    for prefix, chosen in (('', shown), ('edge_', shown & edge_band(truth_m))):
        if chosen.any():
            view = View.of_pixels(aligned.depth_m[chosen], truth_m[chosen])
            for name in ('abs_rel', 'delta1'):
                values[f'{prefix}{name}'] = METRICS[name].of(view)
    if shown.any():
        floating = between_surfaces(aligned.depth_m, truth_m) & shown
        values['flying'] = float(floating.sum() / shown.sum())
    cloud = replace(aligned, depth_m=np.where(shown, aligned.depth_m, np.float32(np.nan)))
    view = metric_view(cloud, sample, rule)
    if rule.mounting is not None:
        values['contradicted'] = float(view.ground.state is GroundState.CONTRADICTED)
    found = {name: METRICS[metric_name(name)].of(view) for name in _OBSTACLES}
    return values | {name: value for name, value in found.items() if math.isfinite(value)}
