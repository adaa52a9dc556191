"""Points are found again where the image moved to."""

import cv2
import numpy as np
import pytest

from depth_anything_ros.motion.tracks import PointTracks


@pytest.fixture(scope='module')
def scene():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2.0)


def view(scene, right, down=0):
    return np.ascontiguousarray(scene[20 + down : 260 + down, 20 + right : 340 + right])


def marked(scene):
    tracks = PointTracks()
    tracks.follow(view(scene, 0))
    tracks.mark(1)
    return tracks


def test_points_move_with_the_image(scene):
    tracks = marked(scene)
    first = len(tracks.places)
    for step in (1, 2, 3):
        tracks.follow(view(scene, 2 * step, step))
    (keyframe,) = tracks.keyframes
    assert len(tracks.places) > 0.8 * first > 100
    moved = tracks.places - keyframe.places
    np.testing.assert_allclose(np.median(moved, axis=0), [-6.0, -3.0], atol=0.05)
    off_px = np.abs(moved - [-6.0, -3.0]).max(axis=1)
    assert np.mean(off_px < 0.1) > 0.95


def test_a_large_step_is_followed_from_where_it_is_expected(scene):
    tracks = marked(scene)
    tracks.follow(view(scene, 15, -15), tracks.places + np.float32([-14.0, 14.0]))
    moved = tracks.places - tracks.keyframes[0].places
    np.testing.assert_allclose(np.median(moved, axis=0), [-15.0, 15.0], atol=0.05)


def test_points_that_come_later_are_unknown_in_earlier_keyframes(scene):
    tracks = marked(scene)
    tracks.follow(view(scene, 15))
    tracks.mark(2)
    earlier, later = tracks.keyframes
    assert (earlier.stamp_ns, later.stamp_ns) == (1, 2)
    fresh = np.isnan(earlier.places).any(axis=1)
    assert 0 < fresh.sum() < len(fresh)
    assert np.isfinite(later.places).all()
    tracks.drop_before(2)
    assert len(tracks.keyframes) == 1


def test_places_are_in_pixels_of_the_whole_image(scene):
    tracks, large = PointTracks(), cv2.resize(scene, None, fx=2, fy=2)
    for right in (0, 4):
        tracks.follow(np.ascontiguousarray(large[40:520, 40 + right : 680 + right]))
        if not right:
            tracks.mark(1)
    moved = tracks.places - tracks.keyframes[0].places
    np.testing.assert_allclose(np.median(moved, axis=0), [-4.0, 0.0], atol=0.1)


def test_another_size_and_another_scene_lose_all_points(scene):
    tracks = marked(scene)
    tracks.follow(view(scene, 0)[:120])
    assert tracks.keyframes == () and len(tracks.places) == 0
    tracks = marked(scene)
    first = len(tracks.places)
    tracks.follow(255 - view(scene, 0)[::-1])
    assert len(tracks.places) < 0.03 * first
