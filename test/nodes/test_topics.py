"""Names of image topics under remapping, by real nodes; what the graph tells of missing ones."""

from types import SimpleNamespace

import pytest
import rclpy
from sensor_msgs.msg import Image

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.nodes import topics
from depth_anything_ros.nodes.subscription import SensorSubscription
from depth_anything_ros.nodes.topics import (
    camera_info_name,
    image_name,
    input_hint,
    input_names,
    split_transport,
    topics_of,
)
from depth_anything_ros.parameters import DEPTH_TRANSPORTS, IMAGE_TRANSPORTS, from_mapping


def test_a_reference_whose_messages_are_not_installed_is_refused(monkeypatch):
    types = {'sonar': 'no_such_msgs/msg/Sonar'}
    monkeypatch.setattr(topics, 'reference_types', lambda config: types)
    with pytest.raises(ConfigError, match="'sonar' needs no_such_msgs/msg/Sonar, which is not"):
        topics_of(DepthNodeConfig())


@pytest.fixture
def make_node(monkeypatch):
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    context = rclpy.Context()
    context.init(domain_id=86)
    nodes = []

    def make(*remaps, namespace=''):
        arguments = ['--ros-args']
        for remap in remaps:
            arguments += ['-r', remap]
        node = rclpy.create_node(
            'depth_node', context=context, namespace=namespace, cli_args=arguments
        )
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize(
    ('remaps', 'transport', 'topic'),
    [
        ((), 'raw', '/robot/image'),
        ((), 'compressed', '/robot/image/compressed'),
        (('image:=/cam/color',), 'raw', '/cam/color'),
        (('image:=/cam/color',), 'compressed', '/cam/color/compressed'),
        (('image:=cam/color',), 'compressed', '/robot/cam/color/compressed'),
        (('image:=/cam/color',), 'compressedDepth', '/cam/color/compressedDepth'),
        (('image/compressed:=/small',), 'compressed', '/small'),
        (('image:=/cam/color', 'image/compressed:=/small'), 'compressed', '/small'),
        (('image:=/cam/color', '/cam/color/compressed:=/small'), 'compressed', '/small'),
        (('__ns:=/two', 'image:=cam/color'), 'compressed', '/two/cam/color/compressed'),
    ],
)
def test_the_transport_follows_the_remapped_image(make_node, remaps, transport, topic):
    node = make_node(*remaps, namespace='robot')
    assert node.resolve_topic_name(image_name(node, 'image', transport)) == topic


@pytest.mark.parametrize(
    ('remaps', 'topic'),
    [
        ((), '/robot/camera_info'),
        (('image:=/cam/color/image_raw',), '/cam/color/camera_info'),
        (('image:=color/image_raw',), '/robot/color/camera_info'),
        (('image:=/picture',), '/camera_info'),
        (('image:=/cam/color/image_raw', 'camera_info:=/calibration'), '/calibration'),
        (('camera_info:=/calibration',), '/calibration'),
    ],
)
def test_the_calibration_lies_beside_the_remapped_image(make_node, remaps, topic):
    node = make_node(*remaps, namespace='robot')
    assert node.resolve_topic_name(camera_info_name(node, 'image')) == topic


def test_the_reference_depth_goes_by_the_same_rules(make_node):
    node = make_node('reference/depth:=/cam/depth/image_raw', 'image:=/cam/color/image_raw')
    config = from_mapping(DepthNodeConfig, {'reference_transport': 'compressedDepth'})
    found = {
        base: node.resolve_topic_name(name) for base, name in input_names(node, config).items()
    }
    assert found == {
        'image': '/cam/color/image_raw',
        'camera_info': '/cam/color/camera_info',
        'reference/depth': '/cam/depth/image_raw/compressedDepth',
        'reference/camera_info': '/cam/depth/camera_info',
        'scan': '/scan',
        'imu': '/imu',
        'odom': '/odom',
        '/tf': '/tf',
    }


def test_a_remapped_name_is_not_remapped_again(make_node):
    """Else the truth on /depth would become the prediction, which then scores perfectly."""
    node = make_node('ground_truth:=/depth', 'depth:=/depth_node/depth/image_raw')
    subscription = SensorSubscription(node, Image, 'ground_truth', print, 'reliable')
    assert subscription.topic == '/depth'
    assert node.count_subscribers('/depth_node/depth/image_raw') == 0
    other = make_node()
    assert other.count_subscribers('/depth') == 1


class Graph:
    """Stand in for a node in a graph where some topics are published."""

    def __init__(self, remaps=None, **published):
        self._remaps = remaps or {}
        self._published = published

    def resolve_topic_name(self, topic, *, only_expand=False):
        full = topic if topic.startswith('/') else f'/{topic}'
        return full if only_expand else self._remaps.get(full, full)

    def get_publishers_info_by_topic(self, name):
        found = self._published.get(self.resolve_topic_name(name).strip('/').replace('/', '_'))
        return [SimpleNamespace(topic_type=found)] if found else []


RAW, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


@pytest.mark.parametrize(
    ('graph', 'config', 'hint'),
    [
        (Graph(image=RAW), {}, ''),
        (Graph(), {}, 'nobody publishes it'),
        (
            Graph(image_compressed=COMPRESSED),
            {},
            '/image/compressed is published instead: set image_transport to compressed',
        ),
        (
            Graph({'/image': '/eye'}, eye=RAW),
            {'image_transport': 'compressed'},
            '/eye is published instead: set image_transport to raw',
        ),
        (
            Graph({'/image': '/eye/compressed'}, eye_compressed=COMPRESSED),
            {'image_transport': 'compressed'},
            "'image' is remapped to /eye/compressed, which is compressed: leave out its last part "
            'and set image_transport to compressed',
        ),
        (
            Graph({'/image': '/eye/compressed'}, eye_compressed=COMPRESSED),
            {},
            "'image' is remapped to /eye/compressed, which is compressed: leave out its last part "
            'and set image_transport to compressed',
        ),
    ],
)
def test_the_hint_names_what_is_published_instead(graph, config, hint):
    assert input_hint(graph, 'image', from_mapping(DepthNodeConfig, config)) == hint


def test_the_hint_for_reference_depth_names_its_own_parameter():
    graph = Graph(reference_depth_compressedDepth=COMPRESSED)
    assert input_hint(graph, 'reference/depth', DepthNodeConfig()) == (
        '/reference/depth/compressedDepth is published instead: set reference_transport to '
        'compressedDepth'
    )


def test_transports_are_those_that_image_transport_names():
    assert (IMAGE_TRANSPORTS, DEPTH_TRANSPORTS) == (
        ('raw', 'compressed'),
        ('raw', 'compressedDepth', 'compressed'),
    )


@pytest.mark.parametrize(
    ('topic', 'base', 'transport'),
    [
        ('/cam/color/compressed', '/cam/color', 'compressed'),
        ('/cam/depth/compressedDepth', '/cam/depth', 'compressedDepth'),
        ('/cam/image_raw', '/cam/image_raw', 'raw'),
        ('/cam/raw', '/cam/raw', 'raw'),
    ],
)
def test_the_transport_is_the_last_part_of_a_topic(topic, base, transport):
    assert split_transport(topic) == (base, transport)
