"""What a view shows of the topics that there are."""

import pytest

from depth_anything_ros.bag.qos import TopicQos
from depth_anything_ros.bag.reader import BagTopic
from depth_anything_ros.bag.view_topics import Role, TopicList, find_view_topics
from depth_anything_ros.errors import DatasetError

CAMERA = {
    '/cam/color/image_raw': 'sensor_msgs/msg/Image',
    '/cam/color/camera_info': 'sensor_msgs/msg/CameraInfo',
    '/cam/depth/image_raw': 'sensor_msgs/msg/Image',
    '/cam/depth/camera_info': 'sensor_msgs/msg/CameraInfo',
}
NODE = {
    '/depth_node/relative/image_raw': 'sensor_msgs/msg/Image',
    '/depth_node/depth/image_raw': 'sensor_msgs/msg/Image',
    '/depth_node/depth/camera_info': 'sensor_msgs/msg/CameraInfo',
    '/depth_node/preview/image_raw': 'sensor_msgs/msg/Image',
    '/depth_node/points': 'sensor_msgs/msg/PointCloud2',
    '/depth_node/sigma/image_raw': 'sensor_msgs/msg/Image',
    '/depth_node/confidence/image_raw': 'sensor_msgs/msg/Image',
    '/depth_node/scan': 'sensor_msgs/msg/LaserScan',
    '/depth_node/scale': 'diagnostic_msgs/msg/DiagnosticArray',
}
OTHERS = {
    '/scan': 'sensor_msgs/msg/LaserScan',
    '/tf': 'tf2_msgs/msg/TFMessage',
    '/tf_static': 'tf2_msgs/msg/TFMessage',
    '/diagnostics': 'diagnostic_msgs/msg/DiagnosticArray',
}


def source(types):
    topics = {name: BagTopic(name, kind, 1, TopicQos()) for name, kind in types.items()}
    return TopicList("bag '/b'", topics)


def found(types, **told):
    told = {Role(role): name for role, name in told.items()}
    topics = find_view_topics(source(types), told)
    return {role.value: topic for topic, role in topics.items() if role is not Role.TF}


def test_the_outputs_of_a_depth_node_go_before_the_depth_of_the_camera():
    assert found({**CAMERA, **NODE, **OTHERS}) == {
        'image': '/cam/color/image_raw',
        'camera_info': '/cam/color/camera_info',
        'depth': '/depth_node/depth/image_raw',
        'depth_camera_info': '/depth_node/depth/camera_info',
        'relative': '/depth_node/relative/image_raw',
        'scale': '/depth_node/scale',
        'points': '/depth_node/points',
        'sigma': '/depth_node/sigma/image_raw',
        'confidence': '/depth_node/confidence/image_raw',
        'scan': '/scan',
    }


@pytest.mark.parametrize('role', [Role.POINTS, Role.SIGMA, Role.CONFIDENCE])
def test_what_a_node_would_make_for_us_alone_is_shown_where_it_is_asked_for(role):
    topics = source({**CAMERA, **NODE})
    live = TopicList(topics.label, topics.topics, costly=True)
    assert role not in find_view_topics(live, {}).values()
    (topic,) = (name for name, found in find_view_topics(topics, {}).items() if found is role)
    assert find_view_topics(live, {role: topic})[topic] is role


def test_without_a_depth_node_the_camera_is_shown():
    assert found({**CAMERA, **OTHERS}) == {
        'image': '/cam/color/image_raw',
        'camera_info': '/cam/color/camera_info',
        'depth': '/cam/depth/image_raw',
        'depth_camera_info': '/cam/depth/camera_info',
        'scan': '/scan',
    }


def test_tf_of_both_kinds_is_among_them():
    topics = find_view_topics(source({**CAMERA, **OTHERS}), {})
    assert [name for name, role in topics.items() if role is Role.TF] == ['/tf', '/tf_static']


def test_outputs_alone_are_shown_with_the_scan_that_is_made_of_them():
    shown = found(NODE)
    assert shown['depth'] == '/depth_node/depth/image_raw'
    assert shown['scan'] == '/depth_node/scan'
    assert 'image' not in shown


def test_images_alone_are_shown():
    assert found({'/webcam/compressed': 'sensor_msgs/msg/CompressedImage'}) == {
        'image': '/webcam/compressed'
    }


def test_one_calibration_of_both_is_that_of_the_image():
    kinds = {'/c/rgb': 'sensor_msgs/msg/Image', '/c/depth': 'sensor_msgs/msg/Image'}
    shown = found({**kinds, '/c/camera_info': 'sensor_msgs/msg/CameraInfo'})
    assert shown == {'image': '/c/rgb', 'depth': '/c/depth', 'camera_info': '/c/camera_info'}


def test_what_is_told_is_taken():
    shown = found({**CAMERA, **NODE}, depth='/cam/depth/image_raw')
    assert shown['depth'] == '/cam/depth/image_raw'
    assert 'scale' not in shown


def test_a_topic_that_is_not_there_is_told_with_those_of_its_type():
    with pytest.raises(
        DatasetError, match=r"bag '/b' has no topic '/laser' .* scan; known: /scan"
    ):
        found({**CAMERA, **OTHERS}, scan='/laser')


def test_nothing_to_show_lists_the_topics_of_images():
    with pytest.raises(DatasetError, match=r'neither images nor depth .*: /ir/image, /mask'):
        found({'/ir/image': 'sensor_msgs/msg/Image', '/mask': 'sensor_msgs/msg/Image', **OTHERS})
    with pytest.raises(
        DatasetError, match=r'no topic of images, but: /scan \(sensor_msgs/msg/LaserScan\), /tf'
    ):
        found(OTHERS)


def test_several_cameras_or_depth_nodes_are_to_be_chosen_from():
    second = {name.replace('cam', 'rear'): kind for name, kind in CAMERA.items()}
    with pytest.raises(
        DatasetError, match=r'2 cameras; .*--image /cam/color/image_raw or --image /rear'
    ):
        found({**CAMERA, **second})
    assert found({**CAMERA, **second}, image='/rear/color/image_raw')['depth'].startswith('/rear')
    # Without depth too, one that is told is enough.
    plain = dict.fromkeys(('/front/image_raw', '/rear/image_raw'), 'sensor_msgs/msg/Image')
    assert found(plain, image='/rear/image_raw') == {'image': '/rear/image_raw'}
    other = {name.replace('depth_node', 'b'): kind for name, kind in NODE.items()}
    with pytest.raises(DatasetError, match='--depth /b/depth/image_raw or --depth /depth_node/'):
        found({**CAMERA, **NODE, **other})
    assert found({**CAMERA, **NODE, **other}, depth='/b/depth/image_raw')['scale'] == '/b/scale'


def test_relative_depth_alone_is_shown():
    relative = '/depth_node/relative/image_raw'
    assert found({relative: NODE[relative]}) == {'relative': relative}
