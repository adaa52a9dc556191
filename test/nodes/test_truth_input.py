"""Measured depth of another camera than the image's."""

from array import array

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.messages import camera_info_fields
from depth_anything_ros.nodes.backlog import Message
from depth_anything_ros.nodes.truth_input import TruthInput
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.types import Camera

COLOR, DEPTH = 'color_optical_frame', 'depth_optical_frame'
# 2.5 cm to the side at 1.5 m with 60 px of focal length are one pixel.
POSE = '0 0.025 0 0 0 0'


def info(frame_id):
    fields = camera_info_fields(Camera(64, 48, 60.0, 60.0, 31.5, 23.5))
    made = CameraInfo(**{name: value for name, value in fields.items() if name != 'd'})
    made.header.frame_id = frame_id
    return made


def depth(frame_id=DEPTH, value_mm=1500, shape=(48, 64)):
    pixels = np.full(shape, value_mm, np.uint16)
    made = Image(height=shape[0], width=shape[1], step=2 * shape[1], encoding='16UC1')
    made.data = array('B', pixels.tobytes())
    made.header.frame_id = frame_id
    return Message(0, serialize_message(made))


class World:
    def __init__(self, transform=None, calibrated=True, **config):
        self.transform = transform
        self.color, self.depth = CameraInput('/color/info'), CameraInput('/depth/info')
        if calibrated:
            self.calibrate()
        self.taken = []
        registration = DepthRegistration(self.color, self.depth, self.lookup)
        self.doubts = []
        self.input = TruthInput(
            registration, EvaluatorConfig(**config), self.take, self.doubts.append
        )

    def calibrate(self):
        self.color.update(info(COLOR))
        self.depth.update(info(DEPTH))

    def take(self, _message, depth_m, problem):
        self.taken.append(depth_m if problem == '' else problem)

    def lookup(self, target, source):
        if self.transform is None:
            raise AlignmentError(f"TF does not connect '{source}' with '{target}'")
        return self.transform


def test_truth_of_the_frame_of_the_image_is_taken_as_it_is():
    world = World(calibrated=False)
    world.input.see_frame(COLOR)
    world.input.add(depth(COLOR))
    np.testing.assert_allclose(world.taken[0], 1.5)


@pytest.mark.parametrize('source', ['pose', 'tf'])
def test_truth_of_another_frame_is_reprojected(source):
    # In optical axes 2.5 cm to the left are -0.025 m of x.
    moved = RigidTransform(np.eye(3), np.array([-0.025, 0.0, 0.0]))
    world = World(ground_truth_pose=POSE) if source == 'pose' else World(moved)
    world.input.see_frame(COLOR)
    world.input.add(depth())
    found = world.taken[0]
    np.testing.assert_allclose(found[:, :-1], 1.5)
    assert np.isnan(found[:, -1]).all()


def test_truth_that_is_said_to_be_registered_is_believed():
    world = World(calibrated=False, ground_truth_registration='registered')
    world.input.add(depth())
    np.testing.assert_allclose(world.taken[0], 1.5)


def test_without_tf_it_is_refused_with_the_frames_and_the_cure():
    world = World()
    world.input.see_frame(COLOR)
    for _ in range(20):
        world.input.add(depth())
    world.input.finish()
    assert len(world.taken) == 20
    for problem in world.taken:
        assert f"'{DEPTH}' is not registered to the image in '{COLOR}'" in problem
        assert 'TF does not connect' in problem
        assert 'ground_truth_registration' in problem


def test_the_first_truth_waits_for_frame_calibration_and_tf():
    world = World(calibrated=False)
    for step in (lambda: None, lambda: world.input.see_frame(COLOR), world.calibrate):
        step()
        world.input.add(depth())
        assert world.taken == []
    world.transform = RigidTransform(np.eye(3), np.zeros(3))
    world.input.add(depth())
    assert len(world.taken) == 4
    assert all(isinstance(found, np.ndarray) for found in world.taken)


def test_damaged_truth_is_refused_at_once_and_the_next_is_taken():
    world = World()
    world.input.see_frame(DEPTH)
    world.input.add(Message(0, bytes((0, 1, 0, 0)) + b'\xff' * 60))
    world.input.add(Message(0, b'', 'scoring could not keep up'))
    world.input.add(depth())
    assert 'cannot be read' in world.taken[0]
    assert world.taken[1] == 'scoring could not keep up'
    np.testing.assert_allclose(world.taken[2], 1.5)


def test_compressed_depth_is_read():
    import cv2

    pixels = np.full((48, 64), 1500, np.uint16)
    png = cv2.imencode('.png', pixels)[1].tobytes()
    made = CompressedImage(format='16UC1; compressedDepth png')
    made.header.frame_id = COLOR
    made.data = array('B', bytes(12) + png)
    world = World(calibrated=False, ground_truth_transport='compressedDepth')
    world.input.see_frame(COLOR)
    world.input.add(Message(0, serialize_message(made)))
    np.testing.assert_allclose(world.taken[0], 1.5)


def test_truth_in_another_unit_is_read_as_told():
    world = World(calibrated=False, ground_truth_depth_unit='tum')
    world.input.see_frame(COLOR)
    for _ in range(8):
        world.input.add(depth(COLOR, value_mm=7500))
    np.testing.assert_allclose(world.taken[7], 1.5)
    assert world.doubts == []


def test_an_implausible_unit_is_doubted_once_with_the_parameter():
    world = World(calibrated=False)
    world.input.see_frame(COLOR)
    for _ in range(8):
        world.input.add(depth(COLOR, value_mm=7500))
    np.testing.assert_allclose(world.taken[7], 7.5)
    (doubt,) = world.doubts
    assert "median depth of 'ground_truth' is 7.5 m" in doubt
    assert 'set the unit, as' in doubt
    assert "'ground_truth_depth_unit:=tum' (1.5 m)" in doubt
