import math

import numpy as np
import pytest
from level_scene import CAMERA

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground import ground_inverse_depth
from depth_anything_ros.geometry.mounting import (
    level_axes,
    level_rays,
    mounting_of,
    mounting_text,
)
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.types import CameraMounting

TILTED = CameraMounting(0.4, math.radians(20), math.radians(-8))


def placed(pitch, roll=0.0, height_m=0.4):
    """Return the optical frame of a camera in a frame on the ground, turned and off the middle."""
    body = RigidTransform.from_pose(0.2, -0.1, height_m, roll, pitch, 0.5)
    return body @ OPTICAL_FROM_BODY.inverse()


def test_axes_of_a_level_camera_are_those_of_its_body():
    ahead, left, up = level_axes(CameraMounting(1.0))
    assert ahead.tolist() == [0, 0, 1]
    assert left == pytest.approx([-1, 0, 0])
    assert up == pytest.approx([0, -1, 0])


def test_axes_are_orthonormal_and_ahead_is_level():
    axes = level_axes(TILTED)
    assert axes @ axes.T == pytest.approx(np.eye(3))
    assert np.linalg.det(np.stack([axes[0], axes[1], axes[2]])) == pytest.approx(1)
    # Where the camera looks is ahead and down, and nowhere aside.
    assert axes @ [0, 0, 1] == pytest.approx([math.cos(TILTED.pitch_rad), 0,
                                              -math.sin(TILTED.pitch_rad)])  # fmt: skip


def test_points_on_the_ground_are_as_far_below_as_the_camera_is_high():
    rays = level_rays(CAMERA, TILTED)
    inverse = ground_inverse_depth(
        ray_table(CAMERA), TILTED.height_m, TILTED.pitch_rad, TILTED.roll_rad
    )
    seen = inverse > 0.1
    np.testing.assert_allclose(rays.up[seen] / inverse[seen], -TILTED.height_m, rtol=1e-5)
    np.testing.assert_allclose(rays.level, np.hypot(rays.ahead, rays.left))


def test_a_place_on_the_robot_says_height_pitch_and_roll():
    found = mounting_of(placed(0.3, 0.1))
    assert (found.height_m, found.pitch_rad) == pytest.approx((0.4, 0.3))
    assert found.roll_rad == pytest.approx(0.1)
    assert mounting_text(CameraMounting(0.149, math.radians(5))) == (
        'lens 0.149 m above the ground, looking 5° down and leaning 0° to the right'
    )


@pytest.mark.parametrize('place', [placed(0.1, height_m=-0.1), placed(math.radians(88))])
def test_a_camera_below_the_ground_or_without_anything_ahead_is_refused(place):
    with pytest.raises(AlignmentError, match='sees no obstacles; allowed: above 0 m'):
        mounting_of(place)
