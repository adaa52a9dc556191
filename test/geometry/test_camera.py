from dataclasses import replace

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import ray_table, require_calibrated, scale_camera
from depth_anything_ros.geometry.projection import project_points
from depth_anything_ros.types import Camera

CAMERA = Camera(64, 48, fx_px=50.0, fy_px=52.0, cx_px=31.5, cy_px=23.5)


def test_scaling_keeps_the_view_from_edge_to_edge():
    scaled = scale_camera(CAMERA, 32, 96)
    assert (scaled.width, scaled.height) == (32, 96)
    assert (scaled.fx_px, scaled.cx_px) == (25.0, 15.5)
    assert (scaled.fy_px, scaled.cy_px) == (104.0, 47.5)
    # Two pixels become one, whose ray lies between theirs.
    wide, narrow = ray_table(CAMERA), ray_table(scale_camera(CAMERA, 32, 48))
    np.testing.assert_allclose((wide[:, ::2] + wide[:, 1::2]) / 2, narrow, atol=1e-6)


def test_scaling_forth_and_back_keeps_the_camera():
    distorted = replace(CAMERA, distortion=(0.1, 0.01, 0.0, 0.0, 0.0))
    assert scale_camera(scale_camera(distorted, 128, 96), 64, 48) == distorted


@pytest.mark.parametrize('size', [(0, 48), (64, -1)])
def test_scaling_to_no_size_is_refused(size):
    with pytest.raises(CameraError, match='at least 1x1'):
        scale_camera(CAMERA, *size)


def test_rays_of_a_pinhole_are_its_closed_form():
    rays = ray_table(CAMERA)
    assert rays.shape == (48, 64, 2)
    assert rays.dtype == np.float32
    np.testing.assert_allclose(rays[10, 7], ((7 - 31.5) / 50.0, (10 - 23.5) / 52.0), rtol=1e-6)
    np.testing.assert_allclose(rays[47, 63], (31.5 / 50.0, 23.5 / 52.0), rtol=1e-6)


def test_rays_are_kept_per_camera_and_read_only():
    rays = ray_table(CAMERA)
    assert ray_table(replace(CAMERA)) is rays
    assert ray_table(replace(CAMERA, fx_px=51.0)) is not rays
    with pytest.raises(ValueError, match='read-only'):
        rays[0, 0] = 0


def brown_conrady(rays, k1, k2, p1, p2, k3, k4=0.0, k5=0.0, k6=0.0):
    """Distort as sensor_msgs/CameraInfo defines plumb_bob and rational_polynomial."""
    x, y = rays[..., 0].astype(float), rays[..., 1].astype(float)
    r2 = x * x + y * y
    radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )


@pytest.mark.parametrize(
    ('model', 'coefficients'),
    [
        ('plumb_bob', (-0.25, 0.06, 0.001, -0.002, 0.0)),
        ('rational_polynomial', (0.5, -0.1, 0.001, 0.0005, 0.01, 0.7, -0.05, 0.02)),
    ],
)
def test_distorted_rays_project_back_onto_their_pixels(model, coefficients):
    camera = replace(CAMERA, distortion=coefficients, distortion_model=model)
    again = brown_conrady(ray_table(camera), *coefficients)
    np.testing.assert_allclose(again, ray_table(CAMERA), atol=0.06 / 50.0)


def test_equidistant_rays_have_the_angle_of_their_image_radius():
    camera = replace(CAMERA, distortion=(0.0, 0.0, 0.0, 1e-12), distortion_model='equidistant')
    radius = np.linalg.norm(ray_table(CAMERA).astype(float), axis=-1)
    tangent = np.linalg.norm(ray_table(camera).astype(float), axis=-1)
    np.testing.assert_allclose(tangent, np.tan(radius), atol=1e-4)


