import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.evaluation.baseline import average_maps
from depth_anything_ros.types import DepthSample

SIZE = (4, 4)


def sample(inverse):
    """Return a sample whose coarse inverse depth is the given (4, 4) map."""
    with np.errstate(divide='ignore'):
        depth_m = (1 / np.asarray(inverse, np.float32)).repeat(2, axis=0).repeat(2, axis=1)
    return DepthSample(np.zeros((8, 8, 3), np.uint8), depth_m.astype(np.float32), 'a')


def ramp(low, high):
    return np.linspace(low, high, 16, dtype=np.float32).reshape(SIZE)


def averages(*maps, size=SIZE):
    return average_maps([sample(values) for values in maps], 0.1, 10, size)


def test_mean_of_known_maps():
    mean, _ = averages(ramp(0.5, 1.0), ramp(1.5, 2.0))
    assert (mean.name, mean.scenes) == ('mean', 2)
    np.testing.assert_allclose(mean.values, ramp(1.0, 1.5), rtol=1e-6)


def test_normalised_mean_counts_near_and_far_scenes_the_same():
    # Both are the same ramp up to scale and shift, so their normalised maps are equal.
    _, normalised = averages(ramp(0.2, 0.4), ramp(3.0, 8.0))
    assert normalised.name == 'normalised_mean'
    np.testing.assert_allclose(np.median(normalised.values), 0, atol=1e-6)
    np.testing.assert_allclose(np.abs(normalised.values).mean(), 1, rtol=1e-6)
    # Steps of a ramp of 16 with mean absolute deviation 1: 1 / 4.
    np.testing.assert_allclose(np.diff(normalised.values.ravel()), 0.25, rtol=1e-4)


def test_a_cell_averages_the_scenes_that_know_it():
    first, second = ramp(0.5, 1.0), ramp(1.5, 2.0)
    first[0, 0] = np.nan
    mean, _ = averages(first, second)
    assert mean.values[0, 0] == pytest.approx(1.5)
    assert mean.values[0, 1] == pytest.approx(ramp(1.0, 1.5)[0, 1])


def test_a_cell_averages_its_known_pixels():
    given = sample(ramp(0.5, 2.0))
    given.depth_m[0, 0] = np.nan
    mean, _ = average_maps([given], 0.1, 10, SIZE)
    assert mean.values[0, 0] == pytest.approx(0.5)


def test_depth_out_of_range_counts_as_its_end():
    mean, _ = averages(ramp(0.01, 20.0))
    assert mean.values.min() == pytest.approx(0.1)
    assert mean.values.max() == pytest.approx(10)


def test_scenes_without_depth_and_flat_scenes_are_left_out():
    mean, normalised = averages(np.full(SIZE, np.nan), np.full(SIZE, 0.5), ramp(1, 2))
    assert mean.scenes == 2
    assert normalised.scenes == 1


def test_a_cell_that_no_scene_knows_is_an_error():
    values = ramp(1, 2)
    values[1, 2:] = np.nan
    with pytest.raises(DatasetError, match='mean of 1 scenes has no depth in 2 of 16 cells'):
        averages(values)


def test_no_scene_at_all_is_an_error():
    with pytest.raises(DatasetError, match='of 0 scenes has no depth in 16 of 16 cells'):
        averages()


def test_the_map_is_the_same_for_every_image_and_has_its_size():
    mean, _ = averages(ramp(0.5, 1.0))
    black = mean(np.zeros((24, 40, 3), np.uint8)).values
    white = mean(np.full((24, 40, 3), 255, np.uint8)).values
    assert black.shape == (24, 40)
    assert black.dtype == np.float32
    np.testing.assert_array_equal(black, white)
    # Bilinear between cell centres: the corners keep the corner cells.
    assert black[0, 0] == pytest.approx(0.5)
    assert black[-1, -1] == pytest.approx(1.0)
