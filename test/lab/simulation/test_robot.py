import math

import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.simulation.robot import BasePose, Robot, quaternion, robot_camera


def rotated(rotation, vector):
    """Turn a vector by a quaternion x, y, z, w."""
    axis, w = np.array(rotation[:3]), rotation[3]
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * np.array(vector))


def test_level_camera_has_the_optical_convention():
    x, y, z, w = Robot().camera_transform().rotation
    np.testing.assert_allclose((x, y, z, w), (-0.5, 0.5, -0.5, 0.5), atol=1e-12)


def test_pitched_camera_looks_ahead_and_down():
    robot = Robot(camera_height_m=0.115, camera_pitch_rad=0.3, camera_forward_m=0.2)
    transform = robot.camera_transform()
    assert transform.translation == (0.2, 0.0, 0.115)
    ahead = rotated(transform.rotation, [0.0, 0.0, 1.0])
    np.testing.assert_allclose(ahead, (math.cos(0.3), 0, -math.sin(0.3)), atol=1e-12)
    np.testing.assert_allclose(rotated(transform.rotation, [1.0, 0, 0]), (0, -1, 0), atol=1e-12)


def test_transforms_chain_to_the_poses_in_the_room():
    robot, base = Robot(camera_pitch_rad=-0.2, laser_yaw_rad=math.pi), BasePose(2.0, 1.0, 0.7)
    fixed, moved = robot.camera_transform(), base.transform()
    pose = robot.camera_pose(base)
    position = rotated(moved.rotation, fixed.translation) + np.array(moved.translation)
    np.testing.assert_allclose(position, pose.position, atol=1e-12)
    for axis, optical in zip(np.eye(3), pose.optical_axes, strict=True):
        turned = rotated(moved.rotation, rotated(fixed.rotation, axis))
        np.testing.assert_allclose(turned, optical, atol=1e-12)
    fixed, pose = robot.laser_transform(), robot.laser_pose(base)
    position = rotated(moved.rotation, fixed.translation) + np.array(moved.translation)
    np.testing.assert_allclose(position, pose.position, atol=1e-12)
    x_axis = rotated(moved.rotation, rotated(fixed.rotation, [1.0, 0, 0]))
    wanted = (math.cos(pose.yaw_rad), math.sin(pose.yaw_rad), 0)
    np.testing.assert_allclose(x_axis, wanted, atol=1e-12)


def test_the_frame_of_the_scan_is_level_at_the_lens_and_leads_to_the_optical_one():
    robot = Robot(camera_height_m=0.115, camera_pitch_rad=0.3, camera_forward_m=0.2)
    level = RigidTransform.from_quaternion(*robot.level_camera_transform())
    np.testing.assert_array_equal(level.rotation, np.eye(3))
    chained = level @ RigidTransform.from_quaternion(*robot.optical_transform())
    direct = RigidTransform.from_quaternion(*robot.camera_transform())
    np.testing.assert_allclose(chained.rotation, direct.rotation, atol=1e-12)
    np.testing.assert_allclose(chained.translation_m, direct.translation_m, atol=1e-12)


@pytest.mark.parametrize('angle', [0.0, 0.4, math.pi / 2, 3.0, math.pi])
def test_quaternion_turns_as_the_matrix_does(angle):
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    found = quaternion(matrix)
    assert found[3] >= 0
    for axis in np.eye(3):
        np.testing.assert_allclose(rotated(found, axis), matrix @ axis, atol=1e-12)


@pytest.mark.parametrize('height', [0.0, -0.1, 2.1, math.nan])
def test_height_out_of_range_is_refused(height):
    with pytest.raises(ConfigError, match='camera height .* allowed: above 0 to 2'):
        Robot(camera_height_m=height)


@pytest.mark.parametrize('pitch', [1.3, -1.3, math.nan])
def test_pitch_out_of_range_is_refused(pitch):
    with pytest.raises(ConfigError, match='camera pitch .* degrees; allowed: -68.75 to 68.75'):
        Robot(camera_pitch_rad=pitch)


@pytest.mark.parametrize('name', ['camera', 'laser'])
@pytest.mark.parametrize('forward', [0.21, -0.21, math.nan])
def test_sensor_far_out_is_refused(name, forward):
    with pytest.raises(ConfigError, match=f'{name} .* before the base; allowed: -0.2 to 0.2'):
        Robot(**{f'{name}_forward_m': forward})


def test_robot_is_as_high_as_its_body_or_its_mast():
    assert Robot().top_m == 0.4
    assert Robot(camera_height_m=1.0).top_m == pytest.approx(1.07)


def test_camera_sees_sixty_degrees_through_the_middle():
    camera = robot_camera(320, 240)
    assert 2 * math.degrees(math.atan(160 / camera.fx_px)) == pytest.approx(60, abs=0.01)
    assert (camera.cx_px, camera.cy_px) == (159.5, 119.5)


def test_tiny_image_is_refused():
    with pytest.raises(DatasetError, match='8x8 is too small; 16x16 is the least'):
        robot_camera(8, 8)
