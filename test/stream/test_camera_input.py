import tracemalloc

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from depth_anything_ros.stream.camera_input import CameraInput, CameraView
from depth_anything_ros.types import Camera

IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


def make_info(focal_px=500.0) -> CameraInfo:
    info = CameraInfo(width=640, height=480, distortion_model='plumb_bob', d=[0.1, 0, 0, 0, 0])
    info.k = [focal_px, 0.0, 320.0, 0.0, focal_px, 240.0, 0.0, 0.0, 1.0]
    info.p = [510.0, 0.0, 321.0, 0.0, 0.0, 510.0, 241.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    info.r = IDENTITY
    info.header.frame_id = 'other'
    return info


@pytest.fixture
def camera_input():
    return CameraInput('/camera/camera_info')


HEADER = Header(frame_id='optical')


def test_rectified_takes_p_and_raw_takes_k_and_d(camera_input):
    camera_input.update(make_info())
    rectified = camera_input.view(HEADER, 480, 640, True)
    assert rectified.doubt == (
        "camera_info on /camera/camera_info is of frame 'other', its image of 'optical'; make "
        'sure that it belongs to this camera'
    )
    assert (rectified.camera, rectified.reason) == (Camera(640, 480, 510, 510, 321, 241), '')
    camera = camera_input.view(HEADER, 480, 640, False).camera
    assert (camera.fx_px, camera.cx_px, camera.distortion[0]) == (500.0, 320.0, 0.1)


def test_the_reason_names_what_is_missing(camera_input):
    nothing = camera_input.view(HEADER, 480, 640, True)
    assert nothing == CameraView(
        None, None, 'no camera_info yet on /camera/camera_info', missing=True
    )
    camera_input.update(make_info(focal_px=0.0))
    assert 'uncalibrated' in camera_input.view(HEADER, 480, 640, True).reason
    camera_input.update(make_info())
    other_size = camera_input.view(HEADER, 240, 320, True)
    assert '640x480' in other_size.reason
    assert (other_size.camera, other_size.info) == (None, None)


def test_the_info_is_the_last_one_under_the_image_header_and_stays_what_it_was(camera_input):
    camera_input.update(make_info())
    view = camera_input.view(HEADER, 480, 640, True)
    expected = make_info()
    expected.header = HEADER
    camera_input.update(make_info(focal_px=700.0))
    assert view.info == expected
    assert camera_input.view(Header(), 480, 640, True).info.header.frame_id == ''
    assert view.info.header.frame_id == 'optical'


NAN = float('nan')
OF_K = [500.0, 0.0, 320.0, 0.0, 0.0, 500.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]
NO_FY = [510.0, 0.0, 321.0, 0.0, 0.0, 0.0, 241.0, 0.0, 0.0, 0.0, 1.0, 0.0]
ONE_NAN = [510.0, 0.0, 321.0, 0.0, 0.0, 510.0, NAN, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize('rotation', [9 * [0.0], IDENTITY, 9 * [NAN]])
@pytest.mark.parametrize('projection', [12 * [0.0], 12 * [NAN], NO_FY, ONE_NAN])
def test_a_missing_projection_is_filled_from_k_with_identity(camera_input, projection, rotation):
    given = make_info()
    given.p, given.r = projection, rotation
    given.binning_x = given.binning_y = 2
    camera_input.update(given)
    view = camera_input.view(HEADER, 240, 320, True)
    # K and P are of the full sensor; who reads them applies the binning, as we do.
    assert (view.info.p.tolist(), view.info.r.tolist()) == (OF_K, IDENTITY)
    assert (view.info.binning_x, view.info.width) == (2, 640)
    assert view.camera == Camera(320, 240, 250.0, 250.0, 160.0, 120.0)
    # The camera's own message stays as it came.
    np.testing.assert_array_equal(given.p, projection)


def test_a_projection_that_is_there_is_kept_and_only_r_is_filled(camera_input):
    given = make_info()
    given.r = 9 * [0.0]
    given.p[3] = -24.0  # the baseline of a stereo pair
    camera_input.update(given)
    info = camera_input.view(HEADER, 480, 640, True).info
    assert (info.p.tolist(), info.r.tolist()) == (given.p.tolist(), IDENTITY)
    given.r = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert camera_input.view(HEADER, 480, 640, True).info.r.tolist() == given.r.tolist()


def test_a_camera_info_of_another_size_costs_no_memory(camera_input):
    given = make_info()
    given.width = given.height = 6_000
    camera_input.update(given)
    tracemalloc.start()
    view = camera_input.view(HEADER, 480, 640, False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert view.reason.startswith('camera_info is for 6000x6000, the image is 640x480')
    assert peak < 100_000


def test_a_projection_that_is_not_finite_is_told_once(camera_input, caplog):
    info = make_info()
    info.p = [float('nan')] * 12
    camera_input.update(make_info())
    assert not caplog.records
    for _ in range(3):
        camera_input.update(info)
    words = 'P of /camera/camera_info is not finite: K is taken in its place'
    assert [record.message for record in caplog.records] == [words]
    assert camera_input.camera(rectified=True) == Camera(640, 480, 500, 500, 320, 240)


@pytest.mark.parametrize(
    ('topic', 'rectified', 'doubted'),
    [
        ('/camera/image_rect', False, True),
        ('/zed/zed_node/rgb/color/rect/image', False, True),
        ('/camera/image_raw', False, False),
        ('/direct/image_raw', False, False),
        ('/camera/image_rect', True, False),
        ('', False, False),
    ],
)
def test_images_that_may_be_rectified_already_are_doubted(topic, rectified, doubted):
    info = make_info()
    info.header.frame_id = 'optical'
    camera_input = CameraInput('/camera/camera_info', topic)
    camera_input.update(info)
    told = (
        f'images of {topic}, by its name rectified, are taken as raw ones with lens distortion '
        'D = 0.1, 0, 0, 0, 0 and fx, fy, cx, cy 510, 510, 321, 241 px in P and 500, 500, 320, 240 '
        'px in K: set image_is_rectified to true if they are'
    )
    assert camera_input.view(HEADER, 480, 640, rectified).doubt == (told if doubted else '')


def test_images_that_may_not_be_rectified_are_doubted():
    info = make_info()
    info.header.frame_id = 'optical'
    for topic, rectified, doubted in (
        ('/camera/image_raw', True, True),
        ('/direct/image_raw', True, True),
        ('/camera/image_raw', False, False),
        ('/camera/image_rect', True, False),
        ('', True, False),
    ):
        camera_input = CameraInput('/camera/camera_info', topic)
        camera_input.update(info)
        doubt = camera_input.view(HEADER, 480, 640, rectified).doubt
        assert ('set image_is_rectified to false' in doubt) == doubted
        assert (
            'D = 0.1, 0, 0, 0, 0 and fx, fy, cx, cy 510, 510, 321, 241 px in P' in doubt
        ) == doubted
    info.d, info.p = 5 * [0.0], 12 * [0.0]
    camera_input = CameraInput('/camera/camera_info', '/camera/image_raw')
    camera_input.update(info)
    assert camera_input.view(HEADER, 480, 640, True).doubt == ''
