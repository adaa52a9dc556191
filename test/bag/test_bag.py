import json

import cv2
import numpy as np
import pytest
from made_bags import IMAGE, TOPICS, rgbd_frames
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.typesys import Stores, get_typestore

from depth_anything_ros.bag import (
    BagReader,
    BagWriter,
    RgbdFrame,
    RgbdFrames,
    RgbdTopics,
    find_topics,
    header_frame_id,
    header_stamp_ns,
    restamp,
    write_rgbd_bag,
)
from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.geometry.registration import RegistrationRule
from depth_anything_ros.messages import image_fields, stamp_fields
from depth_anything_ros.types import Camera, Frame

DEPTH_ONLY = RgbdTopics(camera_info='', depth_camera_info='')
IMAGE_ONLY = RgbdTopics(camera_info='', depth='', depth_camera_info='')
HUMBLE = get_typestore(Stores.ROS2_HUMBLE)
STRING = 'std_msgs/msg/String'


def read(path, **options):
    with BagReader(path) as reader:
        return list(RgbdFrames(reader, TOPICS, **options))


def image(rgb, stamp_ns):
    header = {'stamp': stamp_fields(stamp_ns), 'frame_id': 'camera'}
    return {'header': header, **image_fields(rgb, 'rgb8')}


def same(given, expected):
    assert given.frame.stamp_ns == expected.frame.stamp_ns
    assert given.frame.frame_id == expected.frame.frame_id
    assert given.frame.camera == expected.frame.camera
    np.testing.assert_array_equal(given.frame.rgb, expected.frame.rgb)
    np.testing.assert_array_equal(given.depth_m, expected.depth_m)


def test_frames_survive_the_round_trip(bag):
    for given, expected in zip(read(bag), rgbd_frames(), strict=True):
        same(given, expected)


