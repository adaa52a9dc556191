import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
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
