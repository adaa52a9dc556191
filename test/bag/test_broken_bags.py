import sqlite3
from contextlib import closing

import numpy as np
import pytest
from made_bags import IMAGE, TOPICS
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Rosbag2Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from depth_anything_ros.bag import (
    BagReader,
    BagWriter,
    RgbdFrames,
    RgbdTopics,
)
from depth_anything_ros.errors import DatasetError, MessageError


def test_topic_that_is_not_there_lists_those_that_are(bag):
    with BagReader(bag) as reader:
        with pytest.raises(DatasetError, match=r"no topic '/x' in bag .*known: /camera/color/c"):
            reader.messages(['/x'])
        with pytest.raises(DatasetError, match="no topic '/y'"):
            RgbdFrames(reader, RgbdTopics('/y'))


def test_topic_of_another_type_is_refused(bag):
    with BagReader(bag) as reader, pytest.raises(DatasetError, match=r'CameraInfo; allowed: '):
        RgbdFrames(reader, RgbdTopics(TOPICS.camera_info))


def test_missing_bag_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"no bag at '.*nowhere'"):
        BagReader(tmp_path / 'nowhere')


def test_folder_without_metadata_is_no_bag(tmp_path):
    (tmp_path / 'sub').mkdir()
    with pytest.raises(DatasetError, match=r'no metadata\.yaml; it holds: sub'):
        BagReader(tmp_path)


def test_file_of_another_kind_is_no_bag(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'video')
    with pytest.raises(DatasetError, match=r'known: a ROS 2 bag folder, \.bag, \.mcap, \.db3'):
        BagReader(tmp_path / 'a.mp4')


def test_empty_bag_is_refused(tmp_path):
    with BagWriter(tmp_path / 'bag'):
        pass
    with pytest.raises(DatasetError, match='holds no messages'):
        BagReader(tmp_path / 'bag')


@pytest.mark.parametrize('suffix', ['.bag', '.mcap', '.db3'])
@pytest.mark.parametrize('data', [b'', b'\x00' * 300, b'#ROSBAG V2.0\n' + b'\x07' * 90])
def test_file_of_rubbish_is_refused(tmp_path, suffix, data):
    path = tmp_path / f'a{suffix}'
    path.write_bytes(data)
    with pytest.raises(DatasetError, match='cannot be read'):
        BagReader(path)


def test_truncated_or_overwritten_storage_never_ends_in_another_error(bag):
    (path,) = (path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3'))
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        start = int(generator.integers(0, len(whole)))
        noise = generator.integers(0, 256, 64, dtype=np.uint8).tobytes()
        broken = whole[:start]
        if generator.random() < 0.5:
            broken = (broken + noise + whole[start + 64 :])[: len(whole)]
        path.write_bytes(broken)
        try:
            with BagReader(bag) as reader:
                for message in reader.messages():
                    message.deserialize()
        except (DatasetError, MessageError):
            refused += 1
    assert refused > 10


def test_messages_of_a_type_that_nobody_describes_keep_their_bytes(tmp_path):
    name = 'robot_msgs/msg/Battery'
    types = get_typestore(Stores.ROS2_HUMBLE)
    types.register(get_types_from_msg('std_msgs/Header header\nfloat32 volts', name))
    with Rosbag2Writer(
        tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.SQLITE3
    ) as writer:
        connection = writer.add_connection('/battery', name, typestore=types)
        writer.write(connection, 5, bytes((0, 1, 0, 0)) + bytes(20))
    with closing(sqlite3.connect(tmp_path / 'bag' / 'bag.db3')) as database:
        # As Humble records: without definitions.
        database.execute('DELETE FROM message_definitions')
        database.commit()
    with BagReader(tmp_path / 'bag') as reader:
        (message,) = reader.messages()
        assert (message.stamp_ns, len(message.cdr)) == (None, 24)
        with pytest.raises(DatasetError, match=name):
            message.deserialize()


def test_damaged_metadata_is_refused(bag):
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: 7\n')
    with pytest.raises(DatasetError, match='cannot be read'):
        BagReader(bag)


def test_bytes_that_do_not_fit_their_type_are_refused(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write_cdr('/image', IMAGE, b'\x00\x01\x00\x00' + b'\xff' * 20, 5)
    with BagReader(tmp_path / 'bag') as reader:
        (message,) = reader.messages()
        with pytest.raises(DatasetError, match=r"topic '/image', cannot be read"):
            message.deserialize()


def test_ros1_bytes_that_do_not_fit_their_type_are_refused(tmp_path):
    types = get_typestore(Stores.ROS1_NOETIC)
    with Rosbag1Writer(tmp_path / 'one.bag') as writer:
        writer.write(writer.add_connection('/image', IMAGE, typestore=types), 5, b'\xff' * 20)
    with BagReader(tmp_path / 'one.bag') as reader:
        (message,) = reader.messages()
        with pytest.raises(DatasetError, match=r"topic '/image', cannot be read"):
            _ = message.cdr
