"""Topics of RGB-D cameras in bags, by the names that their drivers give."""

from types import SimpleNamespace

import pytest

from depth_anything_ros.bag import find_topics
from depth_anything_ros.bag.qos import TopicQos
from depth_anything_ros.bag.reader import BagReader, BagTopic
from depth_anything_ros.errors import DatasetError

CASES = {
    'realsense, aligned': (
        '/camera/camera/color/image_raw',
        '/camera/camera/aligned_depth_to_color/image_raw',
        ['/camera/camera/depth/image_rect_raw', '/camera/camera/infra1/image_rect_raw'],
    ),
    'realsense': ('/camera/color/image_raw', '/camera/depth/image_rect_raw', []),
    'orbbec': (
        '/camera/color/image_raw',
        '/camera/depth/image_raw',
        ['/camera/left_ir/image_raw', '/camera/ir/image_raw'],
    ),
    'oak': (
        '/oak/rgb/image_raw',
        '/oak/stereo/image_raw',
        ['/oak/left/image_raw', '/oak/rgb/preview/image_raw'],
    ),
    'zed 5': (
        '/zed/zed_node/rgb/color/rect/image',
        '/zed/zed_node/depth/depth_registered',
        ['/zed/zed_node/left/color/rect/image', '/zed/zed_node/confidence/confidence_map'],
    ),
    'zed 4': (
        '/zed/zed_node/rgb/image_rect_color',
        '/zed/zed_node/depth/depth_registered',
        ['/zed/zed_node/left/image_rect_color', '/zed/zed_node/right/image_rect_color'],
    ),
    'usb_cam and wheeltec': ('/image_raw', '/camera/depth/image_raw', ['/camera/ir/image_raw']),
    'uncertainty, which is no depth': (
        '/left',
        '/depth_node/depth/image_raw',
        ['/depth_node/sigma/image_raw'],
    ),
    'compressed': (
        '/camera/color/image_raw/compressed',
        '/camera/depth/image_raw/compressedDepth',
        [],
    ),
    'raw before compressed': (
        '/camera/color/image_raw',
        '/camera/depth/image_raw',
        ['/camera/color/image_raw/compressed', '/camera/depth/image_raw/compressedDepth'],
    ),
}


def bag_of(*images, infos=()):
    topics = {}
    for name in images:
        compressed = name.endswith(('/compressed', '/compressedDepth'))
        kind = 'CompressedImage' if compressed else 'Image'
        topics[name] = BagTopic(name, f'sensor_msgs/msg/{kind}', 1, TopicQos())
    for name in infos:
        topics[name] = BagTopic(name, 'sensor_msgs/msg/CameraInfo', 1, TopicQos())
    bag = SimpleNamespace(path='/bag', topics=topics)
    bag.require_topic = lambda name: BagReader.require_topic(bag, name)
    return bag


@pytest.mark.parametrize('case', CASES)
def test_the_topics_of_a_driver_are_found(case):
    image, depth, others = CASES[case]
    found = find_topics(bag_of(*others, depth, image))
    assert (found.image, found.depth) == (image, depth)


def test_calibration_lies_beside_the_image_whatever_its_transport():
    infos = ['/camera/color/camera_info', '/camera/depth/camera_info']
    image, depth, _ = CASES['compressed']
    found = find_topics(bag_of(image, depth, infos=infos))
    assert [found.camera_info, found.depth_camera_info] == infos
    assert find_topics(bag_of(image, depth)).camera_info == ''


def test_two_cameras_are_listed_with_the_words_that_choose():
    names = [f'/{side}/{kind}/image_raw' for side in 'ab' for kind in ('color', 'depth')]
    bag = bag_of(*names)
    with pytest.raises(DatasetError) as error:
        find_topics(bag)
    assert str(error.value) == (
        "bag '/bag' has 2 cameras; name one behind the path: "
        "',image=/a/color/image_raw,depth=/a/depth/image_raw' or "
        "',image=/b/color/image_raw,depth=/b/depth/image_raw'"
    )
    assert find_topics(bag, image='/b/color/image_raw').depth == '/b/depth/image_raw'
    told = find_topics(bag, '/a/color/image_raw', '/b/depth/image_raw')
    assert (told.image, told.depth) == ('/a/color/image_raw', '/b/depth/image_raw')


def test_a_name_may_leave_out_the_transport():
    image, depth, _ = CASES['compressed']
    found = find_topics(bag_of(image, depth), '/camera/color/image_raw', '/camera/depth/image_raw')
    assert (found.image, found.depth) == (image, depth)


def test_a_bag_without_depth_lists_its_images():
    with pytest.raises(DatasetError, match='its topics of images: /front/image, /rear/image$'):
        find_topics(bag_of('/front/image', '/rear/image'))


def test_a_topic_that_is_not_there_lists_those_that_are():
    with pytest.raises(DatasetError, match="no topic '/x' in bag '/bag'; known: /image"):
        find_topics(bag_of('/image'), image='/x')
