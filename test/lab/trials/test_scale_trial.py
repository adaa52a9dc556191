import numpy as np
import pytest

from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.trials.scale_trial import (
    AffineNetwork,
    laser_in_camera,
    spoil_scan,
    try_sources,
)
from depth_anything_ros.types import Alignment, LaserScan


@pytest.fixture(scope='module')
def trials():
    found = try_sources(0, 0.149, 6, robot_camera(320, 240))
    return {trial.name: trial for trial in found}


def test_every_source_is_tried_on_every_frame(trials):
    assert list(trials) == [
        'depth_image',
        'depth_image, reprojected',
        'laser_scan',
        'laser_scan with ground, pitch +0°',
        'laser_scan with ground, pitch +1°',
        'laser_scan with ground, pitch -1°',
        'camera_height, pitch +0°',
        'camera_height, pitch +1°',
        'camera_height, pitch -1°',
    ]
    assert all(len(trial.durations_ms) == 6 for trial in trials.values())
    assert all(trial.refusals == [] for trial in trials.values())


def test_sources_are_as_exact_as_they_claim(trials):
    assert max(trials['depth_image'].scale_errors) < 0.005
    assert max(trials['depth_image, reprojected'].scale_errors) < 0.005
    assert max(trials['laser_scan'].depth_errors) < 0.02
    for pitch in ('+0°', '+1°', '-1°'):
        assert max(trials[f'laser_scan with ground, pitch {pitch}'].depth_errors) < 0.02
    assert max(trials['camera_height, pitch +0°'].depth_errors) < 0.05
    assert min(trials['camera_height, pitch +1°'].depth_errors) > 0.05


def test_a_network_knows_the_error_of_an_alignment():
    network = AffineNetwork(4.0, 1.0, np.random.default_rng(0), 0.0)
    exact = Alignment(0.25, -0.25, '', 0, 1.0, 0.0, 0)
    depth_m = np.array([[1.0, 2.0, np.nan]], np.float32)
    assert network.depth_error(exact, depth_m) == pytest.approx(0.0, abs=1e-6)
    doubled = Alignment(0.5, -0.5, '', 0, 1.0, 0.0, 0)
    assert network.scale_error(doubled) == pytest.approx(1.0)
    assert network.depth_error(doubled, depth_m) == pytest.approx(0.5)
    np.testing.assert_allclose(network.predict(depth_m).values, [[5.0, 3.0, 1.2]])


def test_noise_is_a_share_of_the_inverse_depth_of_each_pixel():
    network = AffineNetwork(2.0, 0.0, np.random.default_rng(0), 0.03)
    for depth_m in (0.5, 4.0):
        values = network.predict(np.full((200, 200), depth_m, np.float32)).values
        assert values.std() / values.mean() == pytest.approx(0.03, rel=0.05)


def test_a_spoilt_scan_keeps_the_other_ranges():
    scan = LaserScan(np.full(2000, 2.0, np.float32), -3.0, 0.003, 0.05, 12.0)
    ranges_m = spoil_scan(scan, np.random.default_rng(0)).ranges_m
    assert np.mean(ranges_m != 2.0) == pytest.approx(0.3, abs=0.03)
    assert ranges_m.min() >= 0.4 and ranges_m.max() <= 6.0


def test_the_laser_lies_two_centimetres_above_the_lens():
    place = laser_in_camera(Robot(camera_forward_m=0.12, laser_forward_m=0.08))
    np.testing.assert_allclose(place.translation_m, (0.0, -0.02, -0.04), atol=1e-12)
    ahead = place.apply(np.array([[2.0, 0.0, 0.0]]))
    np.testing.assert_allclose(ahead, [[0.0, -0.02, 1.96]], atol=1e-12)
