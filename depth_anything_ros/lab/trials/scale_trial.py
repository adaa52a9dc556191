"""Scale sources tried on simulated drives: how far off they are, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import NamedTuple

import cv2
import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.line import aligned, in_line
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.lab.simulation.journey import RobotFrame, journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.pipeline import relative_span
from depth_anything_ros.scale import AlignmentSource, AlignmentTracker
from depth_anything_ros.scale.camera_height import CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.types import (
    Alignment,
    Camera,
    DepthReference,
    Float32Array,
    Float64Array,
    LaserScan,
    OutputKind,
    RelativeInverseDepth,
)

RATE_HZ = 10.0
# As few points as a sensor of few points is fitted to.
_FEWEST_POINTS = 3
NEAREST_M, FARTHEST_M = 0.2, 8.0
# Panes of windows have no depth; the made network takes them for something far.
_PANE_M = 20.0
_GAIN, _OFFSET = (2.0, 10.0), (-0.5, 2.0)
# What affine depth lacks beside its scale; more than the nearest pixel would leave it no depth.
_DEPTH_SHIFT_M, _LEAST_DEPTH = (-1.0, 0.15), 1e-3


@dataclass(frozen=True)
class AffineNetwork:
    """
    Stand in for a relative network: true inverse depth with noise, under an affine map.

    Of affine depth it is true depth, of which the map's inverse is taken.

    :param gain: of the map.
    :param offset: of the map.
    :param rng: draws the noise.
    :param noise: its standard deviation as a share of the depth or inverse depth of each pixel.
    :param kind: of what it gives; without a shift the offset has to be 0.
    """

    gain: float
    offset: float
    rng: np.random.Generator
    noise: float = 0.03
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH

    @classmethod
    def random(
        cls, seed: int, noise: float = 0.03, kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH
    ) -> AffineNetwork:
        """Return one of a kind with a random map."""
        rng = np.random.default_rng(seed)
        gain, offset = rng.uniform(*_GAIN), rng.uniform(*_OFFSET)
        if kind.is_line_of_depth:
            offset = -gain * rng.uniform(*_DEPTH_SHIFT_M)
        return cls(gain, offset if kind.has_shift else 0.0, rng, noise, kind)

    def predict(self, depth_m: Float32Array) -> RelativeInverseDepth:
        """Return the prediction for an image of that depth, (H, W), NaN where unknown."""
        line = in_line(1.0 / np.nan_to_num(depth_m, nan=_PANE_M), self.kind)
        noisy = line * (1.0 + self.noise * self.rng.standard_normal(line.shape))
        return RelativeInverseDepth(self._given(noisy).astype(np.float32), kind=self.kind)

    def _given(self, line: Float64Array) -> Float64Array:
        """Return what it gives of depth or inverse depth; a network of depth gives some always."""
        given = self.gain * line + self.offset
        if self.kind.is_line_of_depth:
            given = np.maximum(given, _LEAST_DEPTH)
        return in_line(given, self.kind)

    def scale_error(self, alignment: Alignment) -> float:
        """Return the relative error of an alignment's scale."""
        return abs(alignment.scale * self.gain - 1.0)

    def depth_error(self, alignment: Alignment, depth_m: Float32Array) -> float:
        """Return the median relative error of depth that an alignment alone causes."""
        inverse = 1.0 / depth_m[np.isfinite(depth_m)].astype(np.float64)
        found = aligned(self._given(in_line(inverse, self.kind)), alignment)
        return float(np.median(np.abs(inverse / found - 1.0)))


def spoil_scan(scan: LaserScan, rng: np.random.Generator, share: float = 0.3) -> LaserScan:
    """Return a scan with that share of its ranges nearer or farther by any factor of 0.2 to 3."""
    ranges_m = scan.ranges_m.copy()
    bad = rng.random(len(ranges_m)) < share
    ranges_m[bad] *= rng.uniform(0.2, 3.0, int(bad.sum())).astype(np.float32)
    return replace(scan, ranges_m=ranges_m)