def test_rays_that_no_direction_distorts_to_are_nan():
    camera = replace(CAMERA, distortion=(-2.0, 0.0, 0.0, 0.0))
    rays = ray_table(camera)
    # r (1 - 2 r²) never exceeds 0.272: the corners, at 0.8, have no ray; the centre has.
    assert np.isnan(rays[0, 0]).all()
    assert np.isfinite(rays[24, 32]).all()
    known = np.isfinite(rays).all(axis=-1)
    again = brown_conrady(rays[known], -2.0, 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(again, ray_table(CAMERA)[known], atol=0.06 / 50.0)


def test_all_zero_distortion_is_none():
    camera = replace(CAMERA, distortion=(0.0,) * 5)
    np.testing.assert_array_equal(ray_table(camera), ray_table(CAMERA))


@pytest.mark.parametrize(
    'change',
    [
        {'distortion': (0.1,) * 6, 'distortion_model': 'equidistant'},
        {'distortion': (0.1,) * 5, 'distortion_model': 'omni'},
        {'distortion': (0.1,), 'distortion_model': 'plumb_bob'},
        {'distortion': (0.1,) * 7, 'distortion_model': 'rational_polynomial'},
    ],
)
def test_an_unknown_distortion_is_refused_with_its_length_and_the_known_ones(change):
    count, model = len(change['distortion']), change['distortion_model']
    words = f"'{model}' with {count} coefficients; known: plumb_bob with 4 or 5 or 8 or 12 or 14"
    for use in (ray_table, lambda camera: project_points(camera, np.ones((1, 3)))):
        with pytest.raises(CameraError, match=words):
            use(replace(CAMERA, **change))


BROWN = (
    -0.28,
    0.09,
    0.001,
    -0.0015,
    -0.02,
    0.05,
    0.01,
    -0.004,
    2e-3,
    -1e-3,
    1.5e-3,
    5e-4,
    0.02,
    -0.03,
)


@pytest.mark.parametrize('model', ['plumb_bob', 'rational_polynomial'])
@pytest.mark.parametrize('count', [4, 5, 8, 12, 14])
def test_any_length_that_opencv_takes_bends_rays_as_opencv_does(model, count):
    """Thin prism and tilt too: OpenCV projects our rays onto the pixels they are of."""
    camera = replace(CAMERA, distortion=BROWN[:count], distortion_model=model)
    matrix = np.array([[50.0, 0, 31.5], [0, 52.0, 23.5], [0, 0, 1]])
    rays = ray_table(camera).reshape(-1, 2).astype(float)
    points = np.column_stack([rays, np.ones(len(rays))]) * 2.5
    pixels, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), matrix, np.array(camera.distortion)
    )
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    expected = np.stack([columns, rows], -1).reshape(-1, 2)
    np.testing.assert_allclose(pixels.reshape(-1, 2), expected, atol=0.06)
    np.testing.assert_allclose(project_points(camera, points), pixels.reshape(-1, 2), atol=1e-9)
    is_five = cv2.__version__ >= '5'
    undistort = cv2.undistortPoints if is_five else cv2.undistortPointsIter
    again = undistort(
        pixels, matrix, np.array(camera.distortion), R=np.eye(3), P=np.eye(3),
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12),
    )  # fmt: skip
    np.testing.assert_allclose(again.reshape(-1, 2), rays, atol=2e-3)


def test_eight_coefficients_of_an_orbbec_are_those_five():
    five = (0.06, -0.09, 0.0004, -0.0003, 0.04)
    camera = replace(CAMERA, distortion=(*five, 0.0, 0.0, 0.0))
    expected = ray_table(replace(CAMERA, distortion=five))
    np.testing.assert_array_equal(ray_table(camera), expected)


FISHEYE = (0.05, -0.02, 0.01, -0.003)


@pytest.mark.parametrize(
    'given',
    [
        (*FISHEYE, 0.0),
        (0.05, -0.02, 0.0, 0.0, 0.01, -0.003, 0.0, 0.0),
    ],
)
def test_padded_and_orbbec_fisheyes_are_those_four(given):
    camera = replace(CAMERA, distortion=given, distortion_model='equidistant')
    expected = ray_table(replace(camera, distortion=FISHEYE))
    np.testing.assert_array_equal(ray_table(camera), expected)


def test_a_padded_fisheye_without_third_and_fourth_reads_alike_in_both_orders():
    camera = replace(CAMERA, distortion=(0.05, -0.02) + 6 * (0.0,), distortion_model='equidistant')
    expected = ray_table(replace(camera, distortion=(0.05, -0.02, 0.0, 0.0)))
    np.testing.assert_array_equal(ray_table(camera), expected)


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ((*FISHEYE, 0.0, 0.0, 0.0, 0.0), 'can be k1 k2 k3 k4 and zeros, or k1 k2 p1 p2 k3 k4'),
        ((0.05, -0.02, 0.001, 0.0, 0.01, -0.003, 0.0, 0.0), 'are neither'),
        ((0.05, -0.02, 0.0, 0.0, 0.01, -0.003, 0.1, 0.0), 'are neither'),
        ((*FISHEYE, 0.1), 'are neither'),
    ],
)
def test_a_fisheye_of_two_readings_is_refused_with_both(given, words):
    camera = replace(CAMERA, distortion=given, distortion_model='equidistant')
    with pytest.raises(CameraError, match=words):
        ray_table(camera)


