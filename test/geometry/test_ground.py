import math

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.ground import ground_inverse_depth, tilt_of_gravity
from depth_anything_ros.lab.simulation.pose import Pose

G = 9.81


@pytest.mark.parametrize('tilt', [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (-0.2, -0.4)])
def test_points_at_that_depth_lie_on_the_ground(tilt):
    pose = Pose(1.0, 2.0, 0.149, 0.7, *tilt)
    rays = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    inverse = ground_inverse_depth(rays, 0.149, *tilt)
    seen = inverse > 0
    points = np.column_stack([rays[seen], np.ones(seen.sum())]) / inverse[seen, None]
    world = points @ pose.optical_axes + pose.position
    np.testing.assert_allclose(world[:, 2], 0.0, atol=1e-12)


def test_the_horizon_has_no_inverse_depth():
    assert ground_inverse_depth(np.array([[0.3, 0.0]]), 0.1, 0.0)[0] == 0.0
    pitch = math.radians(10.0)
    at_horizon = np.array([[0.0, -math.tan(pitch)]])
    assert ground_inverse_depth(at_horizon, 0.1, pitch)[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize('tilt', [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (-0.2, -0.4)])
def test_gravity_gives_pitch_and_roll_back(tilt):
    right, down, forward = Pose(0.0, 0.0, 0.0, 0.7, *tilt).optical_axes
    up = np.array([0.0, 0.0, G])
    reading = (float(forward @ up), float(-right @ up), float(-down @ up))
    assert tilt_of_gravity(reading) == pytest.approx(tilt)


@pytest.mark.parametrize('reading', [(0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (5.0, 0.0, G)])
def test_a_reading_that_is_not_gravity_alone_raises(reading):
    with pytest.raises(AlignmentError, match='m/s²'):
        tilt_of_gravity(reading)
