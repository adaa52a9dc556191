import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from depth_anything_ros.nodes.camera_input import CameraInput
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


def test_rectified_takes_p_and_raw_takes_k_and_d(camera_input):
    camera_input.update(make_info())
    rectified = Camera(640, 480, 510.0, 510.0, 321.0, 241.0)
    assert camera_input.camera_for(480, 640, True) == (rectified, '')
    camera, reason = camera_input.camera_for(480, 640, False)
    assert reason == ''
    assert (camera.fx_px, camera.cx_px, camera.distortion[0]) == (500.0, 320.0, 0.1)


def test_the_reason_names_what_is_missing(camera_input):
    none, reason = camera_input.camera_for(480, 640, True)
    assert none is None
    assert reason == 'no camera_info yet on /camera/camera_info'
    camera_input.update(make_info(focal_px=0.0))
    assert 'uncalibrated' in camera_input.camera_for(480, 640, True)[1]
    camera_input.update(make_info())
    assert '640x480' in camera_input.camera_for(240, 320, True)[1]


def test_the_message_goes_out_under_the_image_header_and_else_unchanged(camera_input):
    header = Header(frame_id='optical')
    assert camera_input.message_for(header) is None
    camera_input.update(make_info())
    sent = camera_input.message_for(header)
    expected = make_info()
    expected.header = header
    assert sent == expected
    assert camera_input.message_for(Header()).header.frame_id == ''
    assert sent.header.frame_id == 'optical'
