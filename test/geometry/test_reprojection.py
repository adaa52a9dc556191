import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.projection import project_points
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.types import Camera

SOURCE = Camera(160, 120, 140.0, 140.0, 79.5, 59.5)
TARGET = Camera(200, 150, 180.0, 180.0, 99.5, 74.5)


def moved(x=0.0, y=0.0, z=0.0, yaw=0.0):
    """Return a source that sits at x, y, z in the target's body axes, in optical frames."""
    place = RigidTransform.from_pose(x, y, z, 0.0, 0.0, yaw)
    return OPTICAL_FROM_BODY @ place @ OPTICAL_FROM_BODY.inverse()


def plane_depth(camera, place, a=0.4, b=0.05, c=-0.1):
    """Return what a camera sees of the plane a·z + b·x + c·y = 1 of the target's frame."""
    columns = (np.arange(camera.width) - camera.cx_px) / camera.fx_px
    rows = (np.arange(camera.height) - camera.cy_px) / camera.fy_px
    rays = np.stack(np.broadcast_arrays(columns, rows[:, None], 1.0), axis=-1)
    normal = np.array([b, c, a])
    ahead = rays @ place.rotation.T @ normal
    return ((1 - normal @ place.translation_m) / ahead).astype(np.float32)


@pytest.mark.parametrize('place', [moved(), moved(y=0.025), moved(0.05, -0.03, 0.02, 0.08)])
def test_a_plane_is_where_the_other_camera_sees_it(place):
    indices, depth_m = Registration(SOURCE, TARGET, place).reproject(plane_depth(SOURCE, place))
    truth = plane_depth(TARGET, moved()).reshape(-1)[indices]
    # Half a pixel of the target is 0.5 / 180 · 0.1 / 0.4 of the depth.
    np.testing.assert_allclose(depth_m, truth, rtol=2e-3)
    assert len(indices) > 0.7 * SOURCE.width * SOURCE.height / 4


def test_what_a_nearer_surface_hides_is_left_out():
    # A post at 1 m before a wall at 3 m; the source stands 0.2 m to the left.
    place = moved(y=0.2)
    depth_m = np.full((120, 160), 3.0, np.float32)
    depth_m[:, 90:110] = 1.0
    indices, seen_m = Registration(SOURCE, TARGET, place).reproject(depth_m)
    columns = indices % TARGET.width
    left, right = (
        TARGET.cx_px + TARGET.fx_px * ((column - SOURCE.cx_px) / SOURCE.fx_px - 0.2)
        for column in (90, 109)
    )
    post = (columns >= left + 1) & (columns <= right - 1)
    np.testing.assert_allclose(seen_m[post], 1.0)
    assert (seen_m == 3.0).sum() > 2_500


def test_what_is_no_distance_is_left_out():
    depth_m = np.full((120, 160), 2.0, np.float32)
    for row, junk in enumerate((0.0, np.nan, np.inf, -1.0)):
        depth_m[row] = junk
    indices, seen_m = Registration(SOURCE, SOURCE, moved()).reproject(depth_m)
    assert len(indices) == 58 * 80
    assert (seen_m == 2.0).all()


def test_large_images_are_thinned_to_about_twelve_thousand():
    camera = Camera(640, 480, 554.0, 554.0, 319.5, 239.5)
    indices, _ = Registration(camera, camera, moved()).reproject(
        np.full((480, 640), 2.0, np.float32)
    )
    assert 8_000 < len(indices) <= 12_000


def test_a_depth_image_of_another_size_than_its_camera_raises():
    with pytest.raises(CameraError, match='160x120, the image is 80x60'):
        Registration(SOURCE, TARGET, moved()).reproject(np.ones((60, 80), np.float32))


@pytest.mark.parametrize('place', [moved(), moved(0.05, -0.03, 0.02, 0.08)])
def test_registered_depth_is_that_of_the_target(place):
    camera = Camera(200, 150, 140.0, 140.0, 99.5, 74.5)
    seen_m = Registration(SOURCE, camera, place).register(plane_depth(SOURCE, place))
    known = np.isfinite(seen_m)
    np.testing.assert_allclose(seen_m[known], plane_depth(camera, moved())[known], rtol=3e-3)
    assert seen_m.shape == (150, 200)
    assert seen_m.dtype == np.float32
    # The source's 160x120 pixels fall on nearly as many of the target's.
    assert known.sum() > 0.9 * 160 * 120


def test_registered_depth_shows_the_nearest_and_nothing_through_it():
    place = moved(y=0.2)
    depth_m = np.full((120, 160), 3.0, np.float32)
    depth_m[:, 90:110] = 1.0
    camera = Camera(200, 150, 180.0, 180.0, 99.5, 74.5)
    seen_m = Registration(SOURCE, camera, place).register(depth_m)
    left, right = (
        camera.cx_px + camera.fx_px * ((column - SOURCE.cx_px) / SOURCE.fx_px - 0.2)
        for column in (90, 109)
    )
    post = seen_m[20:130, round(left) + 1 : round(right)]
    assert np.nanmax(post) == 1.0
    assert set(np.unique(seen_m[np.isfinite(seen_m)])) == {1.0, 3.0}
    # Right of the post the wall was hidden from the source: nobody knows what is there.
    shadow = seen_m[20:130, round(right) + 2 : round(right) + 20]
    assert np.isnan(shadow).all()


def test_registered_depth_without_a_known_pixel_is_unknown():
    seen_m = Registration(SOURCE, TARGET, moved()).register(np.zeros((120, 160), np.float32))
    assert np.isnan(seen_m).all()


@pytest.mark.parametrize(('distortion', 'columns'), [((), 78), ((-0.1, 0.02, 0.0, 0.0), 80)])
def test_a_huge_target_that_no_image_belongs_to_takes_little_memory(distortion, columns):
    """A table of its rays would take 392 MB, and made in float64 twice that more."""
    target = Camera(7000, 7000, 6300.0, 6300.0, 3499.5, 3499.5, distortion)
    registration = Registration(SOURCE, target, moved())
    tracemalloc.start()
    indices, depth_m = registration.reproject(np.full((120, 160), 2.0, np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
    # Every other row and column of the source; the outermost are beyond a target without lens.
    assert len(indices) == 60 * columns
    np.testing.assert_allclose(depth_m, 2.0)


def test_directions_at_the_edge_of_a_large_image_are_those_of_all_its_pixels():
    lens = (-0.25, 0.06, 0.001, -0.002, 0.0)
    small = Camera(600, 400, 500.0, 500.0, 299.5, 199.5, lens)
    factor = 4
    large = replace(
        small, width=2400, height=1600, fx_px=2000.0, fy_px=2000.0,
        cx_px=factor * 300 - 0.5, cy_px=factor * 200 - 0.5,
    )  # fmt: skip
    rays = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, 2))
    points = np.column_stack([rays, np.ones(4000)])
    seen = [np.isfinite(project_points(camera, points)[:, 0]) for camera in (small, large)]
    pixels = project_points(small, points)
    edge = np.minimum(pixels + 0.5, np.array([599.5, 399.5]) - pixels).min(axis=1) < 1.5
    assert ((seen[0] == seen[1]) | edge).all()
    assert 1000 < seen[0].sum() < 3000
