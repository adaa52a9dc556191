"""The trial of wrong odometry: what is told of a base, and what comes of the verdicts."""

import math

import numpy as np
import pytest

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.simulation.robot import BasePose, Robot
from depth_anything_ros.lab.trials.odometry_trial import (
    TOLD,
    DriveVerdict,
    summarise_odometry,
    try_odometry,
)
from depth_anything_ros.lab.trials.refinement_trial import camera_at

ROBOT, BASE = Robot(), BasePose(1.0, 2.0, 0.3)
BY_NAME = {odometry.name: odometry for odometry in TOLD}


def told(name):
    return BY_NAME[name].told(ROBOT, BASE)


def optical_axis(name):
    x, y, z = told(name).rotation[:, 2]
    return math.atan2(y, x), z


def test_the_frames_that_are_told_are_wrong_as_their_names_say():
    lens = camera_at(ROBOT, BASE)
    np.testing.assert_array_equal(told('right').rotation, lens.rotation)
    assert optical_axis('right') == pytest.approx((0.3, 0.0), abs=1e-9)
    assert optical_axis('camera 90° to the left') == pytest.approx((0.3 + math.pi / 2, 0.0))
    axes = told('body axes as optical')
    np.testing.assert_allclose(axes.rotation[:, 0], lens.rotation[:, 2], atol=1e-9)
    np.testing.assert_allclose(axes.translation_m, lens.translation_m)
    frozen = BY_NAME['frozen'].told(ROBOT, BasePose(5.0, 5.0, 1.0))
    np.testing.assert_array_equal(frozen.translation_m, told('frozen').translation_m)


def test_verdicts_are_put_together_by_odometry():
    name = 'yaw negated'
    verdicts = [
        DriveVerdict(name, 1, 30, 30, 'a', 1.0),
        DriveVerdict(name, 2, 20, 10, 'a', 2.0),
        DriveVerdict(name, 3, 50, 0, '', None),
    ]
    results = summarise_odometry(verdicts)
    assert [result.odometry for result in results] == list(BY_NAME)
    found = next(result for result in results if result.odometry == name)
    assert (found.right, found.drives, found.doubted, found.told) == (False, 3, 2, 'a')
    assert (found.left_out, found.after_s) == (0.4, 1.5)


@pytest.mark.slow
def test_wrong_odometry_is_found_out_on_a_drive_and_right_odometry_is_not():
    predictor = create_predictor(NetworkOptions(model='tiny', threads=1))
    doubted = {found.odometry: found.doubt for found in try_odometry(800, 16, predictor)}
    right = {odometry.name for odometry in TOLD if odometry.right}
    assert {name for name, doubt in doubted.items() if doubt and name in right} == set()
    named = {'x and y negated': 'moves the other way', 'yaw negated': 'turns the other way',
             'body axes as optical': 'x ahead', 'frozen': 'the camera stands'}  # fmt: skip
    assert {name for name, words in named.items() if words in doubted[name]} == set(named)
