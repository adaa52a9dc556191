import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from depth_anything_ros.nodes.camera_input import CameraInput, CameraView
from depth_anything_ros.types import Camera


def make_info(focal_px=500.0) -> CameraInfo:
    info = CameraInfo(width=640, height=480, distortion_model='plumb_bob', d=[0.1, 0, 0, 0, 0])
    info.k = [focal_px, 0.0, 320.0, 0.0, focal_px, 240.0, 0.0, 0.0, 1.0]
    info.p = [510.0, 0.0, 321.0, 0.0, 0.0, 510.0, 241.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    info.header.frame_id = 'other'
    return info


@pytest.fixture
def camera_input():
    return CameraInput('/camera/camera_info')


HEADER = Header(frame_id='optical')


def test_rectified_takes_p_and_raw_takes_k_and_d(camera_input):
    camera_input.update(make_info())
    rectified = camera_input.view(HEADER, 480, 640, True)
    assert (rectified.camera, rectified.reason) == (Camera(640, 480, 510, 510, 321, 241), '')
    camera = camera_input.view(HEADER, 480, 640, False).camera
    assert (camera.fx_px, camera.cx_px, camera.distortion[0]) == (500.0, 320.0, 0.1)


def test_the_reason_names_what_is_missing(camera_input):
    nothing = camera_input.view(HEADER, 480, 640, True)
    assert nothing == CameraView(None, None, 'no camera_info yet on /camera/camera_info')
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
