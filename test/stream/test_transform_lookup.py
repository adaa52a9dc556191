"""What becomes of reference messages, without a network or a ROS graph."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from made_references import OPTICAL

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.nodes.transforms import TransformLookup
from depth_anything_ros.stream.references import TransformMissingError


class Buffer:
    """Stand in for tf2_ros.Buffer: the laser is turned by half a turn about z."""

    def lookup_transform(self, target, source, time):
        if source != 'laser':
            raise KeyError(source)
        assert (target, time.nanoseconds) == (OPTICAL, 0)
        vector = SimpleNamespace(x=0.1, y=0.2, z=0.3)
        turn = SimpleNamespace(x=0.0, y=0.0, z=1.0, w=0.0)
        return SimpleNamespace(transform=SimpleNamespace(translation=vector, rotation=turn))


@pytest.fixture
def tf2(monkeypatch):
    listeners = []
    module = ModuleType('tf2_ros')
    module.Buffer = Buffer
    module.TransformListener = lambda *given, **options: listeners.append((given, options))
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    messages, package = ModuleType('tf2_msgs.msg'), ModuleType('tf2_msgs')
    messages.TFMessage = object
    monkeypatch.setitem(sys.modules, 'tf2_msgs', package)
    monkeypatch.setitem(sys.modules, 'tf2_msgs.msg', messages)
    return listeners


class Node:
    """Stand in for the node: keeps what subscribes."""

    def __init__(self):
        self.subscriptions = {}

    def create_subscription(self, message_type, topic, callback, qos):
        self.subscriptions[topic] = callback


def static_transforms(*edges):
    return SimpleNamespace(
        transforms=[
            SimpleNamespace(header=SimpleNamespace(frame_id=parent), child_frame_id=child)
            for parent, child in edges
        ]
    )


def test_a_transform_of_tf_becomes_ours(tf2):
    node = Node()
    lookup = TransformLookup(node)
    found = lookup.lookup(OPTICAL, 'laser')
    lookup.lookup(OPTICAL, 'laser')
    np.testing.assert_allclose(found.translation_m, (0.1, 0.2, 0.3))
    np.testing.assert_allclose(found.rotation, np.diag([-1, -1, 1]), atol=1e-12)
    ((given, options),) = tf2
    assert (given[1], options) == (node, {'spin_thread': False})


def test_tf_is_listened_to_before_the_first_lookup(tf2):
    node = Node()
    lookup = TransformLookup(node)
    lookup.listen()
    lookup.listen()
    assert len(tf2) == 1
    assert list(node.subscriptions) == ['/tf_static']


def test_frames_that_tf_has_connected_once_are_missed_otherwise(tf2, monkeypatch):
    lookup = TransformLookup(Node())
    with pytest.raises(TransformMissingError, match="'sonar'"):
        lookup.lookup(OPTICAL, 'sonar')
    lookup.lookup(OPTICAL, 'laser')

    def fail(*_):
        raise KeyError('laser')

    monkeypatch.setattr(Buffer, 'lookup_transform', fail)
    with pytest.raises(AlignmentError) as caught:
        lookup.lookup(OPTICAL, 'laser')
    assert caught.type is AlignmentError


def test_a_frame_with_two_parents_is_named(tf2):
    node = Node()
    lookup = TransformLookup(node)
    lookup.lookup(OPTICAL, 'laser')
    take = node.subscriptions['/tf_static']
    take(static_transforms(('base_link', 'camera_link'), ('base_link', 'laser')))
    take(static_transforms(('base_link', 'camera_link')))
    assert lookup.conflicts() == ()
    take(static_transforms(('base_footprint', 'camera_link')))
    (sentence,) = lookup.conflicts()
    assert "'camera_link' has more than one parent in TF: base_footprint, base_link" in sentence


def test_frames_that_tf_does_not_connect_raise(tf2):
    with pytest.raises(AlignmentError, match="does not connect 'sonar'"):
        TransformLookup(Node()).lookup(OPTICAL, 'sonar')


def test_without_tf2_it_is_told_where_there_is_some(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    told = 'tf2_ros is not installed, .*; run this in a ROS installation that has it$'
    with pytest.raises(AlignmentError, match=told):
        TransformLookup(Node()).lookup(OPTICAL, 'laser')
