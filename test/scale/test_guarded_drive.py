"""What a robot gets while its scale source disappears, jumps, lies or returns."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from made_drive import CAMERA, HEIGHTS_M, Network, drive, laser_place, spoilt

from depth_anything_ros.geometry.alignment import to_metric_depth
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.scale import ScaleConfig, create_tracker
from depth_anything_ros.scale.laser_scan import LaserScanConfig, LaserScanScale
from depth_anything_ros.types import DepthReference, Frame, ModelInput

CONFIG = LaserScanConfig()
GROUND = LaserScanConfig(scan_with_ground=True, camera_height_m=0.149)
OVER_TIME = ScaleConfig()
BOTH = pytest.mark.parametrize('config', [CONFIG, GROUND], ids=['scan', 'scan+ground'])
RATE_HZ, FRAMES = 10, 60
RECOVERY_S = 1.0


class Truth:
    """Stand in for a network: predicts the depth it was given last."""

    def __init__(self, seed):
        self.network = Network.random(seed)
        self.depth_m = None

    def preprocess(self, rgb):
        return ModelInput(np.zeros((1, 3, 14, 14), np.float32), rgb.shape[:2])

    def infer(self, model_input):
        return self.depth_m

    def postprocess(self, raw, source_size):
        return self.network.predict(raw)


class Run:
    """A robot that stands still, with what is published at each frame."""

    def __init__(self, config=CONFIG, seed=1, height_m=0.149):
        frame = drive(seed, height_m)[0]
        self.truth = Truth(seed)
        self.truth.depth_m = frame.rgbd.depth_m
        self.scan = frame.scan
        self.source = LaserScanScale.from_config(config)
        self.pipeline = DepthPipeline(self.truth, self.source, create_tracker(OVER_TIME), 20.0)
        self.results = []

    def play(self, scan_at, frames=FRAMES):
        rng = np.random.default_rng(0)
        for index in range(frames):
            stamp_ns = 1_000_000_000 + index * 1_000_000_000 // RATE_HZ
            scan = scan_at(index, spoilt(self.scan, rng))
            if scan is not None:
                scan = replace(scan, stamp_ns=stamp_ns)
                self.source.add_scan(scan, laser_place(Robot()))
            rgb = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
            result = self.pipeline.process(Frame(rgb, stamp_ns, 'camera', CAMERA))
            self.results.append(result)
        return self

    def depths(self):
        """Return the depth that each frame's alignment gives to what is at 0.3, 1 and 3 m."""
        truth = np.array([0.3, 1.0, 3.0])
        network = self.truth.network
        for result in self.results:
            a = result.alignment
            if a is None:
                yield None
                continue
            values = network.gain / truth + network.offset
            yield 1 / (a.scale * values + a.shift)

    def errors(self):
        truth = np.array([0.3, 1.0, 3.0])
        return [
            None if depth is None else float(np.max(np.abs(depth / truth - 1)))
            for depth in self.depths()
        ]

    def largest_jump(self):
        depths = list(self.depths())
        return max(
            float(np.max(np.abs(after / before - 1)))
            for before, after in pairwise(depths)
            if before is not None and after is not None
        )


def test_the_published_depth_is_that_of_the_alignment():
    run = Run().play(lambda index, scan: scan, frames=3)
    for result in run.results:
        expected = to_metric_depth(result.relative, result.alignment, 20.0)
        np.testing.assert_array_equal(result.metric.depth_m, expected.depth_m)


@pytest.mark.parametrize('height_m', HEIGHTS_M)
@pytest.mark.parametrize('seed', range(3))
def test_median_error_is_below_two_percent_after_ten_frames(seed, height_m):
    tracker, source = create_tracker(OVER_TIME), LaserScanScale.from_config(CONFIG)
    network = Network.random(seed)
    for frame in drive(seed, height_m):
        source.add_scan(spoilt(frame.scan, network.rng), laser_place(Robot()))
        stamp_ns, depth_m = frame.rgbd.frame.stamp_ns, frame.rgbd.depth_m
        fit = source.align(network.predict(depth_m), stamp_ns, CAMERA)
        alignment = tracker.update(fit, stamp_ns)
    assert network.depth_error(alignment, depth_m) < 0.02


