import numpy as np
import pytest

from depth_anything_ros.lab.simulation.atlas import (
    FAMILIES,
    FIRST_TILE,
    LEVEL_START,
    LEVELS,
    TILE_PX,
    TILES,
    fractal,
    make_atlas,
)


@pytest.fixture(scope='module')
def atlas():
    return make_atlas(0, 0)


@pytest.mark.parametrize('family', list(FAMILIES))
def test_family_makes_two_planes_in_0_to_1(family):
    for plane in FAMILIES[family](np.random.default_rng(1)):
        assert plane.shape == (TILE_PX, TILE_PX)
        assert plane.dtype == np.float32
        assert plane.min() >= 0
        assert plane.max() <= 1


@pytest.mark.parametrize('slope, low', [(0.5, 1.0), (1.5, 1.0), (2.0, 8.0)])
def test_fractal_noise_repeats_without_a_seam_and_has_its_spectrum(slope, low):
    noise = fractal(np.random.default_rng(2), slope, low=low)
    inside = np.abs(np.diff(noise, axis=1)).mean()
    seam = np.abs(noise[:, 0] - noise[:, -1]).mean()
    assert seam < 1.5 * inside
    power = np.abs(np.fft.rfft2(noise - noise.mean())) ** 2
    frequency = np.hypot(
        np.fft.fftfreq(TILE_PX, 1 / TILE_PX)[:, None], np.arange(TILE_PX // 2 + 1)[None, :]
    )

    def mean_power(at):
        return power[(frequency > at * 0.9) & (frequency < at * 1.1)].mean()

    assert np.log(mean_power(20) / mean_power(60)) == pytest.approx(2 * slope * np.log(3), abs=0.4)
    if low > 1:
        assert mean_power(3) < 0.05 * mean_power(9)


def test_levels_are_means_of_the_level_below(atlas):
    tile = atlas.reshape(TILES, -1, 2)[FIRST_TILE['poster']].astype(float)
    for level in range(1, LEVELS):
        side = TILE_PX >> level
        fine = tile[LEVEL_START[level - 1] : LEVEL_START[level]].reshape(side, 2, side, 2, 2)
        coarse = tile[LEVEL_START[level] : LEVEL_START[level + 1]].reshape(side, side, 2)
        np.testing.assert_allclose(coarse, fine.mean((1, 3)), atol=1.01)


def test_seed_and_part_change_the_tiles(atlas):
    again, other, part = make_atlas(0, 0), make_atlas(1, 0), make_atlas(0, 1)
    np.testing.assert_array_equal(again, atlas)
    assert np.mean(other != atlas) > 0.3
    assert np.mean(part != atlas) > 0.3
