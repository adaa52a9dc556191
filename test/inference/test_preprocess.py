import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from depth_anything_ros.errors import BackendError, ConfigError
from depth_anything_ros.inference.preprocess import (
    Preprocessor,
    check_multiple,
    network_size,
    resize_align_corners,
)
from depth_anything_ros.models import MODELS

SPEC = MODELS['depth_anything_v2_vits']
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def official_pixels(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize in float64, then normalise, then make planar: the rule of the public code."""
    image = cv2.resize(rgb / 255.0, size[::-1], interpolation=cv2.INTER_CUBIC)
    return ((image - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)


def checkerboard(height: int, width: int, side: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] // side
    return np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ('height', 'width', 'shorter_side', 'expected'),
    [
        (480, 640, 518, (518, 686)),  # 690.67 / 14 = 49.33 rounds down
        (480, 640, 392, (392, 518)),
        (480, 640, 252, (252, 336)),
        (640, 480, 518, (686, 518)),
        (518, 518, 518, (518, 518)),
        (720, 1280, 518, (518, 924)),  # 920.9 / 14 = 65.8 rounds up
        (1000, 1001, 518, (518, 518)),  # 518.5 rounds down and still is no less than 518
        (8, 12, 28, (28, 42)),
    ],
)
def test_network_size_follows_the_lower_bound_rule(height, width, shorter_side, expected):
    assert network_size(height, width, shorter_side, 14) == expected


@pytest.mark.parametrize(
    ('height', 'width', 'side', 'expected'),
    [
        (480, 640, 504, (378, 504)),
        (640, 480, 504, (504, 378)),
        (720, 1280, 504, (280, 504)),  # 283.5 is 284 pixels, 20.3 patches
        (1208, 680, 504, (504, 280)),  # 283.7
        (369, 504, 504, (364, 504)),
        (371, 504, 504, (378, 504)),  # 26.5 patches
        (9, 800, 504, (14, 504)),
        (12, 16, 504, (378, 504)),
    ],
)
def test_network_size_by_the_longer_side_follows_the_rule_of_depth_anything_3(
    height, width, side, expected
):
    assert network_size(height, width, side, 14, longer_side=True) == expected


def test_models_that_go_by_the_longer_side_shrink_by_areas():
    rgb = np.random.default_rng(0).integers(0, 256, (112, 168, 3), dtype=np.uint8)
    small = Preprocessor(MODELS['depth_anything_3_small'], (28, 42))(rgb).pixels
    means = rgb.reshape(28, 4, 42, 4, 3).mean((1, 3)) / 255.0
    expected = ((means - MEAN) / STD).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(small, expected, atol=1e-5)
    large = Preprocessor(MODELS['depth_anything_3_small'], (140, 210))(rgb).pixels
    np.testing.assert_allclose(large, official_pixels(rgb, (140, 210)), atol=1e-4)


def test_network_size_rounds_halves_to_even_multiples():
    # 7.5 patches wide: numpy, which the public code rounds with, goes to 8; 6.5 goes to 6.
    assert network_size(28, 105, 28, 14) == (28, 112)
    assert network_size(28, 91, 28, 14) == (28, 84)


@pytest.mark.parametrize(
    ('value', 'neighbours'), [(500, '490 or 504'), (5, '14'), (0, '14'), (-3, '14')]
)
def test_network_size_names_the_neighbours_of_a_wrong_multiple(value, neighbours):
    with pytest.raises(ConfigError, match=f'input size {value} .* 14; nearest: {neighbours}'):
        network_size(480, 640, value, 14)


def test_check_multiple_accepts_multiples():
    check_multiple('input height', 28, 14)


def test_network_size_refuses_an_empty_image():
    with pytest.raises(BackendError, match='0x480'):
        network_size(480, 0, 518, 14)


def test_network_size_refuses_an_image_that_would_need_too_much_memory():
    with pytest.raises(BackendError, match=r'8192x16 .* 265216x518'):
        network_size(16, 8192, 518, 14)


@pytest.mark.parametrize('size', [(518, 686), (252, 336), (56, 70)])
def test_preprocessor_equals_the_official_rule(size):
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    model_input = Preprocessor(SPEC, size)(rgb)
    assert model_input.pixels.shape == (1, 3, *size)
    assert model_input.pixels.dtype == np.float32
    assert model_input.source_size == (480, 640)
    np.testing.assert_allclose(model_input.pixels, official_pixels(rgb, size), atol=5e-4)


def test_preprocessor_keeps_the_overshoot_of_the_cubic_kernel():
    rgb = checkerboard(48, 64, 8)
    pixels = Preprocessor(SPEC, (56, 70))(rgb).pixels
    assert pixels.max() > (1.0 - MEAN.min()) / STD[2]  # beyond white in every channel
    np.testing.assert_allclose(pixels, official_pixels(rgb, (56, 70)), atol=1e-4)


def test_preprocessor_reads_images_that_are_not_contiguous():
    rgb = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    mirrored = rgb[:, ::-1]
    np.testing.assert_array_equal(
        Preprocessor(SPEC, (56, 70))(mirrored).pixels,
        Preprocessor(SPEC, (56, 70))(mirrored.copy()).pixels,
    )


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_preprocessor_refuses_what_is_no_rgb_image(image):
    with pytest.raises(BackendError, match=r'uint8 \(height, width, 3\) is needed'):
        Preprocessor(SPEC, (56, 70))(image)


@pytest.mark.parametrize(
    ('source', 'target'),
    [
        ((518, 686), (480, 640)),
        ((252, 336), (480, 640)),
        ((37, 53), (37, 53)),
        ((5, 7), (1, 9)),
        ((1, 7), (4, 1)),
        ((56, 70), (480, 640)),
    ],
)
def test_resize_align_corners_equals_torch(source, target):
    values = np.random.default_rng(0).random(source, dtype=np.float32)
    expected = F.interpolate(
        torch.from_numpy(values)[None, None], target, mode='bilinear', align_corners=True
    )[0, 0]
    result = resize_align_corners(values, target)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-5)


def test_resize_align_corners_keeps_a_plane_and_its_corners():
    rows, columns = np.mgrid[0:1:25j, 0:1:33j]
    plane = (2 * rows + 3 * columns).astype(np.float32)
    rows, columns = np.mgrid[0:1:48j, 0:1:64j]
    np.testing.assert_allclose(
        resize_align_corners(plane, (48, 64)), 2 * rows + 3 * columns, atol=1e-5
    )


def test_resize_align_corners_returns_a_new_array_at_equal_size():
    values = np.ones((4, 5), np.float32)
    assert not np.shares_memory(resize_align_corners(values, (4, 5)), values)
