"""Which camera_info of a bag is believed for which image, and when none is."""

import numpy as np
import pytest
import two_cameras
from two_cameras import COLOR_FRAME, START_NS, TOPICS

from depth_anything_ros.bag import BagReader, BagWriter, RgbdFrames
from depth_anything_ros.cli.demo_bag import open_bag as open_demo
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.datasets.bag import open_bag
from depth_anything_ros.messages import camera_info_fields, image_fields, stamp_fields
from depth_anything_ros.types import Camera

DEPTH_FRAME = 'depth'
PLACE = two_cameras.static_transform(
    COLOR_FRAME, DEPTH_FRAME, RigidTransform(np.eye(3), np.zeros(3))
)
CAMERA = Camera(32, 24, 30.0, 30.0, 15.5, 11.5)
HALF = Camera(32, 24, 15.0, 15.0, 15.5, 11.5)
PERIOD_NS = 100_000_000


def header(index, frame_id):
    return {'stamp': stamp_fields(START_NS + round(index * PERIOD_NS)), 'frame_id': frame_id}


def write_bag(path, infos, images=1, depth_info=CAMERA, depth_frame=DEPTH_FRAME, **more):
    """Write images of 32x24 whose depth is a wall at 2 m, and (number, fields) of camera_info."""
    depths = more.get('depths', range(images))
    with BagWriter(path) as writer:

        def write(topic, kind, index, frame_id, fields):
            stamp_ns = START_NS + round(index * PERIOD_NS)
            message = {'header': header(index, frame_id), **fields}
            writer.write(topic, f'sensor_msgs/msg/{kind}', message, stamp_ns)

        writer.write('/tf_static', 'tf2_msgs/msg/TFMessage', {'transforms': [PLACE]}, START_NS)
        for index, fields in infos:
            write(
                TOPICS.camera_info,
                'CameraInfo',
                index,
                more.get('info_frame', COLOR_FRAME),
                fields,
            )
        fields = camera_info_fields(depth_info)
        write(TOPICS.depth_camera_info, 'CameraInfo', 0, depth_frame, fields)
        wall = image_fields(np.full((24, 32), 2000, np.uint16), '16UC1')
        color = image_fields(np.zeros((24, 32, 3), np.uint8), 'rgb8')
        for index in depths:
            write(TOPICS.depth, 'Image', index, depth_frame, wall)
        for index in range(images):
            write(TOPICS.image, 'Image', index, COLOR_FRAME, color)
    return path


def seen(dataset, index):
    """Return how many columns and rows of the image have depth."""
    known = np.isfinite(dataset[index].depth_m)
    return int(known.any(axis=0).sum()), int(known.any(axis=1).sum())


def test_the_camera_info_of_its_own_stamp_serves_an_image(tmp_path):
    infos = [(0, camera_info_fields(CAMERA)), (1, camera_info_fields(HALF))]
    dataset = open_bag(write_bag(tmp_path / 'bag', infos, images=3), 'all')
    # Half the focal length shows the wall half as large; the third image is next to the second.
    assert [seen(dataset, index) for index in range(3)] == [(32, 24), (16, 12), (16, 12)]


@pytest.mark.parametrize(
    'first',
    [
        camera_info_fields(HALF),
        camera_info_fields(Camera(16, 12, 15.0, 15.0, 7.5, 5.5)),
        {**camera_info_fields(CAMERA), 'k': [0.0] * 9},
    ],
)
def test_what_came_long_before_serves_no_image(tmp_path, first):
    infos = [(-50, first), (0, camera_info_fields(CAMERA))]
    with BagReader(write_bag(tmp_path / 'bag', infos)) as reader:
        (found,) = RgbdFrames(reader, TOPICS)
    assert found.frame.camera == CAMERA
    assert (found.depth_m == 2).all()


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        (camera_info_fields(Camera(16, 12, 15.0, 15.0, 7.5, 5.5)), 'is for 16x12, the image is 3'),
        (camera_info_fields(Camera(64, 36, 60.0, 60.0, 31.5, 17.5)), 'is for 64x36, the image is'),
        ({**camera_info_fields(CAMERA), 'width': 0, 'height': 0}, 'is for 0x0 pixels; 1x1 is the'),
        ({**camera_info_fields(CAMERA), 'width': 20_000, 'height': 20_000}, '20000x20000 pixels;'),
        ({**camera_info_fields(CAMERA), 'k': [0.0] * 9}, 'is uncalibrated'),
    ],
)
def test_calibration_that_is_not_of_the_image_is_refused_with_the_reason(tmp_path, fields, reason):
    path = write_bag(tmp_path / 'bag', [(0, fields)])
    with pytest.raises(DatasetError, match=f'{TOPICS.camera_info}: camera_info .*{reason}'):
        open_bag(path, 'all')


