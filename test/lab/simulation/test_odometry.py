import math

import pytest

from depth_anything_ros.lab.simulation.odometry import OdometryError, StampedPose, WheelOdometry
from depth_anything_ros.lab.simulation.robot import BasePose

TRACK = [
    StampedPose(1_000, BasePose(1.0, 2.0, 0.5)),
    StampedPose(2_000, BasePose(1.1, 2.0, 0.5)),
    StampedPose(3_000, BasePose(1.1, 2.0, 0.9)),
    StampedPose(4_000, BasePose(1.1, 2.2, 0.9)),
]


def test_without_error_the_truth_is_told():
    for told, true in zip(WheelOdometry(OdometryError()).follow(TRACK), TRACK, strict=True):
        assert told.stamp_ns == true.stamp_ns
        assert told.base == pytest.approx(true.base)


def test_every_way_and_turn_is_too_far_by_its_share():
    told = [pose.base for pose in WheelOdometry(OdometryError(share=0.1)).follow(TRACK)]
    assert told[0] == TRACK[0].base
    assert told[1] == pytest.approx(BasePose(1.11, 2.0, 0.5))
    assert told[2] == pytest.approx(BasePose(1.11, 2.0, 0.94))
    # The last way of 0.2 m is 0.22 m long, in a direction turned by the error of the turn.
    way = told[3].x_m - told[2].x_m, told[3].y_m - told[2].y_m
    assert math.hypot(*way) == pytest.approx(0.22)
    assert math.atan2(way[1], way[0]) == pytest.approx(math.pi / 2 + 0.04)


def test_a_track_in_parts_is_one_track():
    whole = WheelOdometry(OdometryError(0.1))
    parts = WheelOdometry(OdometryError(0.1))
    found = [*parts.follow(TRACK[:2]), *parts.follow(TRACK[2:])]
    assert found == list(whole.follow(TRACK))


def test_stamps_are_late():
    told = WheelOdometry(OdometryError(late_s=0.05)).follow(TRACK)
    assert [pose.stamp_ns - 50_000_000 for pose in told] == [pose.stamp_ns for pose in TRACK]
