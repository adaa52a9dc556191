import numpy as np
import pytest
from made_drive import drive

from depth_anything_ros.scale import SceneCutDetector
from depth_anything_ros.scale.scene_cut import correlation


def picture(seed):
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((20, 20, 1))).astype(np.uint8)


def test_the_first_image_is_no_cut():
    assert not SceneCutDetector(0.3).update(picture(0))


def test_another_picture_is_a_cut_and_the_same_in_other_light_is_not():
    detector = SceneCutDetector(0.3)
    detector.update(picture(0))
    assert not detector.update((picture(0) * 0.4 + 30).astype(np.uint8))
    assert detector.update(picture(1))
    assert not detector.update(picture(1))


def test_cuts_can_be_ignored():
    detector = SceneCutDetector(-1.0)
    detector.update(picture(0))
    assert not detector.update(255 - picture(0))


@pytest.mark.parametrize('seed', range(3))
def test_a_drive_has_no_cut(seed):
    detector = SceneCutDetector(0.3)
    assert not any(detector.update(frame.rgbd.frame.rgb) for frame in drive(seed, 0.149))


def test_flat_images_show_nothing_and_are_no_cut():
    flat = np.zeros((24, 32), np.float32)
    assert correlation(flat, np.random.default_rng(0).random((24, 32), np.float32) * 99) == 1.0
