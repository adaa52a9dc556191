import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from depth_anything_ros.bag.layout import same_layout

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)


@pytest.mark.parametrize(
    ('name', 'same'),
    [
        ('sensor_msgs/msg/CameraInfo', False),  # its header has a number more
        ('sensor_msgs/msg/RegionOfInterest', True),
        ('geometry_msgs/msg/Twist', True),
        ('geometry_msgs/msg/Polygon', True),
        ('diagnostic_msgs/msg/KeyValue', True),
        ('visualization_msgs/msg/Marker', False),
        ('visualization_msgs/msg/MarkerArray', False),  # only what it is made of differs
        ('shape_msgs/msg/SolidPrimitive', False),
    ],
)
def test_types_of_ros1_and_2_of_one_name(name, same):
    assert same_layout(ROS1, ROS2, name, name) == same


@pytest.mark.parametrize(
    ('text', 'same'),
    [
        ('float32 other_name', True),
        ('float64 value', False),
        ('float32[] value', False),
        ('float32 value\nbool more', False),
        ('geometry_msgs/Point32 value', False),
    ],
)
def test_kinds_of_fields_count_and_their_names_do_not(text, same):
    one, other = (get_typestore(Stores.ROS2_HUMBLE) for _ in range(2))
    one.register(get_types_from_msg('float32 value', 'made/msg/Type'))
    other.register(get_types_from_msg(text, 'made/msg/Type'))
    assert same_layout(one, other, 'made/msg/Type', 'made/msg/Type') == same


def test_arrays_of_another_length_differ_and_bounds_do_not_count():
    one, other = (get_typestore(Stores.ROS2_HUMBLE) for _ in range(2))
    one.register(get_types_from_msg('float32[3] a\nuint8[<=4] b', 'made/msg/Type'))
    other.register(get_types_from_msg('float32[3] a\nuint8[] b', 'made/msg/Type'))
    assert same_layout(one, other, 'made/msg/Type', 'made/msg/Type')
    one.register(get_types_from_msg('float32[3] a', 'made/msg/Three'))
    other.register(get_types_from_msg('float32[4] a', 'made/msg/Three'))
    assert not same_layout(one, other, 'made/msg/Three', 'made/msg/Three')
