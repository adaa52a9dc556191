"""What is made of the numbers of a network that comes as a file."""

import numpy as np
import pytest

from depth_anything_ros.inference.backends.network_file import meant_values
from depth_anything_ros.models.contract import OutputContract, Values


@pytest.mark.parametrize('kind', Values)
@pytest.mark.parametrize('broken', [np.nan, np.inf])
def test_numbers_that_are_not_finite_stay_whatever_they_mean(kind, broken):
    given = np.float32([[1.0, broken], [2.0, 4.0]])
    found = meant_values(given, OutputContract(None, kind, 10.0, 1.0, None))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(given))
    known = np.isfinite(given)
    np.testing.assert_allclose(found[known], 1.0 / given[known] if kind.is_inverted else [1, 2, 4])
