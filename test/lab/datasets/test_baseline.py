import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.baseline import (
    average_scenes,
    read_baseline,
    write_baseline,
)
from depth_anything_ros.types import DepthSample

SIZE = (4, 4)


def sample(inverse):
    """Return a sample whose coarse inverse depth is the given (4, 4) map."""
    with np.errstate(divide='ignore'):
        depth_m = (1 / np.asarray(inverse, np.float32)).repeat(2, axis=0).repeat(2, axis=1)
    return DepthSample(np.zeros((8, 8, 3), np.uint8), depth_m.astype(np.float32), 'a')


def ramp(low, high):
    return np.linspace(low, high, 16, dtype=np.float32).reshape(SIZE)


def averages(*maps):
    return average_scenes([sample(values) for values in maps], 'rooms', 0.1, 10, SIZE)


def candidates(*maps):
    return {item.name: item.values for item in averages(*maps).maps}


def test_mean_of_known_maps():
    found = averages(ramp(0.5, 1.0), ramp(1.5, 2.0))
    assert (found.origin, found.scenes) == ('rooms', 2)
    assert (found.min_depth_m, found.max_depth_m) == (0.1, 10)
    assert [item.name for item in found.maps] == ['mean', 'normalised_mean', 'principal']
    np.testing.assert_allclose(found.maps[0].values, ramp(1.0, 1.5), rtol=1e-6)


def test_normalised_mean_counts_near_and_far_scenes_the_same():
    # Both are the same ramp up to scale and shift, so their normalised maps are equal.
    normalised = candidates(ramp(0.2, 0.4), ramp(3.0, 8.0))['normalised_mean']
    assert np.median(normalised) == pytest.approx(0, abs=1e-5)
    assert np.abs(normalised).mean() == pytest.approx(1, rel=1e-5)
    # Steps of a ramp of 16 with mean absolute deviation 1: 1 / 4.
    np.testing.assert_allclose(np.diff(normalised.ravel()), 0.25, rtol=1e-4)


def test_principal_is_the_first_singular_vector_of_the_centred_scenes():
    rng = np.random.default_rng(0)
    shape = rng.uniform(1, 2, SIZE)
    maps = [shape * rng.uniform(1, 3) + rng.uniform(0, 0.4, SIZE) for _ in range(20)]
    rows = np.array([(values - values.mean()).ravel() for values in maps])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = np.linalg.svd(rows)[2][0]
    expected *= np.sign(expected @ shape.ravel())
    found = candidates(*maps)['principal']
    np.testing.assert_allclose(found.ravel() / 4, expected, atol=1e-4)


def test_a_cell_averages_the_scenes_that_know_it():
    first, second = ramp(0.5, 1.0), ramp(1.5, 2.0)
    first[0, 0] = np.nan
    mean = candidates(first, second)['mean']
    assert mean[0, 0] == pytest.approx(1.5)
    assert mean[0, 1] == pytest.approx(ramp(1.0, 1.5)[0, 1])


def test_a_cell_averages_its_known_pixels():
    given = sample(ramp(0.5, 2.0))
    given.depth_m[0, 0] = np.nan
    mean = average_scenes([given], 'room', 0.1, 10, SIZE).maps[0]
    assert mean.values[0, 0] == pytest.approx(0.5)


def test_depth_out_of_range_counts_as_its_end():
    mean = candidates(ramp(0.01, 20.0))['mean']
    assert mean.min() == pytest.approx(0.1)
    assert mean.max() == pytest.approx(10)


def test_scenes_without_depth_and_flat_scenes_are_left_out():
    found = averages(np.full(SIZE, np.nan), np.full(SIZE, 0.5), ramp(1, 2))
    assert found.scenes == 2
    alone = averages(ramp(1, 2))
    for item, other in zip(found.maps[1:], alone.maps[1:], strict=True):
        np.testing.assert_allclose(item.values, other.values, atol=1e-6)


def test_a_cell_that_no_scene_knows_is_an_error():
    values = ramp(1, 2)
    values[1, 2:] = np.nan
    with pytest.raises(DatasetError, match="'rooms': 1 scenes have no depth in 2 of 16 cells"):
        averages(values)


def test_no_scene_at_all_is_an_error():
    with pytest.raises(DatasetError, match='0 scenes have no depth in 16 of 16 cells'):
        averages()


def test_flat_scenes_alone_are_an_error():
    with pytest.raises(DatasetError, match='not flat'):
        averages(np.full(SIZE, 0.5))


def test_the_map_is_the_same_for_every_image_and_has_its_size():
    mean = averages(ramp(0.5, 1.0)).maps[0]
    black = mean(np.zeros((24, 40, 3), np.uint8)).values
    white = mean(np.full((24, 40, 3), 255, np.uint8)).values
    assert black.shape == (24, 40)
    assert black.dtype == np.float32
    np.testing.assert_array_equal(black, white)
    # Bilinear between cell centres: the corners keep the corner cells.
    assert black[0, 0] == pytest.approx(0.5)
    assert black[-1, -1] == pytest.approx(1.0)


def test_a_baseline_survives_its_file(tmp_path):
    written = averages(ramp(0.5, 1.0), ramp(2, 1))
    write_baseline(tmp_path / 'baseline.npz', written)
    found = read_baseline(tmp_path / 'baseline.npz')
    assert (found.origin, found.scenes) == (written.origin, written.scenes)
    assert (found.min_depth_m, found.max_depth_m) == (0.1, 10)
    for item, other in zip(found.maps, written.maps, strict=True):
        assert item.name == other.name
        np.testing.assert_array_equal(item.values, other.values)


@pytest.mark.parametrize('content', [None, b'', b'no zip', b'PK\x03\x04 cut'])
def test_a_file_that_is_no_baseline_is_an_error(tmp_path, content):
    if content is not None:
        (tmp_path / 'a.npz').write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.npz' cannot be read as a baseline"):
        read_baseline(tmp_path / 'a.npz')


def test_an_archive_of_something_else_is_no_baseline(tmp_path):
    np.savez(tmp_path / 'a.npz', other=np.ones(3))
    np.save(tmp_path / 'b.npy', np.ones(3))
    for name in ('a.npz', 'b.npy'):
        with pytest.raises(DatasetError, match='cannot be read as a baseline'):
            read_baseline(tmp_path / name)
