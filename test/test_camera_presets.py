"""What `camera:=` stands for: topics as the drivers name them, found by the node and in bags."""

import numpy as np
import pytest
from driver_topics import TOPICS

from depth_anything_ros.bag import BagReader, BagWriter, RgbdTopics, find_topics
from depth_anything_ros.config import CAMERA_PRESETS, DepthNodeConfig, camera_arguments
from depth_anything_ros.errors import ConfigError, UnknownNameError
from depth_anything_ros.nodes.topics import input_names
from depth_anything_ros.parameters import from_mapping, parameter_infos, parse_value

WITH_DEPTH = [name for name, topics in TOPICS.items() if len(topics) == 4]
# Launch argument → base topic of the node.
BASES = {'image': 'image', 'reference': 'reference/depth'}


class Remapped:
    """A node of the root namespace with some of its topics remapped."""

    def __init__(self, remappings):
        self._remappings = remappings

    def resolve_topic_name(self, topic, *, only_expand=False):
        name = topic if only_expand else self._remappings.get(topic, topic)
        return name if name.startswith('/') else f'/{name}'


def subscribed(arguments):
    """Return the full names of the node's inputs by what a launch file is given."""
    node = Remapped({BASES[name]: arguments[name] for name in BASES if name in arguments})
    infos = parameter_infos(DepthNodeConfig)
    given = {
        name: parse_value(name, text, *infos[name])
        for name, text in arguments.items()
        if name not in BASES
    }
    config = from_mapping(DepthNodeConfig, given)
    names = input_names(node, config)
    wanted = ['image', 'camera_info']
    if config.scale.scale_source == 'depth_image':
        wanted += ['reference/depth', 'reference/camera_info']
    return tuple(node.resolve_topic_name(names[base]) for base in wanted), config


@pytest.mark.parametrize('camera', CAMERA_PRESETS)
def test_a_preset_is_the_topics_of_the_driver_and_of_its_calibration(camera):
    found, config = subscribed(camera_arguments(camera))
    assert found == TOPICS[camera]
    assert config.image_is_rectified == (camera != 'usb_cam')


@pytest.mark.parametrize(
    ('camera', 'prefix', 'image'),
    [
        ('realsense', 'robot1/front', 'robot1/front/color/image_raw'),
        ('zed', '/left/zed_node/', '/left/zed_node/rgb/color/rect/image'),
        ('usb_cam', 'camera1', 'camera1/image_raw'),
        ('orbbec', '/', '/color/image_raw'),
    ],
)
def test_a_prefix_takes_the_place_of_the_drivers_own(camera, prefix, image):
    arguments = camera_arguments(camera, prefix)
    assert arguments['image'] == image
    assert {**arguments, 'image': '', 'reference': ''} == {
        **camera_arguments(camera), 'image': '', 'reference': '',
    }  # fmt: skip
    ending = CAMERA_PRESETS[camera].reference
    if ending:
        assert arguments['reference'] == image.removesuffix(CAMERA_PRESETS[camera].image) + ending


def test_without_a_camera_nothing_is_said():
    assert camera_arguments('') == {}


def test_a_prefix_of_no_camera_is_refused():
    with pytest.raises(ConfigError, match="'camera_prefix': 'front' needs a camera; known: real"):
        camera_arguments('', 'front')


def test_an_unknown_camera_lists_the_known():
    known = 'realsense, orbbec, oak, zed, usb_cam'
    with pytest.raises(UnknownNameError, match=f"unknown camera 'kinect'; known: {known}"):
        camera_arguments('kinect')


@pytest.mark.parametrize('camera', WITH_DEPTH)
def test_a_bag_of_the_camera_is_found_by_its_names_too(camera, tmp_path):
    topics = RgbdTopics(*TOPICS[camera])
    calibration = {'k': np.eye(3).ravel(), 'r': np.eye(3).ravel(), 'p': np.eye(3, 4).ravel()}
    with BagWriter(tmp_path / 'bag') as writer:
        for name, topic in vars(topics).items():
            kind, fields = ('CameraInfo', calibration) if 'info' in name else ('Image', {})
            writer.write(topic, f'sensor_msgs/msg/{kind}', fields, 1)
        writer.write('/infra1/image_rect_raw', 'sensor_msgs/msg/Image', {}, 1)
    with BagReader(tmp_path / 'bag') as reader:
        assert find_topics(reader) == topics


def test_each_preset_says_how_the_driver_is_started_and_where_that_stands():
    for name, preset in CAMERA_PRESETS.items():
        assert preset.driver.startswith(('ros2 launch ', 'ros2 run ')), name
        repository, version = preset.source.split(':')[0].split(' ')
        assert repository.count('/') == 1 and version[0].isdigit(), name
