from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.messages import (
    camera_from_message,
    camera_info_fields,
)
from depth_anything_ros.types import Camera


def camera_info(**changes):
    fields = {
        'width': 640,
        'height': 480,
        'distortion_model': 'plumb_bob',
        'd': [0.1, -0.2, 0.001, 0.002, 0.0],
        'k': [500.0, 0, 320.5, 0, 510.0, 240.5, 0, 0, 1],
        'p': [480.0, 0, 318.0, -24.0, 0, 490.0, 238.0, 0, 0, 0, 1, 0],
        'binning_x': 0,
        'binning_y': 0,
        'roi': SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    }
    return SimpleNamespace(**{**fields, **changes})


def test_rectified_camera_is_the_projection_matrix():
    camera = camera_from_message(camera_info(), rectified=True)
    assert camera == Camera(640, 480, 480.0, 490.0, 318.0, 238.0)


def test_unrectified_camera_is_k_and_d():
    camera = camera_from_message(camera_info(), rectified=False)
    assert camera == Camera(
        640, 480, 500.0, 510.0, 320.5, 240.5, (0.1, -0.2, 0.001, 0.002, 0.0), 'plumb_bob'
    )


def test_rectified_camera_without_projection_is_k():
    camera = camera_from_message(camera_info(p=[0.0] * 12), rectified=True)
    assert camera == Camera(640, 480, 500.0, 510.0, 320.5, 240.5)


def test_distortion_of_zeros_is_none():
    camera = camera_from_message(camera_info(d=[0.0] * 5), rectified=False)
    assert camera.distortion == ()


def test_ros1_field_names_are_read():
    given = camera_info()
    ros1 = SimpleNamespace(**{**vars(given), 'K': given.k, 'P': given.p, 'D': given.d})
    del ros1.k, ros1.p, ros1.d
    for rectified in (True, False):
        expected = camera_from_message(given, rectified)
        assert camera_from_message(ros1, rectified) == expected


def test_binning_and_region_shift_then_scale():
    roi = SimpleNamespace(x_offset=20, y_offset=40, width=400, height=200)
    camera = camera_from_message(camera_info(binning_x=2, binning_y=4, roi=roi), rectified=False)
    assert (camera.width, camera.height) == (200, 50)
    assert (camera.fx_px, camera.cx_px) == (250.0, 150.25)
    assert (camera.fy_px, camera.cy_px) == (127.5, 50.125)


@pytest.mark.parametrize('rectified', [True, False])
def test_uncalibrated_camera_says_so(rectified):
    with pytest.raises(CameraError, match=r'uncalibrated \(K\[0\] = 0\)'):
        camera_from_message(camera_info(k=[0.0] * 9), rectified)


def test_camera_with_infinite_numbers_is_refused():
    broken = camera_info(k=[500.0, 0, np.inf, 0, 510.0, 240.5, 0, 0, 1])
    with pytest.raises(CameraError, match='not finite: .* principal point inf, 240.5'):
        camera_from_message(broken, rectified=False)


def region(x_offset, y_offset, width, height):
    return SimpleNamespace(x_offset=x_offset, y_offset=y_offset, width=width, height=height)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'width': 0}, '0x480'),
        ({'width': 20_000, 'height': 20_000}, '20000x20000 pixels; at most 50 megapixels'),
        ({'binning_x': 4_000_000_000}, 'bins 640x480 pixels by 4000000000x1: nothing is left'),
        ({'roi': region(600, 0, 100, 100)}, '100x100 at 600, 0, which is not within its 640x480'),
        ({'roi': region(0, 4_000_000_000, 64, 48)}, '64x48 at 0, 4000000000'),
    ],
)
def test_a_camera_of_no_possible_size_is_refused_with_it(changes, words):
    for rectified in (True, False):
        with pytest.raises(CameraError, match=words):
            camera_from_message(camera_info(**changes), rectified)


@pytest.mark.parametrize('projection', [[np.nan] * 12, [480.0, 0, 318.0, 0, 0, 0.0] + [0.0] * 6])
def test_a_projection_that_says_nothing_is_k(projection):
    camera = camera_from_message(camera_info(p=projection), rectified=True)
    assert camera == Camera(640, 480, 500.0, 510.0, 320.5, 240.5)


@pytest.mark.parametrize(('rectified', 'name'), [(True, 'P'), (False, 'K')])
def test_a_skewed_camera_is_refused_and_a_skew_of_nothing_is_none(rectified, name):
    def skewed(skew_px):
        return camera_info(
            k=[500.0, skew_px, 320.5, 0, 510.0, 240.5, 0, 0, 1],
            p=[480.0, skew_px, 318.0, 0, 0, 490.0, 238.0, 0, 0, 0, 1, 0],
        )

    expected = camera_from_message(skewed(0.0), rectified)
    assert camera_from_message(skewed(0.4), rectified) == expected
    with pytest.raises(CameraError, match=rf'skew, {name}\[1\], of 7 px, which is not modelled'):
        camera_from_message(skewed(7.0), rectified)


@pytest.mark.parametrize('distortion', [(), (0.1, -0.2, 0.001, 0.002, 0.0)])
def test_camera_info_round_trip(distortion):
    camera = Camera(640, 480, 500.0, 510.0, 320.5, 240.5, distortion)
    fields = camera_info(**camera_info_fields(camera))
    assert camera_from_message(fields, rectified=False) == camera