def laser_in_camera(robot: Robot) -> RigidTransform:
    """Return the laser of a robot in the optical frame of its camera."""
    to_base = (
        RigidTransform.from_quaternion(*place)
        for place in (robot.camera_transform(), robot.laser_transform())
    )
    camera, laser = to_base
    return camera.inverse() @ laser


@dataclass
class Trial:
    """
    What one source did on one drive.

    `depth_errors` and `scale_errors` are relative, of the filtered alignment after each frame;
    `durations_ms` the time of each frame for taking the reference, fitting and filtering;
    `refusals` why frames had no fit.
    """

    name: str
    height_m: float
    seed: int
    depth_errors: list[float] = field(default_factory=list)
    scale_errors: list[float] = field(default_factory=list)
    durations_ms: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


# Takes a frame's reference into the source, and returns nothing.
Feed = Callable[[RobotFrame], object]


class TrialFrame(NamedTuple):
    """
    What one source did for one frame.

    `alignment` is the filtered one to use, or None; `duration_ms` the time for taking the
    reference, fitting and filtering; `refusal` why the frame has no fit, or ''.
    """

    frame: RobotFrame
    relative: RelativeInverseDepth
    alignment: Alignment | None
    duration_ms: float
    refusal: str


def try_sources(
    seed: int,
    height_m: float,
    frames: int = 10,
    camera: Camera | None = None,
    noise: float = 0.03,
    pitch_errors_deg: Sequence[float] = (0.0, 1.0, -1.0),
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH,
) -> Iterator[Trial]:
    """
    Iterate over the trials of every source on one drive; the first frame is a warm-up.

    Predictions are the true inverse depth, or depth, under a random affine map with noise, three
    tenths of the ranges of each scan are wrong.

    :param seed: of drive, map and noise.
    :param height_m: of the camera above the floor.
    :param camera: None is 640×480.
    :param noise: of the prediction, as a share of the depth of each pixel.
    :param pitch_errors_deg: the source `camera_height` is tried with each of them.
    :param kind: of the predictions.
    """
    camera = camera or robot_camera()
    robot = Robot(camera_height_m=height_m)
    drive = list(journey(seed, frames, RATE_HZ, camera, robot))
    network = AffineNetwork.random(seed, noise, kind)
    predictions = [network.predict(true_depth(frame)) for frame in drive]
    for name, source, feed in sources_of(robot, camera, network.rng, pitch_errors_deg):
        list(follow_drive(source, feed, drive[:1], predictions))
        trial = Trial(name, height_m, seed)
        for step in follow_drive(source, feed, drive, predictions):
            trial.durations_ms.append(step.duration_ms)
            if step.refusal:
                trial.refusals.append(step.refusal)
            if step.alignment is not None:
                depth_m = true_depth(step.frame)
                trial.depth_errors.append(network.depth_error(step.alignment, depth_m))
                trial.scale_errors.append(network.scale_error(step.alignment))
        yield trial