def test_rays_of_a_half_turn_are_unknown_and_never_infinite():
    camera = replace(
        CAMERA, fx_px=20.0, fy_px=20.0, distortion=(1e-9,) * 4, distortion_model='equidistant'
    )
    rays = ray_table(camera)
    assert np.isnan(rays[24, 0]).all() and np.isfinite(rays[24, 32]).all()
    assert not np.isinf(rays).any()


def test_a_calibrated_camera_of_the_image_size_is_returned():
    assert require_calibrated(CAMERA, 48, 64) is CAMERA


@pytest.mark.parametrize(
    ('camera', 'reason'),
    [
        (None, 'no camera_info'),
        (replace(CAMERA, fx_px=0.0), 'not calibrated'),
        (replace(CAMERA, cx_px=float('nan')), 'not calibrated'),
        (replace(CAMERA, width=640, height=480), '640x480, the image is 64x48'),
        (replace(CAMERA, fx_px=-50.0), 'focal lengths -50, 52 px'),
        (replace(CAMERA, fx_px=1e-30), 'focal length 1e-30 px .* a width of 64 px'),
        (replace(CAMERA, cy_px=-1e9), r'principal point -1e\+09 for a height of 48 px'),
        (replace(CAMERA, distortion=(np.inf,) * 5), 'not calibrated.*inf'),
        # The size is looked at before any array is made: 3.2 GB of rays here.
        (replace(CAMERA, width=20_000, height=20_000, fx_px=9e3, fy_px=9e3), '20000x20000'),
    ],
)
def test_a_camera_that_does_not_fit_is_refused(camera, reason):
    with pytest.raises(CameraError, match=reason):
        require_calibrated(camera, 48, 64)


def test_rays_of_an_uncalibrated_camera_are_refused():
    with pytest.raises(CameraError, match='not calibrated'):
        ray_table(replace(CAMERA, fy_px=0.0))


def test_opencv_projects_the_rays_of_a_fisheye_back():
    coefficients = (0.05, -0.02, 0.01, -0.003)
    camera = replace(CAMERA, distortion=coefficients, distortion_model='equidistant')
    rays = ray_table(camera).reshape(1, -1, 2).astype(float)
    pixels = cv2.fisheye.distortPoints(
        rays, np.array([[50.0, 0, 31.5], [0, 52.0, 23.5], [0, 0, 1]]), np.array(coefficients)
    )
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    np.testing.assert_allclose(pixels.reshape(48, 64, 2), np.stack([columns, rows], -1), atol=0.06)


@pytest.mark.parametrize(
    ('name', 'model', 'coefficients'),
    [
        ('fisheye', 'equidistant', (0.05, -0.02, 0.01, -0.003)),
        ('kannala_brandt4', 'equidistant', (0.05, -0.02, 0.01, -0.003)),
        ('Kannala_Brandt4', 'equidistant', (0.05, -0.02, 0.01, -0.003)),
        ('brown_conrady', 'plumb_bob', (-0.25, 0.06, 0.001, -0.002, 0.01)),
        ('plumb-bob', 'plumb_bob', (-0.25, 0.06, 0.001, -0.002)),
        ('Rational_Polynomial', 'rational_polynomial', BROWN[:8]),
    ],
)
def test_other_names_of_a_distortion_are_the_model_they_mean(name, model, coefficients):
    named, meant = (
        replace(CAMERA, distortion=coefficients, distortion_model=text) for text in (name, model)
    )
    np.testing.assert_array_equal(ray_table(named), ray_table(meant))
    points = np.array([[0.3, -0.2, 1.0], [-0.1, 0.4, 2.0]])
    np.testing.assert_array_equal(project_points(named, points), project_points(meant, points))


@pytest.mark.parametrize(
    ('name', 'count'),
    [
        ('modified_brown_conrady', 5), ('inverse_brown_conrady', 5), ('brown_conrady', 8),
        ('kannala_brandt4', 5), ('fisheye', 8), ('ftheta', 4),
    ],
)  # fmt: skip
def test_names_of_other_models_stay_refused(name, count):
    camera = replace(CAMERA, distortion=(0.1,) * count, distortion_model=name)
    known = f"'{name}' with {count} coefficients; known: plumb_bob .* brown_conrady with 5"
    with pytest.raises(CameraError, match=known):
        ray_table(camera)