@BOTH
def test_a_source_that_disappears_is_bridged_until_the_scale_expires(config):
    run = Run(config).play(lambda index, scan: scan if index < 10 else None)
    published = [result.metric is not None for result in run.results]
    # The scan of frame 9 serves frame 10 too, at the limit of scan_max_offset_s.
    last = 10 + round(OVER_TIME.alignment_expiry_s * RATE_HZ)
    assert published == [index <= last for index in range(FRAMES)]
    assert 'older than the image' in run.results[-1].no_metric_reason


@BOTH
def test_a_source_that_returns_gives_depth_within_a_second(config):
    run = Run(config).play(lambda index, scan: None if 10 <= index < 45 else scan)
    errors = run.errors()
    assert errors[44] is None
    back = 45 + round(RECOVERY_S * RATE_HZ)
    assert all(error is not None and error < 0.1 for error in errors[back:])


def test_a_source_that_jumps_pauses_depth_and_is_believed_within_a_second():
    def halved(index, scan):
        return scan if index < 20 else replace(scan, ranges_m=scan.ranges_m * np.float32(0.5))

    run = Run().play(halved)
    assert run.largest_jump() <= OVER_TIME.scale_gate
    errors = run.errors()
    assert None in errors[20:30]
    assert all(error == pytest.approx(0.5, abs=0.1) for error in errors[30:])


@pytest.mark.parametrize('factor', [0.5, 1.6])
def test_a_scan_that_jumps_against_the_ground_pauses_depth_too(factor):
    def jumping(index, scan):
        return scan if index < 20 else replace(scan, ranges_m=scan.ranges_m * np.float32(factor))

    run = Run(GROUND).play(jumping, frames=40)
    assert run.largest_jump() <= OVER_TIME.scale_gate
    assert None in run.errors()[20:30]


@BOTH
def test_a_source_whose_points_are_all_wrong_is_never_followed(config):
    rng = np.random.default_rng(3)

    def lying(index, scan):
        if 20 <= index < 50:
            wrong = rng.uniform(0.3, 5.0, len(scan.ranges_m)).astype(np.float32)
            return replace(scan, ranges_m=wrong)
        return scan

    run = Run(config).play(lying, frames=70)
    assert run.largest_jump() <= OVER_TIME.scale_gate
    errors = run.errors()
    assert max(error for error in errors if error is not None) < 0.2
    assert errors[49] is None
    assert all(error is not None for error in errors[50 + round(RECOVERY_S * RATE_HZ) :])


@BOTH
def test_a_single_lie_changes_nothing(config):
    run = Run(config).play(
        lambda index, scan: replace(scan, ranges_m=scan.ranges_m * 3) if index == 25 else scan
    )
    assert None not in run.errors()
    assert run.largest_jump() < 0.1


def test_depth_references_that_jump_are_guarded_alike():
    from depth_anything_ros.scale.depth_image import DepthImageScale

    run = Run()
    run.source = DepthImageScale(0.2, 8.0, 0.05)
    run.pipeline.scale_source = run.source
    rgb = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    for index in range(40):
        stamp_ns = 1_000_000_000 + index * 100_000_000
        factor = 1.0 if index < 20 else 1.6
        depth_m = run.truth.depth_m * np.float32(factor)
        run.source.add_reference(DepthReference(depth_m, stamp_ns))
        run.results.append(run.pipeline.process(Frame(rgb, stamp_ns, 'camera', CAMERA)))
    assert run.largest_jump() <= OVER_TIME.scale_gate
    assert run.results[19].metric is not None
    assert run.results[24].metric is None
    assert 'contradicts the previous scale' in run.results[24].no_metric_reason
    assert run.results[30].metric is not None