def sources_of(
    robot: Robot,
    camera: Camera,
    rng: np.random.Generator,
    pitch_errors_deg: Sequence[float],
    scattered: Sequence[int] = (),
) -> Iterator[tuple[str, AlignmentSource, Feed]]:
    """
    Iterate over name, source and what feeds it for every source a robot can have.

    :param robot: tells where camera and laser are.
    :param camera: of the images.
    :param rng: spoils the scans.
    :param pitch_errors_deg: how far off the pitch of the camera is that a source is told; those
        that go by the ground are tried with each of them.
    :param scattered: depth images of so many random pixels are tried too.
    """
    depth = DepthImageScale(NEAREST_M, FARTHEST_M, 0.05)
    yield 'depth_image', depth, lambda frame: depth.add_reference(_reference(frame))
    moved = DepthImageScale(NEAREST_M, FARTHEST_M, 0.05)
    # The same camera, gone through the whole reprojection.
    registration = Registration(camera, camera, OPTICAL_FROM_BODY @ OPTICAL_FROM_BODY.inverse())
    yield (
        'depth_image, reprojected',
        moved,
        lambda frame: moved.add_reference(_reference(frame), registration),
    )
    for count in scattered:
        yield f'depth_image, {count} points', *_scattered(count)
    yield ('laser_scan', *_laser(robot, rng, None))
    told = [
        (replace(robot, camera_pitch_rad=robot.camera_pitch_rad + math.radians(error)), error)
        for error in pitch_errors_deg
    ]
    for wrong, error_deg in told:
        name = f'laser_scan with ground, pitch {error_deg:+g}°'
        yield (name, *_laser(wrong, rng, robot.camera_height_m))
    for wrong, error_deg in told:
        pitch_rad = wrong.camera_pitch_rad
        height = CameraHeightScale(robot.camera_height_m, pitch_rad, 0.0, FARTHEST_M)
        yield f'camera_height, pitch {error_deg:+g}°', height, lambda _: None


def _scattered(count: int) -> tuple[DepthImageScale, Feed]:
    """Return a source for so many random pixels of the depth, others with each frame."""
    source = DepthImageScale(NEAREST_M, FARTHEST_M, 0.05, _FEWEST_POINTS)
    rng = np.random.default_rng(count)

    def feed(frame: RobotFrame) -> None:
        known = _reference(frame)
        depth_m = np.full_like(known.depth_m, np.nan)
        chosen = rng.choice(depth_m.size, min(count, depth_m.size), replace=False)
        depth_m.reshape(-1)[chosen] = known.depth_m.reshape(-1)[chosen]
        source.add_reference(replace(known, depth_m=depth_m))

    return source, feed


def _laser(
    robot: Robot, rng: np.random.Generator, ground_height_m: float | None
) -> tuple[LaserScanScale, Feed]:
    source = LaserScanScale(NEAREST_M, FARTHEST_M, 0.1, ground_height_m)
    place = laser_in_camera(robot)
    return source, lambda frame: source.add_scan(spoil_scan(frame.scan, rng), place)


def follow_drive(
    source: AlignmentSource,
    feed: Feed,
    drive: Sequence[RobotFrame],
    predictions: Sequence[RelativeInverseDepth],
    *,
    with_field: bool = False,
) -> Iterator[TrialFrame]:
    """
    Iterate over what a source does on a drive, with a filter and a gate of its own, on one core.

    :param feed: takes a frame's reference into the source.
    :param predictions: one for each frame.
    :param with_field: whether alignments get a local field, which scale and shift do not depend
        on.
    """
    tracker = AlignmentTracker(0.5, 2.0, 0.3, with_field=with_field)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for frame, relative in zip(drive, predictions, strict=False):
            stamp_ns, refusal = frame.rgbd.frame.stamp_ns, ''
            start_ns = perf_counter_ns()
            try:
                feed(frame)
                fit = source.align(relative, stamp_ns, frame.rgbd.frame.camera)
                tracker.update(fit, stamp_ns, relative_span(relative))
            except AlignmentError as error:
                refusal = str(error)
            duration_ms = (perf_counter_ns() - start_ns) * 1e-6
            yield TrialFrame(frame, relative, tracker.current(stamp_ns), duration_ms, refusal)
    finally:
        cv2.setNumThreads(threads)


def true_depth(frame: RobotFrame) -> Float32Array:
    """Return the exact depth of a frame, float32 (H, W) in metres, NaN at panes of windows."""
    depth_m = frame.rgbd.depth_m
    assert depth_m is not None, 'every frame of a drive has depth'
    return depth_m


def _reference(frame: RobotFrame) -> DepthReference:
    return DepthReference(true_depth(frame), frame.rgbd.frame.stamp_ns)
