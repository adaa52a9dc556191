from dataclasses import fields

import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.training.augment import Augmentation, augment, centre_crop

UNCHANGED = {field.name: 1.0 if field.name == 'zoom' else 0.0 for field in fields(Augmentation)}


def only(**changes: float) -> Augmentation:
    return Augmentation(**{**UNCHANGED, **changes})


def random_image(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    depth_m = rng.uniform(0.5, 8, (height, width)).astype(np.float32)
    depth_m[rng.random((height, width)) < 0.1] = np.nan
    return rgb, depth_m


def test_no_change_gives_the_same_pixels():
    rgb, depth_m = random_image(24, 32)
    changed, changed_depth = augment(rgb, depth_m, (24, 32), only(), np.random.default_rng(0))
    np.testing.assert_array_equal(changed, rgb)
    np.testing.assert_array_equal(changed_depth, depth_m)


def test_flip_mirrors_image_and_depth():
    rgb, depth_m = random_image(24, 32)
    changed, changed_depth = augment(
        rgb, depth_m, (24, 32), only(flip=1.0), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(changed, rgb[:, ::-1])
    np.testing.assert_array_equal(changed_depth, depth_m[:, ::-1])


def test_same_generator_gives_the_same_bytes_and_another_does_not():
    rgb, depth_m = random_image(48, 64)
    first = augment(rgb, depth_m, (24, 32), Augmentation(), np.random.default_rng((1, 2)))
    again = augment(rgb, depth_m, (24, 32), Augmentation(), np.random.default_rng((1, 2)))
    other = augment(rgb, depth_m, (24, 32), Augmentation(), np.random.default_rng((1, 3)))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize('source', [(60, 80), (240, 320)])
def test_image_and_depth_move_together(source):
    rows, columns = source
    smooth = np.add.outer(np.linspace(0, 100, rows), np.linspace(0, 120, columns))
    rgb = np.repeat(smooth.round().astype(np.uint8)[..., None], 3, axis=2)
    depth_m = (1 + smooth / 100).astype(np.float32)
    geometry = only(flip=0.5, rotation_deg=10.0, zoom=1.5)
    for seed in range(10):
        changed, changed_depth = augment(
            rgb, depth_m, (60, 80), geometry, np.random.default_rng(seed)
        )
        expected = 100 * (changed_depth - 1)
        assert np.abs(changed[..., 0] - expected).max() < 3


def test_depth_values_are_taken_and_never_mixed():
    rgb, depth_m = random_image(48, 64)
    _, changed = augment(rgb, depth_m, (30, 30), Augmentation(), np.random.default_rng(3))
    assert np.isnan(changed).any()
    assert set(changed[np.isfinite(changed)].tolist()) <= set(depth_m[depth_m > 0].tolist())


def test_turned_and_zoomed_windows_stay_inside_the_image():
    columns, rows = np.meshgrid(np.arange(200), np.arange(150))
    place = (columns + 1000 * rows).astype(np.float32)
    rgb = np.zeros((150, 200, 3), np.uint8)
    for seed in range(30):
        _, changed = augment(
            rgb,
            place,
            (60, 80),
            only(rotation_deg=20.0, zoom=1.2, flip=0.5),
            np.random.default_rng(seed),
        )
        x, y = changed % 1000, changed // 1000
        # Beyond the border the last pixel would repeat and neighbours would coincide.
        step = np.hypot(np.diff(x[0]), np.diff(y[0])).mean()
        for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
            apart = np.hypot(np.diff(x[edge]), np.diff(y[edge]))
            assert apart.min() > 0
            assert apart.mean() == pytest.approx(step, rel=0.08)


def test_colour_turns_leave_greys_grey():
    grey = np.repeat(np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5, 1), 3, axis=2)
    depth_m = np.ones((5, 5), np.float32)
    changed, _ = augment(
        grey, depth_m, (5, 5), only(hue_deg=60.0, saturation=0.8), np.random.default_rng(1)
    )
    assert np.abs(changed.astype(int) - grey.astype(int)).max() <= 1


def test_grayscale_gives_equal_channels_of_the_luma():
    rgb, depth_m = random_image(24, 32)
    changed, _ = augment(rgb, depth_m, (24, 32), only(grayscale=1.0), np.random.default_rng(1))
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(changed - luma[..., None]).max() <= 1


def test_noise_is_centred_and_below_its_largest_sigma():
    rgb = np.full((100, 100, 3), 128, np.uint8)
    depth_m = np.ones((100, 100), np.float32)
    sigmas = []
    for seed in range(20):
        changed, _ = augment(
            rgb,
            depth_m,
            (100, 100),
            only(noise=1.0, noise_sigma=10.0),
            np.random.default_rng(seed),
        )
        assert changed.mean() == pytest.approx(128, abs=0.5)
        sigmas.append(changed.std())
    assert max(sigmas) < 10.3
    assert max(sigmas) > 5


@pytest.mark.parametrize('kind', ['blur', 'jpeg'])
def test_blur_and_compression_keep_the_mean_and_lose_detail(kind):
    rgb, depth_m = random_image(64, 64)
    strength = only(**{kind: 1.0}, blur_sigma_px=1.5)
    changed, changed_depth = augment(rgb, depth_m, (64, 64), strength, np.random.default_rng(0))
    assert changed.mean() == pytest.approx(rgb.mean(), abs=2)
    assert changed.std() < rgb.std()
    np.testing.assert_array_equal(changed_depth, depth_m)


def test_centre_crop_keeps_the_middle_and_the_aspect():
    columns, rows = np.meshgrid(np.arange(640), np.arange(480))
    rgb = np.zeros((480, 640, 3), np.uint8)
    _, x = centre_crop(rgb, columns.astype(np.float32), (240, 240))
    _, y = centre_crop(rgb, rows.astype(np.float32), (240, 240))
    # 480 of 640 columns are left, two source pixels to one: 80 to 559, 0 to 479.
    assert np.abs(x[0] - (80.5 + 2 * np.arange(240))).max() <= 0.5
    assert np.abs(y[:, 0] - (0.5 + 2 * np.arange(240))).max() <= 0.5


def test_shrinking_averages_the_image():
    rgb, depth_m = random_image(400, 400)
    smaller, _ = centre_crop(rgb, depth_m, (40, 40))
    means = rgb.reshape(40, 10, 40, 10, 3).mean(axis=(1, 3))
    assert np.abs(smaller - means).max() <= 1


@pytest.mark.parametrize(
    ('name', 'value'), [('flip', 1.5), ('zoom', 0.5), ('rotation_deg', 90.0), ('gamma', -0.1)]
)
def test_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f'augmentation {name} {value:g} is out of range'):
        Augmentation(**{name: value})