def test_single_storage_file_is_a_bag_too(bag):
    (path,) = (path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3'))
    for given, expected in zip(read(path), rgbd_frames(), strict=True):
        same(given, expected)


def test_bag_describes_itself(bag):
    with BagReader(bag) as reader:
        assert set(reader.topics) == set(vars(TOPICS).values())
        assert {topic.count for topic in reader.topics.values()} == {3}
        assert reader.topics[TOPICS.image].type_name == IMAGE
        assert reader.start_ns == 1_700_000_000_000_000_000
        assert reader.duration_ns == 200_000_000


def test_messages_come_in_order_with_their_stamps(bag):
    with BagReader(bag) as reader:
        times_ns = [(message.log_time_ns, message.stamp_ns) for message in reader.messages()]
    assert times_ns == sorted(times_ns)
    assert all(log_ns == stamp_ns for log_ns, stamp_ns in times_ns)


def test_cdr_bytes_are_those_that_ros2_deserialises(bag):
    with BagReader(bag) as reader:
        message = next(reader.messages([TOPICS.image]))
        expected = next(rgbd_frames()).frame
    decoded = HUMBLE.deserialize_cdr(message.cdr, IMAGE)
    assert isinstance(message.cdr, bytes)
    assert decoded.header.frame_id == expected.frame_id
    np.testing.assert_array_equal(decoded.data, expected.rgb.reshape(-1))


def test_depth_of_another_size_has_its_own_camera(tmp_path):
    small = [
        RgbdFrame(given.frame, np.ascontiguousarray(given.depth_m[::2, ::2]))
        for given in rgbd_frames(1)
    ]
    write_rgbd_bag(tmp_path / 'bag', small)
    with BagReader(tmp_path / 'bag') as reader:
        info = next(reader.messages([TOPICS.depth_camera_info])).deserialize()
    assert (info.width, info.height, info.k[0]) == (4, 3, 5.0)


def test_frames_come_in_order_while_one_waits_for_its_depth(tmp_path):
    given = list(rgbd_frames(3, period_ns=5_000_000))
    depth = image_fields(np.full((6, 8), 1500, np.uint16), '16UC1')
    with BagWriter(tmp_path / 'bag') as writer:
        for item in given:
            stamp_ns = item.frame.stamp_ns
            writer.write(TOPICS.image, IMAGE, image(item.frame.rgb, stamp_ns), stamp_ns)
        first = given[0].frame.stamp_ns
        late = {**image(given[0].frame.rgb, first), **depth}
        writer.write(TOPICS.depth, IMAGE, late, first + 50_000_000)
    with BagReader(tmp_path / 'bag') as reader:
        found = list(RgbdFrames(reader, DEPTH_ONLY))
    stamps_ns = [item.frame.stamp_ns for item in given]
    assert [item.frame.stamp_ns for item in found] == stamps_ns
    assert [item.depth_m is None for item in found] == [False, True, True]


def test_frames_without_partner_have_no_depth(tmp_path):
    given = list(rgbd_frames(3))
    with BagWriter(tmp_path / 'bag') as writer:
        for index, item in enumerate(given):
            stamp_ns = item.frame.stamp_ns
            writer.write(TOPICS.image, IMAGE, image(item.frame.rgb, stamp_ns), stamp_ns)
            if index == 1:
                late = image(item.frame.rgb, stamp_ns + 15_000_000)
                millimetres = image_fields(np.full((6, 8), 1500, np.uint16), '16UC1')
                writer.write(TOPICS.depth, IMAGE, {**late, **millimetres}, stamp_ns + 15_000_000)
    with BagReader(tmp_path / 'bag') as reader:
        found = list(RgbdFrames(reader, DEPTH_ONLY))
        strict = list(RgbdFrames(reader, DEPTH_ONLY, tolerance_ns=10_000_000))
        without = list(RgbdFrames(reader, IMAGE_ONLY))
    with_depth = [item for item in found if item.depth_m is not None]
    assert [item.frame.stamp_ns for item in with_depth] == [given[1].frame.stamp_ns]
    assert np.all(with_depth[0].depth_m == 1.5)
    assert len(found) == len(strict) == len(without) == 3
    assert all(item.depth_m is None for item in [*strict, *without])


def test_uncalibrated_camera_info_gives_frames_without_camera(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        rgb = np.zeros((6, 8, 3), np.uint8)
        writer.write(TOPICS.image, IMAGE, image(rgb, 5), 5)
        writer.write(TOPICS.camera_info, 'sensor_msgs/msg/CameraInfo', {'width': 8}, 5)
    with BagReader(tmp_path / 'bag') as reader:
        (found,) = RgbdFrames(reader, RgbdTopics(depth='', depth_camera_info=''))
    assert found.frame.camera is None


def make_rosbag1(path):
    types = get_typestore(Stores.ROS1_NOETIC)
    classes = types.types
    with Rosbag1Writer(path) as writer:
        connection = writer.add_connection('/image', IMAGE, typestore=types)
        text = writer.add_connection('/text', STRING, typestore=types)
        for index in range(2):
            stamp = classes['builtin_interfaces/msg/Time'](7, 1000 + index)
            header = classes['std_msgs/msg/Header'](41 + index, stamp, 'camera')
            pixels = np.full(2 * 3 * 3, index, np.uint8)
            message = classes[IMAGE](header, 2, 3, 'rgb8', 0, 9, pixels)
            writer.write(connection, 100 + index, types.serialize_ros1(message, IMAGE))
        spoken = types.serialize_ros1(classes[STRING]('hello'), STRING)
        writer.write(text, 200, spoken)


def test_ros1_messages_become_cdr(tmp_path):
    make_rosbag1(tmp_path / 'one.bag')
    with BagReader(tmp_path / 'one.bag') as reader:
        first, second, spoken = reader.messages()
        decoded = HUMBLE.deserialize_cdr(second.cdr, IMAGE)
        assert (decoded.header.stamp.nanosec, decoded.header.frame_id) == (1001, 'camera')
        np.testing.assert_array_equal(decoded.data, np.ones(18))
        assert first.stamp_ns == 7_000_001_000
        assert spoken.stamp_ns is None
        assert spoken.deserialize().data == 'hello'


def test_real_ros1_bag_is_read(rgbd):
    with BagReader(rgbd / 'bags' / 'single_depth_color_640x480.bag') as reader:
        topics = find_topics(reader)
        (found,) = RgbdFrames(
            reader, topics, RegistrationRule('registered'), tolerance_ns=200_000_000
        )
        depth_image = '/device_0/sensor_0/Depth_0/image/data'
        decoded = HUMBLE.deserialize_cdr(next(reader.messages([depth_image])).cdr, IMAGE)
    assert found.frame.rgb.shape == (480, 640, 3)
    assert found.frame.camera.fx_px == pytest.approx(613.2037, abs=1e-3)
    assert found.depth_m.shape == (480, 640)
    assert 0.1 < np.nanmedian(found.depth_m) < 10.0
    assert decoded.step == 1280


def test_real_frames_become_a_bag(rgbd, tmp_path):
    folder = rgbd / 'collection' / 'felix_lowrobot_0'
    lens = json.loads((folder / 'meta.json').read_text())['intrinsics']
    camera = Camera(640, 480, lens['fx'], lens['fy'], lens['cx'], lens['cy'])
    rgb = np.ascontiguousarray(cv2.imread(str(folder / 'rgb.png'))[..., ::-1])
    millimetres = cv2.imread(str(folder / 'depth.png'), cv2.IMREAD_UNCHANGED)
    depth_m = np.where(millimetres > 0, millimetres / 1000, np.nan).astype(np.float32)
    frame = Frame(rgb, 1_000_000_000, 'camera_color_optical_frame', camera)
    write_rgbd_bag(tmp_path / 'bag', [RgbdFrame(frame, depth_m)])
    (found,) = read(tmp_path / 'bag')
    same(found, RgbdFrame(frame, depth_m))


@pytest.mark.parametrize('little_endian', [True, False])
def test_restamp_changes_the_stamp_only(little_endian):
    header = HUMBLE.types['std_msgs/msg/Header'](
        HUMBLE.types['builtin_interfaces/msg/Time'](12, 345), 'camera'
    )
    message = HUMBLE.types[IMAGE](header, 1, 2, 'mono8', 0, 2, np.array([7, 9], np.uint8))
    cdr = bytes(HUMBLE.serialize_cdr(message, IMAGE, little_endian=little_endian))
    assert header_stamp_ns(cdr) == 12_000_000_345
    assert header_frame_id(cdr) == 'camera'
    moved = restamp(cdr, 1_700_000_000_987_654_321)
    assert header_stamp_ns(moved) == 1_700_000_000_987_654_321
    decoded = HUMBLE.deserialize_cdr(moved, IMAGE)
    assert (decoded.header.stamp.sec, decoded.header.stamp.nanosec) == (1_700_000_000, 987654321)
    assert (decoded.header.frame_id, decoded.encoding, decoded.step) == ('camera', 'mono8', 2)
    np.testing.assert_array_equal(decoded.data, [7, 9])
    assert restamp(moved, 12_000_000_345) == cdr


@pytest.mark.parametrize('cdr', [b'', b'\x00\x01\x00\x00' + bytes(7)])
def test_bytes_without_room_for_a_header_are_refused(cdr):
    with pytest.raises(MessageError, match='has no header; 12 is the least'):
        header_stamp_ns(cdr)
    with pytest.raises(MessageError, match='has no header'):
        restamp(cdr, 5)


@pytest.mark.parametrize('length', [1, 7, 2**31, 2**32 - 1])
def test_a_frame_id_longer_than_its_message_is_refused(length):
    cdr = b'\x00\x01\x00\x00' + bytes(8) + length.to_bytes(4, 'little')
    with pytest.raises(MessageError, match=f'frame_id of {length} bytes'):
        header_frame_id(cdr)
    with pytest.raises(MessageError, match='has no frame_id'):
        header_frame_id(cdr[:15])


def test_unknown_encapsulation_lists_the_known_ones():
    with pytest.raises(MessageError, match='encapsulation 0003; known: 0000, 0001, 0006, 0007'):
        header_stamp_ns(b'\x00\x03' + bytes(20))


def test_stamp_beyond_int32_seconds_is_refused():
    with pytest.raises(MessageError, match='4000000000 s does not fit'):
        restamp(b'\x00\x01' + bytes(20), 4_000_000_000_000_000_000)


def test_unknown_storage_lists_the_known_ones(tmp_path):
    with pytest.raises(DatasetError, match="unknown storage 'zip'; known: mcap, sqlite3"):
        BagWriter(tmp_path / 'bag', 'zip')


def test_existing_folder_is_not_written_over(bag):
    with pytest.raises(DatasetError, match='exists; bags are not written over'):
        BagWriter(bag)


def test_unknown_type_and_field_are_refused(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        with pytest.raises(DatasetError, match="unknown message type 'a/msg/B'"):
            writer.write('/a', 'a/msg/B', {}, 0)
        with pytest.raises(DatasetError, match="unknown message type 'a/msg/B'"):
            writer.write_cdr('/a', 'a/msg/B', b'', 0)
        with pytest.raises(DatasetError, match=r"String has no field 'text'; known: data"):
            writer.write('/a', STRING, {'text': 'x'}, 0)


def test_every_kind_of_field_is_written(tmp_path):
    type_name = 'sensor_msgs/msg/PointCloud2'
    points = [{'name': 'x', 'offset': 0, 'datatype': 7, 'count': 1}]
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write('/points', type_name, {'fields': points, 'data': [1, 2]}, 9)
        writer.write('/names', 'sensor_msgs/msg/JointState', {'name': ['a', 'b']}, 10)
        writer.write('/pose', 'geometry_msgs/msg/PoseWithCovariance', {}, 11)
    with BagReader(tmp_path / 'bag') as reader:
        cloud, joints, pose = (message.deserialize() for message in reader.messages())
    assert cloud.fields[0].datatype == 7
    np.testing.assert_array_equal(cloud.data, [1, 2])
    assert joints.name == ['a', 'b']
    np.testing.assert_array_equal(pose.covariance, np.zeros(36))


def test_error_while_writing_leaves_no_folder(tmp_path):
    def interrupted():
        yield from rgbd_frames(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rgbd_bag(tmp_path / 'bag', interrupted())
    assert not (tmp_path / 'bag').exists()


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(DatasetError, match='no frames to write'):
        write_rgbd_bag(tmp_path / 'bag', [])
    assert not (tmp_path / 'bag').exists()


def test_reading_a_frame_that_cannot_be_decoded_is_a_message_error(tmp_path):
    broken = {**image(np.zeros((6, 8, 3), np.uint8), 5), 'step': 3}
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write(TOPICS.image, IMAGE, broken, 5)
    with BagReader(tmp_path / 'bag') as reader, pytest.raises(MessageError, match='step is 3'):
        list(RgbdFrames(reader, IMAGE_ONLY))
