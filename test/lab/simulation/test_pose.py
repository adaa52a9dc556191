import math

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.pose import Pose

LOW = Pose(0.0, 0.0, 0.3, yaw_rad=0.0)


@pytest.mark.parametrize('yaw_rad', [0.0, 1.0, -2.5])
@pytest.mark.parametrize(('pitch_rad', 'roll_rad'), [(0.0, 0.0), (0.3, -0.2)])
def test_optical_axes_are_a_right_handed_frame(yaw_rad, pitch_rad, roll_rad):
    axes = Pose(0, 0, 0, yaw_rad, pitch_rad, roll_rad).optical_axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)


def test_level_camera_looks_along_x_with_y_to_the_left():
    right, down, forward = LOW.optical_axes
    np.testing.assert_allclose(right, (0, -1, 0), atol=1e-12)
    np.testing.assert_allclose(down, (0, 0, -1), atol=1e-12)
    np.testing.assert_allclose(forward, (1, 0, 0), atol=1e-12)


def test_positive_pitch_nods_down():
    forward = Pose(0, 0, 0, 0, pitch_rad=0.1).optical_axes[2]
    assert forward[2] == pytest.approx(-math.sin(0.1))
