import numpy as np

from depth_anything_ros.scale.sampling import local_means


def test_a_plane_stays_a_plane_up_to_its_edges():
    rows, columns = np.mgrid[:480, :640].astype(np.float32)
    plane = 20.0 + 0.1 * rows - 0.02 * columns
    np.testing.assert_allclose(local_means(plane), plane, rtol=1e-4)


def test_noise_becomes_five_times_smaller():
    noise = np.random.default_rng(0).standard_normal((480, 640)).astype(np.float32)
    inner = local_means(noise)[2:-2, 2:-2]
    assert abs(inner.std() / noise.std() - 0.2) < 0.01


def test_values_that_are_not_finite_do_not_spread():
    values = np.ones((8, 640), np.float32)
    values[3, 3] = np.nan
    np.testing.assert_array_equal(local_means(values), values)


def test_small_images_are_left_alone():
    values = np.random.default_rng(0).random((48, 64), np.float32)
    np.testing.assert_array_equal(local_means(values), values)
