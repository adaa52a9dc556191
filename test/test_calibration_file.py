"""Calibration files of ROS as cameras."""

import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.messages.calibration_file import read_camera
from depth_anything_ros.types import Camera

WRITTEN = """
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [600.5, 0., 319.5, 0., 601.5, 240.25, 0., 0., 1.]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 0.001, 0.002, 0.]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]
projection_matrix:
  rows: 3
  cols: 4
  data: [590., 0., 318., 0., 0., 591., 239., 0., 0., 0., 1., 0.]
"""
ECHOED = """
header:
  stamp: {sec: 1, nanosec: 2}
  frame_id: camera
height: 480
width: 640
distortion_model: plumb_bob
d: [0.1, -0.2, 0.001, 0.002, 0.0]
k: [600.5, 0.0, 319.5, 0.0, 601.5, 240.25, 0.0, 0.0, 1.0]
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
p: [590.0, 0.0, 318.0, 0.0, 0.0, 591.0, 239.0, 0.0, 0.0, 0.0, 1.0, 0.0]
binning_x: 2
binning_y: 2
roi: {x_offset: 0, y_offset: 0, height: 0, width: 0, do_rectify: false}
---
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / 'ost.yaml').write_text(text)
        return tmp_path / 'ost.yaml'

    return write


def test_a_file_of_camera_calibration_is_the_camera_of_its_pictures(file):
    path = file(WRITTEN)
    distortion = (0.1, -0.2, 0.001, 0.002, 0.0)
    assert read_camera(path) == Camera(640, 480, 600.5, 601.5, 319.5, 240.25, distortion)
    assert read_camera(path, rectified=True) == Camera(640, 480, 590.0, 591.0, 318.0, 239.0)


def test_a_printed_camera_info_is_read_with_its_binning(file):
    camera = read_camera(file(ECHOED), rectified=True)
    assert camera == Camera(320, 240, 295.0, 295.5, 159.0, 119.5)


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('', 'no names with values'),
        ('- 1\n- 2', 'no names with values'),
        ('a: [', 'is not a calibration'),
        ('image_width: 640', 'image_height'),
        (WRITTEN.replace('600.5, ', ''), '8 numbers where 9 are needed'),
        (WRITTEN.replace('600.5', '0.'), 'uncalibrated'),
        (WRITTEN.replace('640', 'wide'), 'wide'),
        ('a: ' + 'x' * 1_000_001, 'more than 1 MB'),
    ],
)
def test_what_is_no_calibration_is_refused_with_the_reason(file, text, told):
    with pytest.raises(CameraError, match=f"ost.yaml'.*{told}"):
        read_camera(file(text))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CameraError, match='cannot be read: No such file'):
        read_camera(tmp_path / 'none.yaml')
