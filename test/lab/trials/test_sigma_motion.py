"""Depth by the scale of the robot's way, as sigma is tried on it: right, or off as odometry is."""

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.trials.scale_trial import RATE_HZ, AffineNetwork, true_depth
from depth_anything_ros.lab.trials.sigma_motion import Companion, Way
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.scale import ScaleConfig, create_tracker

ROBOT = Robot(camera_height_m=0.149)
SEED, FRAMES = 0, 8


@pytest.fixture(scope='module')
def drive():
    return list(journey(SEED, FRAMES, RATE_HZ, robot_camera(320, 240), ROBOT))


def depth_of(drive, share, ways=1):
    network, known = AffineNetwork.random(SEED, 0.0), iter(drive)
    pipeline = DepthPipeline(None, None, create_tracker(ScaleConfig()), 20.0)
    companion = Companion(pipeline, lambda _: network.predict(true_depth(next(known))), share)
    for part in np.array_split(np.arange(len(drive)), ways):
        result = companion.follow(Way(ROBOT, [drive[at] for at in part]))
    assert result.alignment.source.startswith('motion')
    return result.metric.depth_m


def test_depth_is_off_as_the_lengths_that_odometry_tells(drive):
    truth_m = true_depth(drive[-1])
    scored = (truth_m > 0.2) & (truth_m < 4.0)
    right_m, long_m = (depth_of(drive, share)[scored] for share in (0.0, 0.2))
    assert np.nanmedian(np.abs(right_m / truth_m[scored] - 1)) < 0.15
    assert np.nanmedian(long_m / right_m) == pytest.approx(1.2, rel=0.05)


def test_a_way_may_be_driven_in_parts(drive):
    np.testing.assert_array_equal(depth_of(drive, 0.0), depth_of(drive, 0.0, ways=3))