def test_depth_of_another_camera_is_refused_though_it_names_the_frame_of_the_image(tmp_path):
    infos = [(0, camera_info_fields(CAMERA))]
    path = write_bag(tmp_path / 'bag', infos, depth_info=HALF, depth_frame=COLOR_FRAME)
    with pytest.raises(DatasetError, match=r'camera_info has fx 15, .* has fx 30, .*,registratio'):
        open_bag(path, 'all')
    assert len(open_bag(path, 'all', registration='registered')) == 1


DISTORTED = {**camera_info_fields(CAMERA), 'd': [-0.3, 0.1, 0.0, 0.0, 0.0]}
WIDE_P = {
    **camera_info_fields(CAMERA),
    'p': [15.0, 0.0, 15.5, 0.0, 0.0, 15.0, 11.5, 0.0, 0.0, 0.0, 1.0, 0.0],
}


@pytest.mark.parametrize(('rectified', 'columns'), [('true', 16), ('false', 32)])
def test_the_word_says_whether_images_are_rectified(tmp_path, rectified, columns):
    path = write_bag(tmp_path / 'bag', [(0, WIDE_P)])
    assert seen(open_bag(path, 'all', rectified=rectified), 0)[0] == columns
    assert open_demo(f'{path},rectified={rectified}').rectified is (rectified == 'true')


def test_images_that_may_not_be_rectified_are_warned_of(tmp_path):
    path = write_bag(tmp_path / 'a', [(0, camera_info_fields(CAMERA))])
    assert open_bag(path, 'all').warning == ''
    path = write_bag(tmp_path / 'b', [(0, DISTORTED)])
    assert open_bag(path, 'all').warning == (
        'images of /camera/color/image_raw are taken as rectified, but their camera_info has lens '
        "distortion D = -0.3, 0.1, 0, 0, 0: write ',rectified=false' behind the path if they are "
        'not'
    )
    assert open_bag(path, 'all', rectified='false').warning == ''
    assert open_bag(path, 'all', registration='registered').warning == ''
    warning = open_bag(write_bag(tmp_path / 'c', [(0, WIDE_P)]), 'all').warning
    assert 'has fx, fy, cx, cy 15, 15, 15.5, 11.5 px in P and 30, 30, 15.5, 11.5 ' in warning


def test_rectified_is_true_or_false(tmp_path):
    with pytest.raises(DatasetError, match="rectified 'no' is unknown; known: true, false"):
        open_bag(tmp_path, 'all', rectified='no')


def test_camera_info_of_another_frame_is_warned_of(tmp_path):
    path = write_bag(tmp_path / 'bag', [(0, camera_info_fields(CAMERA))], info_frame='rear')
    warning = open_bag(path, 'all').warning
    assert "camera_info on /camera/color/camera_info is of frame 'rear', its image of '" in warning


def test_images_without_depth_are_counted(tmp_path):
    path = write_bag(tmp_path / 'bag', [(0, camera_info_fields(CAMERA))], images=3, depths=(0,))
    dataset = open_bag(path, 'all')
    assert len(dataset) == 1
    assert dataset.warning == (
        '2 of 3 images of /camera/color/image_raw have no depth image of their own within 20 ms: '
        'the nearest one is 100 ms away'
    )


def test_a_bag_whose_depth_is_late_says_by_how_much(tmp_path):
    path = write_bag(tmp_path / 'bag', [(0, camera_info_fields(CAMERA))], depths=(0.6,))
    with pytest.raises(DatasetError, match='1 of 1 images .* within 20 ms: .* is 60 ms away$'):
        open_bag(path, 'all')
