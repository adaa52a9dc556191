import math

import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.geometry.transform import (
    OPTICAL_FROM_BODY,
    RigidTransform,
    optical_pose,
    pose_text,
)


def test_yaw_turns_left_pitch_nods_down_and_roll_leans_right():
    ahead = np.array([[1.0, 0.0, 0.0]])
    quarter = math.pi / 2
    for pose, expected in (
        ((0, 0, 0, 0, 0, quarter), (0, 1, 0)),
        ((0, 0, 0, 0, quarter, 0), (0, 0, -1)),
        ((1, 2, 3, 0, 0, 0), (2, 2, 3)),
    ):
        np.testing.assert_allclose(
            RigidTransform.from_pose(*pose).apply(ahead)[0], expected, atol=1e-12
        )
    left = RigidTransform.from_pose(0, 0, 0, quarter, 0, 0).apply(np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(left[0], (0, 0, 1), atol=1e-12)


def test_angles_turn_about_fixed_axes_roll_first():
    roll, pitch, yaw = 0.3, -0.5, 1.1
    parts = [
        RigidTransform.from_pose(0, 0, 0, *angles).rotation
        for angles in ((0, 0, yaw), (0, pitch, 0), (roll, 0, 0))
    ]
    whole = RigidTransform.from_pose(0, 0, 0, roll, pitch, yaw).rotation
    np.testing.assert_allclose(whole, parts[0] @ parts[1] @ parts[2], atol=1e-12)


def test_quaternion_and_pose_of_one_turn_agree():
    yaw = 0.7
    turned = RigidTransform.from_quaternion(
        (1.0, 2.0, 3.0), (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
    )
    same = RigidTransform.from_pose(1.0, 2.0, 3.0, 0.0, 0.0, yaw)
    np.testing.assert_allclose(turned.rotation, same.rotation, atol=1e-12)
    np.testing.assert_allclose(turned.translation_m, same.translation_m)


@pytest.mark.parametrize(
    ('numbers', 'told'),
    [
        ((0.0, 0.0, 0.0, 0.0), 'the quaternion is not set: all of it is 0'),
        ((0.0, 0.0, 0.0, math.nan), r'quaternion \(0, 0, 0, nan\): finite numbers'),
        ((0.0, 0.6, 0.0, 0.9), r'\(0, 0.6, 0, 0.9\) is of length 1.08167; a length of 1'),
    ],
)
def test_a_quaternion_that_is_none_is_refused(numbers, told):
    with pytest.raises(ConfigError, match=told):
        RigidTransform.from_quaternion((0.0, 0.0, 0.0), numbers)


def test_inverse_and_product_undo_each_other():
    transform = RigidTransform.from_pose(0.1, -0.2, 0.3, 0.4, 0.5, 0.6)
    nothing = transform @ transform.inverse()
    np.testing.assert_allclose(nothing.rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(nothing.translation_m, 0, atol=1e-12)


def test_body_axes_become_optical_axes():
    body = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(OPTICAL_FROM_BODY.apply(body), [[-2.0, -3.0, 1.0]])


def test_a_pose_parameter_is_read_in_body_axes():
    placed = optical_pose('-0.04, 0 0.02 0 0 0')
    np.testing.assert_allclose(placed.translation_m, (0, -0.02, -0.04))


@pytest.mark.parametrize('text', ['1 2 3', '0 0 0 0 0 x', '0 0 0 0 0 nan'])
def test_a_pose_that_is_not_six_numbers_is_refused(text):
    with pytest.raises(ConfigError, match='six finite numbers'):
        optical_pose(text)


@pytest.mark.parametrize(
    'pose',
    [
        '0 0 0 0 0 0',
        '0.004 0.05 -0.002 0.1 -0.2 0.0175',
        '1 2 3 -3 1.5 3',
        '0 0 0 0 1.570796327 1',
    ],
)
def test_pose_text_is_read_back_as_the_same_place(pose):
    place = optical_pose(pose) @ OPTICAL_FROM_BODY.inverse()
    again = optical_pose(pose_text(place)) @ OPTICAL_FROM_BODY.inverse()
    np.testing.assert_allclose(again.rotation, place.rotation, atol=1e-8)
    np.testing.assert_allclose(again.translation_m, place.translation_m, atol=1e-8)


def test_a_share_of_the_way_is_steady_in_place_and_turn():
    start = RigidTransform.from_pose(1.0, 0.0, 0.0, 0.0, 0.0, 0.2)
    end = RigidTransform.from_pose(1.0, 2.0, 0.0, 0.0, 0.0, 1.0)
    for share in (0.0, 0.25, 1.0, 1.5):
        found = start.towards(end, share)
        turned = RigidTransform.from_pose(0, 0, 0, 0.0, 0.0, 0.2 + 0.8 * share)
        np.testing.assert_allclose(found.rotation, turned.rotation, atol=1e-12)
        np.testing.assert_allclose(found.translation_m, [1.0, 2.0 * share, 0.0], atol=1e-12)
