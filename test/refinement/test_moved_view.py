"""The past seen from where the camera is now, against planes of known depth."""

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.refinement.moved_view import Seen, blocks, seen_from_now
from depth_anything_ros.types import Camera

PINHOLE = Camera(160, 120, 140.0, 140.0, 79.5, 59.5)
BENT = Camera(160, 120, 140.0, 140.0, 80.3, 58.1, (-0.2, 0.05, 0.001, -0.002, 0.0))
FISHEYE = Camera(160, 120, 90.0, 90.0, 79.5, 59.5, (-0.02, 0.004, 0.0, 0.0), 'equidistant')
NORMAL, FAR_M = np.array([0.25, -0.15, 1.0]), 2.0


def plane(camera, pose=None):
    """Return the inverse depth of the plane NORMAL · p = FAR_M of the first view from a pose."""
    pose = pose or RigidTransform(np.eye(3), np.zeros(3))
    rays = np.concatenate([ray_table(camera), np.ones((120, 160, 1))], axis=2)
    distance_m = FAR_M - NORMAL @ pose.translation_m
    return (rays @ (pose.rotation.T @ NORMAL) / distance_m).astype(np.float32)


def seen(inverse, grey=None):
    grey = np.zeros((30, 40), np.float32) if grey is None else grey
    return Seen(inverse, grey, 0, 'camera')


def pose(x=0.0, y=0.0, z=0.0, pitch=0.0, yaw=0.0):
    """Return where the later view is in the earlier one's optical frame."""
    turned = RigidTransform.from_pose(0, 0, 0, pitch, yaw, 0.0)
    return RigidTransform(turned.rotation, np.array([x, y, z]))


@pytest.mark.parametrize('camera', [PINHOLE, BENT, FISHEYE])
@pytest.mark.parametrize(
    'later', [pose(z=0.3), pose(z=-0.2, yaw=0.1), pose(0.2, -0.05, 0.1, pitch=-0.03, yaw=-0.05)]
)
def test_a_static_plane_looks_as_it_does_now(camera, later):
    now = plane(camera, later)
    found = seen_from_now(seen(plane(camera)), now, camera, later.inverse())
    known = np.isfinite(found.inverse)
    assert known.mean() > 0.7
    # The outer halves of blocks are not between the middles of two.
    known[:2] = known[-2:] = False
    known[:, :2] = known[:, -2:] = False
    # Behind a lens, inverse depth bends between pixels.
    rtol = 2e-3 if camera.distortion else 1e-4
    np.testing.assert_allclose(found.inverse[known], now[known], rtol=rtol)


def test_depth_found_does_not_depend_on_the_error_of_depth_now():
    later = pose(z=0.3)
    now = plane(PINHOLE, later)
    found = seen_from_now(seen(plane(PINHOLE)), 1.05 * now, PINHOLE, later.inverse())
    known = np.isfinite(found.inverse)
    np.testing.assert_allclose(found.inverse[known], now[known], rtol=0.015)


@pytest.mark.parametrize('size', [(120, 160), (123, 161)])
def test_blocks_are_means_of_grey(size):
    """Where sides are no multiples of four, blocks are so but roughly."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    rgb = noise if size == (120, 160) else cv2.GaussianBlur(noise, (0, 0), 4)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    means = cv2.resize(luma, (40, 30), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(blocks(rgb), means, atol=1.5)


def test_the_image_moves_with_the_surface():
    stripes = np.tile(np.arange(160, dtype=np.uint8)[None, :, None], (120, 1, 3))
    grey = blocks(stripes)
    inverse = np.full((120, 160), 0.5, np.float32)
    # 1.4 / 140 · 2 m to the right moves what is 2 m away by as many pixels to the left.
    later = pose(x=4 * 2.0 / 140.0)
    found = seen_from_now(seen(inverse, grey), inverse, PINHOLE, later.inverse())
    np.testing.assert_allclose(found.grey[1:-1, 1:-3], grey[1:-1, 1:-3] + 4, atol=0.05)


def test_what_comes_into_view_is_unknown():
    inverse = np.full((120, 160), 0.5, np.float32)
    later = pose(yaw=0.2)
    found = seen_from_now(seen(inverse), inverse, PINHOLE, later.inverse())
    new = round(140.0 * np.tan(0.2))
    assert np.isnan(found.inverse[:, -new + 4 :]).all()
    assert np.isnan(found.grey[:, -new // 4 + 1 :]).all()
    assert np.isfinite(found.inverse[60, : -new - 10]).all()


def test_what_a_nearer_thing_hid_is_found_nearer():
    before = np.full((120, 160), 0.25, np.float32)
    before[:, 70:90] = 1.0
    later = pose(x=0.3)
    now = np.full((120, 160), 0.25, np.float32)
    now[:, 70 - 42 : 90 - 42] = 1.0
    found = seen_from_now(seen(before), now, PINHOLE, later.inverse()).inverse
    # The thing itself, the wall that was seen, and the wall that it hid.
    np.testing.assert_allclose(found[60, 30:46], 1.0, rtol=1e-4)
    np.testing.assert_allclose(found[60, 85:140], 0.25, rtol=1e-4)
    assert (found[60, 62:76] > 0.5).all()


def test_unknown_depth_spoils_nothing():
    now = plane(PINHOLE)
    now[5, 5] = np.nan
    before = plane(PINHOLE)
    before[50:60, 50:60] = np.nan
    found = seen_from_now(seen(before), now, PINHOLE, pose(z=0.01).inverse())
    assert np.isnan(found.inverse[52:58, 52:58]).all()
    assert np.isfinite(found.inverse[70:110, 70:150]).all()


def test_a_camera_of_another_size_is_refused():
    inverse = np.full((60, 80), 0.5, np.float32)
    with pytest.raises(CameraError, match='160x120'):
        seen_from_now(seen(inverse), inverse, PINHOLE, pose(z=0.1))
