import numpy as np
import pytest

from depth_anything_ros.completion.trust import find_doubtful


@pytest.mark.parametrize('size', [(200, 310), (200, 320), (201, 321), (1100, 1100)])
def test_a_thing_in_the_air_is_one_island_and_all_else_is_sure(size):
    rows, columns = np.mgrid[: size[0], : size[1]]
    blob = (abs(rows - 100) <= 4) & (abs(columns - 200) <= 4)
    measured_m = np.where(blob, 3.0, 2.0).astype(np.float32)
    found = find_doubtful(measured_m, np.ones(size, np.bool_))
    np.testing.assert_array_equal(found.mask, blob)
    np.testing.assert_array_equal(found.places, np.flatnonzero(blob))
    assert found.islands.min() == found.islands.max() > 0
    off = np.where(found.places % 2, 0.2, 0.4).astype(np.float32)
    np.testing.assert_allclose(found.contradiction(off), off.mean(), rtol=1e-6)
