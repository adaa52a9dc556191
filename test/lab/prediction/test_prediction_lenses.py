"""The camera that the command line names, for pictures of any size."""

import numpy as np
import pytest

from depth_anything_ros.errors import CameraError, ConfigError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.lab.prediction.cameras import (
    CalibratedLens,
    GivenLens,
    ViewAngle,
    lens_of,
)
from depth_anything_ros.types import Camera

CALIBRATED = Camera(640, 480, 600.0, 610.0, 319.5, 239.5, (0.1, 0.0, 0.0, 0.0, 0.0))


def test_a_calibration_is_scaled_to_pictures_of_its_shape_and_refused_for_others():
    lens = CalibratedLens(CALIBRATED)
    assert lens.camera(480, 640) == CALIBRATED
    half = lens.camera(240, 320)
    assert (half.fx_px, half.fy_px, half.distortion) == (300.0, 305.0, CALIBRATED.distortion)
    # The axis stays in the middle of the picture, between two pixels.
    assert (half.cx_px, half.cy_px) == (159.5, 119.5)
    with pytest.raises(CameraError, match='of 640x480 pixels, the picture of 480x640'):
        lens.camera(640, 480)


def test_numbers_are_of_the_pictures_themselves():
    lens = lens_of('600,610,320.5,240', rectified=False)
    assert lens == GivenLens(600.0, 610.0, 320.5, 240.0)
    assert lens.camera(480, 640) == Camera(640, 480, 600.0, 610.0, 320.5, 240.0)
    with pytest.raises(CameraError, match='lies outside of the picture of 320x240'):
        lens.camera(240, 320)


@pytest.mark.parametrize('text', ['1,2,3', '1,2,3,4,5', '0,1,2,3', 'inf,1,2,3', '1,nan,2,3'])
def test_numbers_that_are_no_camera_are_refused(text):
    with pytest.raises(ConfigError, match='is not a camera'):
        lens_of(text, rectified=False)


def test_the_rays_at_the_edges_span_the_angle_of_view():
    rays = ray_table(ViewAngle(90.0).camera(480, 640))
    # Pixel centres: half a pixel inside of the edges, which lie at 45 degrees.
    np.testing.assert_allclose(rays[0, [0, -1], 0], [-319.5 / 320, 319.5 / 320], rtol=1e-6)
    np.testing.assert_allclose(rays[[0, -1], 0, 1], [-239.5 / 320, 239.5 / 320], rtol=1e-6)
