import numpy as np
import pytest

from depth_anything_ros.lab.simulation.patterns import PATTERNS, Noise, Spot, pulse
from depth_anything_ros.lab.simulation.scene import Material

NOISE = Noise(0)


def spot(footprint_m, count=4000, width_m=2.0, height_m=1.0):
    generator = np.random.default_rng(1)
    u_m = generator.uniform(0, width_m, count).astype(np.float32)
    v_m = generator.uniform(0, height_m, count).astype(np.float32)
    blur = np.full(count, footprint_m, np.float32)
    return Spot(u_m, v_m, blur, blur, width_m, height_m, NOISE)


@pytest.mark.parametrize('footprint', [1e-4, 0.1, 0.35, 2.5])
def test_pulse_is_the_mean_over_the_footprint(footprint):
    position = np.linspace(-2, 3, 41).astype(np.float32)
    offsets = (np.arange(20000) + 0.5) / 20000 - 0.5
    samples = position[:, None] + footprint * offsets
    expected = ((samples - np.floor(samples)) < 0.3).mean(axis=1)
    found = pulse(position, 0.3, np.full(41, footprint, np.float32))
    clear = np.abs(position - np.round(position, 0)) > 1e-3
    np.testing.assert_allclose(found[clear], expected[clear], atol=5e-3)


@pytest.mark.parametrize('name', list(PATTERNS))
def test_every_pattern_gives_albedo_of_its_points(name):
    material = Material(name, (0.5, 0.4, 0.3), (0.1, 0.1, 0.1), 0.2)
    albedo = PATTERNS[name](material, spot(0.002))
    assert albedo.shape == (4000, 3)
    assert albedo.dtype == np.float32
    assert albedo.min() >= 0.0
    assert albedo.max() <= 1.3
    assert albedo.std(axis=0).max() > 0.005, 'a pattern without contrast'


@pytest.mark.parametrize('name', ['tiles', 'checker', 'stripes', 'planks'])
def test_far_pattern_fades_to_its_mean(name):
    material = Material(name, (0.6, 0.5, 0.4), (0.1, 0.1, 0.1), 0.1)
    near = PATTERNS[name](material, spot(0.0005, 40000))
    far = PATTERNS[name](material, spot(3.0, 40000))
    assert far.std(axis=0).max() < 0.35 * near.std(axis=0).max()
    np.testing.assert_allclose(far.mean(axis=0), near.mean(axis=0), rtol=0.1)


def test_noise_depends_on_the_seed_only():
    points = np.linspace(0, 5, 100).astype(np.float32)
    blur = np.full(100, 0.002, np.float32)
    first, again = (Noise(4).field(points, points, blur) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, Noise(5).field(points, points, blur))


def test_noise_has_mean_zero_and_stays_in_range():
    generator = np.random.default_rng(2)
    u_m, v_m = generator.uniform(0, 2, (2, 50000)).astype(np.float32)
    values = NOISE.field(u_m, v_m, np.full(50000, 0.001, np.float32))
    assert abs(values.mean()) < 0.02
    assert np.abs(values).max() <= 1.0
    assert values.std() > 0.1


def test_random_numbers_belong_to_their_indices():
    rows = np.arange(1000, dtype=np.float32)
    values = NOISE.random(rows, rows + 1)
    np.testing.assert_array_equal(values, NOISE.random(rows, rows + 1))
    assert 0 <= values.min() < 0.05
    assert 0.95 < values.max() <= 1.0
