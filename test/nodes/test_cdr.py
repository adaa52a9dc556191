import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String

from depth_anything_ros.errors import MessageError
from depth_anything_ros.nodes.cdr import begins_with_header, read_stamp_ns, with_stamp


def make_image() -> Image:
    image = Image(height=2, width=3, encoding='mono8', step=3, data=bytes(range(6)))
    image.header.frame_id = 'optical'
    image.header.stamp.sec = 1_700_000_000
    image.header.stamp.nanosec = 123_456_789
    return image


def test_stamp_is_read_from_the_serialised_message():
    assert read_stamp_ns(serialize_message(make_image())) == 1_700_000_000_123_456_789


def test_stamp_is_replaced_and_nothing_else():
    cdr = with_stamp(serialize_message(make_image()), 42_000_000_007)
    again = deserialize_message(cdr, Image)
    assert (again.header.stamp.sec, again.header.stamp.nanosec) == (42, 7)
    expected = make_image()
    expected.header.stamp = again.header.stamp
    assert again == expected


def test_big_endian_messages_are_read_and_written_big_endian():
    cdr = b'\x00\x00\x00\x00' + (5).to_bytes(4, 'big') + (6).to_bytes(4, 'big') + b'rest'
    assert read_stamp_ns(cdr) == 5_000_000_006
    expected = cdr[:4] + (1).to_bytes(4, 'big') + (2).to_bytes(4, 'big') + b'rest'
    assert with_stamp(cdr, 1_000_000_002) == expected


def test_only_types_that_begin_with_a_header_are_known_to_have_a_stamp():
    assert begins_with_header(Image)
    assert begins_with_header(CameraInfo)
    assert not begins_with_header(String)
    assert not begins_with_header(Header)


def test_a_message_too_short_for_a_stamp_is_refused():
    with pytest.raises(MessageError, match='11 bytes'):
        read_stamp_ns(b'\x00\x01' + bytes(9))
