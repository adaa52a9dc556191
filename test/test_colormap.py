import statistics
from time import perf_counter

import numpy as np
import pytest

from depth_anything_ros.colormap import (
    PREVIEW_COLORMAPS,
    apply_colormap,
    lookup_table,
    robust_range,
)
from depth_anything_ros.errors import UnknownNameError


@pytest.mark.parametrize('name', PREVIEW_COLORMAPS)
def test_every_colormap_has_256_colours_of_which_most_differ(name):
    table = lookup_table(name)
    assert table.shape == (256, 1, 3)
    assert len(np.unique(table.reshape(-1, 3), axis=0)) > 200


@pytest.mark.parametrize('name', PREVIEW_COLORMAPS)
def test_every_colormap_is_that_of_matplotlib(name):
    matplotlib = pytest.importorskip('matplotlib')
    published = matplotlib.colormaps[name](np.arange(256))[:, :3]
    np.testing.assert_array_equal(lookup_table(name)[:, 0], np.rint(published * 255))


def test_the_ends_of_the_range_get_the_published_end_colours_of_viridis():
    values = np.array([[0.0, 1.0]], np.float32)
    coloured = apply_colormap(values, 'viridis', (0.0, 1.0))
    # matplotlib's viridis runs from #440154 to #fde725.
    assert coloured.tolist() == [[[0x44, 0x01, 0x54], [0xFD, 0xE7, 0x25]]]


def test_colours_follow_the_values_through_the_whole_table():
    values = np.linspace(0, 255, 256, dtype=np.float32)[None]
    coloured = apply_colormap(values, 'turbo', (0.0, 255.0))
    np.testing.assert_array_equal(coloured[0], lookup_table('turbo')[:, 0])


def test_what_is_not_finite_is_black():
    values = np.ones((4, 5), np.float32) * np.arange(5, dtype=np.float32)
    values[0, 0], values[1, 1], values[2, 2] = np.nan, np.inf, -np.inf
    coloured = apply_colormap(values, 'Spectral_r')
    black = (coloured == 0).all(axis=-1)
    assert black.sum() == 3
    assert black[0, 0] and black[1, 1] and black[2, 2]


def test_values_beyond_the_range_get_the_end_colours():
    values = np.array([[-9.0, 0.5, 99.0]], np.float32)
    coloured = apply_colormap(values, 'magma', (0.0, 1.0))
    table = lookup_table('magma')
    np.testing.assert_array_equal(coloured[0, ::2], table[[0, 255], 0])


def test_a_few_outliers_do_not_change_the_range():
    values = np.linspace(1, 2, 10000, dtype=np.float32).reshape(100, 100)
    values[0, :50] = 1e6
    low, high = robust_range(values)
    assert low == pytest.approx(1.02, abs=0.01)
    assert high == pytest.approx(1.985, abs=0.01)


def test_large_images_are_sampled_without_a_change_of_range():
    values = np.random.default_rng(0).random((480, 640)).astype(np.float32)
    assert robust_range(values) == pytest.approx((0.02, 0.98), abs=0.005)


@pytest.mark.parametrize('value', [np.nan, 3.0])
def test_an_image_without_range_is_coloured(value):
    coloured = apply_colormap(np.full((3, 4), value, np.float32), 'plasma')
    assert coloured.shape == (3, 4, 3)
    assert len(np.unique(coloured.reshape(-1, 3), axis=0)) == 1


@pytest.mark.filterwarnings('error')
def test_a_constant_image_with_infinity_warns_of_nothing():
    coloured = apply_colormap(np.array([[np.inf, 3.0, 3.0]], np.float32), 'plasma')
    assert coloured[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(coloured[0, 1], coloured[0, 2])


def test_the_values_are_left_alone():
    values = np.array([[1.0, np.nan]], np.float32)
    apply_colormap(values, 'inferno')
    np.testing.assert_array_equal(values, [[1.0, np.nan]])


def test_an_unknown_colormap_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="'jet'; known: Spectral_r, viridis"):
        apply_colormap(np.ones((2, 2), np.float32), 'jet')


@pytest.mark.perf
def test_a_vga_image_is_coloured_in_a_few_milliseconds():
    values = np.random.default_rng(0).random((480, 640)).astype(np.float32)
    values[::7] = np.nan
    apply_colormap(values, 'Spectral_r')
    durations = []
    for _ in range(40):
        start = perf_counter()
        apply_colormap(values, 'Spectral_r')
        durations.append(perf_counter() - start)
    # Aim: 3 ms; the bound leaves room for a slower machine.
    assert statistics.quantiles(durations)[0] < 6e-3
