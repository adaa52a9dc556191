import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.messages import decode_depth, image_fields
from depth_anything_ros.parameters import steps_per_metre


class Message:
    def __init__(self, fields):
        self.__dict__.update(fields)


@pytest.mark.parametrize(
    ('unit', 'steps'),
    [
        ('mm', 1000),
        ('cm', 100),
        ('0.1mm', 10_000),
        ('tum', 5000),
        ('kitti', 256),
        ('5000/m', 5000),
        ('256/m', 256),
        ('0.0002', 5000),
        ('0.001', 1000),
        ('1e-4', 10_000),
        ('1', 1),
    ],
)
def test_a_unit_is_a_number_of_steps_a_metre(unit, steps):
    assert steps_per_metre(unit) == steps


@pytest.mark.parametrize('unit', ['', 'inch', 'm', '5000/km', '1/2/m', '0', 'nan/m'])
def test_what_is_no_unit_is_refused_with_the_known_ones(unit):
    with pytest.raises(
        ConfigError, match=r'is not a unit of depth; write mm, cm, 0\.1mm, tum, kit'
    ):
        steps_per_metre(unit)


@pytest.mark.parametrize('unit', ['5000', '-0.001', '0/m', '0.0000001', 'inf', '10000000/m'])
def test_a_step_of_no_camera_is_refused(unit):
    with pytest.raises(ConfigError, match=r'is not from 0\.000001 to 1 metre a step; write mm'):
        steps_per_metre(unit)


@pytest.mark.parametrize('unit', ['mm', 'tum', 'kitti', '0.1mm'])
def test_depth_messages_are_read_in_their_unit(unit):
    depth_m = np.array([[0.5, 2.0, 0.0]])
    steps = np.rint(depth_m * steps_per_metre(unit)).astype(np.uint16)
    found = decode_depth(Message(image_fields(steps, '16UC1')), steps_per_metre(unit))
    np.testing.assert_array_equal(found, [[0.5, 2.0, np.nan]])


def test_depth_in_metres_has_no_unit():
    depth_m = np.array([[0.5, 2.0]], np.float32)
    found = decode_depth(Message(image_fields(depth_m, '32FC1')), 5000)
    np.testing.assert_array_equal(found, depth_m)
