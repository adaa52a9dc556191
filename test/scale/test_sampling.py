import numpy as np
import pytest

from depth_anything_ros.scale.sampling import centres_of_cells, local_means


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


@pytest.mark.parametrize(
    ('cells', 'pixels'), [((3, 4), (6, 8)), ((6, 8), (3, 4)), ((3, 4), (3, 4))]
)
def test_cells_lie_where_the_pixels_of_their_middle_do(cells, pixels):
    rows, columns = centres_of_cells(np.arange(cells[0] * cells[1]), cells, pixels)
    ratio = pixels[0] / cells[0]
    expected = (np.arange(cells[1]) + 0.5) * ratio - 0.5
    np.testing.assert_allclose(columns.reshape(cells)[-1], expected)
    np.testing.assert_allclose(rows.reshape(cells)[:, -1], expected[: cells[0]])
