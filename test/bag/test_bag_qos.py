"""What the publishers of a topic offered, from every kind of bag."""

import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from depth_anything_ros.bag import BagReader, BagWriter, TopicQos

BEST_EFFORT = (QosReliability.BEST_EFFORT, QosDurability.VOLATILE)
RELIABLE = (QosReliability.RELIABLE, QosDurability.VOLATILE)
LATCHED = (QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL)
UNKNOWN = (QosReliability.UNKNOWN, QosDurability.UNKNOWN)
# Topic → what each of its publishers offered, and what that is together.
OFFERS = {
    '/scan': ([BEST_EFFORT, BEST_EFFORT], TopicQos(reliable=False)),
    '/odom': ([RELIABLE], TopicQos()),
    '/map': ([LATCHED], TopicQos(transient_local=True)),
    '/two': ([BEST_EFFORT, LATCHED], TopicQos(transient_local=True)),
    '/silent': ([], TopicQos()),
    '/unknown': ([UNKNOWN], TopicQos()),
    # Whatever was recorded, nobody hears static transforms otherwise.
    '/tf_static': ([], TopicQos(transient_local=True)),
    '/robot/tf_static': ([BEST_EFFORT], TopicQos(transient_local=True)),
}


def offer(reliability, durability):
    times = QosTime(0, 0)
    liveliness = QosLiveliness.AUTOMATIC
    return Qos(
        QosHistory.UNKNOWN, 0, reliability, durability, times, times, liveliness, times, False
    )


def qos_of(path):
    with BagReader(path) as reader:
        return {name: topic.qos for name, topic in reader.topics.items()}


@pytest.mark.parametrize('version', [8, 9])
@pytest.mark.parametrize('storage', list(StoragePlugin))
def test_ros2_bags_tell_the_most_that_the_publishers_offered(tmp_path, version, storage):
    types = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(tmp_path / 'bag', version=version, storage_plugin=storage) as writer:
        for topic, (offers, _) in OFFERS.items():
            connection = writer.add_connection(
                topic,
                'builtin_interfaces/msg/Time',
                typestore=types,
                offered_qos_profiles=[offer(*each) for each in offers],
            )
            writer.write(connection, 1, bytes(12))
    expected = {topic: together for topic, (_, together) in OFFERS.items()}
    assert qos_of(tmp_path / 'bag') == expected
    # The file alone, without metadata.yaml, tells it too.
    (file,) = (tmp_path / 'bag').glob('*.*3' if storage is StoragePlugin.SQLITE3 else '*.mcap')
    assert qos_of(file) == expected


def test_latched_topics_of_ros1_bags_are_transient_local(tmp_path):
    types = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(tmp_path / 'old.bag') as writer:
        for topic, latchings in (('/map', [1]), ('/odom', [0]), ('/scan', [None])):
            for latching in latchings:
                connection = writer.add_connection(
                    topic, 'std_msgs/msg/String', typestore=types, latching=latching
                )
                writer.write(connection, 1, b'\0\0\0\0')
    assert qos_of(tmp_path / 'old.bag') == {
        '/map': TopicQos(transient_local=True),
        '/odom': TopicQos(),
        '/scan': TopicQos(),
    }


def test_static_transforms_are_offered_as_their_listeners_ask_whoever_writes_them(tmp_path):
    kind = 'tf2_msgs/msg/TFMessage'
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write('/tf_static', kind, {}, 1)
        writer.add_topic('/robot/tf_static', kind)
        writer.write('/robot/tf_static', kind, {}, 1)
    with AnyReader([tmp_path / 'bag']) as reader:
        (first,), (second,) = (each.ext.offered_qos_profiles for each in reader.connections)
    assert (first.reliability, first.durability) == LATCHED
    assert (second.reliability, second.durability) == LATCHED
