import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.projection import looked_up, project_points, ray_pixels
from depth_anything_ros.types import Camera

PINHOLE = Camera(64, 48, 60.0, 50.0, 31.5, 23.5)
LENSES = {
    'pinhole': PINHOLE,
    'plumb_bob': Camera(64, 48, 60.0, 50.0, 31.5, 23.5, (-0.2, 0.05, 0.001, -0.001, 0.0)),
    'equidistant': Camera(
        64, 48, 60.0, 50.0, 31.5, 23.5, (0.02, -0.01, 0.003, 0.0), 'equidistant'
    ),
}


@pytest.mark.parametrize('lens', LENSES)
def test_the_rays_of_pixels_come_back_to_them(lens):
    camera = LENSES[lens]
    rays = ray_table(camera).astype(np.float64)
    depth_m = np.random.default_rng(0).uniform(0.3, 5.0, rays.shape[:2])
    points = np.concatenate([rays * depth_m[..., None], depth_m[..., None]], axis=-1)
    pixels = project_points(camera, points.reshape(-1, 3)).reshape(48, 64, 2)
    known = np.isfinite(rays).all(axis=-1)
    rows, columns = np.mgrid[:48, :64]
    np.testing.assert_allclose(pixels[known][:, 0], columns[known], atol=0.06)
    np.testing.assert_allclose(pixels[known][:, 1], rows[known], atol=0.06)


def test_points_behind_and_beside_the_image_are_nowhere():
    points = np.array([[0, 0, -1], [0, 0, 0], [0, 0, 1], [0.6, 0, 1], [0, -0.6, 1]], float)
    pixels = project_points(PINHOLE, points)
    np.testing.assert_allclose(pixels[2], (31.5, 23.5))
    assert np.isnan(pixels[[0, 1, 3, 4]]).all()


def test_a_point_far_aside_is_not_folded_back_by_the_distortion():
    camera = LENSES['plumb_bob']
    assert np.isnan(project_points(camera, np.array([[2.2, 0.0, 1.0]]))).all()


def test_an_uncalibrated_camera_raises():
    with pytest.raises(CameraError, match='not calibrated'):
        project_points(Camera(64, 48, 0.0, 0.0, 0.0, 0.0), np.zeros((1, 3)))


@pytest.mark.parametrize(
    'camera',
    [
        Camera(160, 120, 140.0, 141.0, 79.5, 58.0),
        Camera(160, 120, 140.0, 140.0, 80.3, 58.1, (-0.3, 0.1, 0.001, -0.002, 0.0)),
        Camera(160, 120, 80.0, 80.0, 79.5, 59.5, (-0.02, 0.004, 0.0, 0.0), 'equidistant'),
    ],
)
def test_rays_of_an_image_fall_on_their_own_pixels(camera):
    rays = ray_table(camera)
    columns, rows = ray_pixels(camera, rays[..., 0].copy(), rays[..., 1].copy())
    np.testing.assert_allclose(columns, np.tile(np.arange(160), (120, 1)), atol=0.05)
    np.testing.assert_allclose(rows, np.tile(np.arange(120)[:, None], (1, 160)), atol=0.05)


@pytest.mark.parametrize('distortion', [(), (-0.3, 0.1, 0.001, -0.002, 0.0)])
def test_rays_beyond_the_image_fall_outside(distortion):
    camera = Camera(160, 120, 140.0, 140.0, 79.5, 59.5, distortion)
    columns, _ = ray_pixels(camera, np.full((1, 1), 5.0, np.float32), np.zeros((1, 1), np.float32))
    assert not 0 <= columns[0, 0] < 160


def test_values_are_looked_up_between_pixels():
    values = np.array([[1, 3, 5], [5, 7, 9], [0, 0, np.nan]], np.float32)
    columns, rows = np.array([[[0.5, 0.0, 1.5, 9.0]], [[0.0, 0.5, 1.5, 0.0]]], np.float32)
    found = looked_up(values, columns, rows, outside=-7.0)
    np.testing.assert_allclose(found, [[2.0, 3.0, np.nan, -7.0]])
