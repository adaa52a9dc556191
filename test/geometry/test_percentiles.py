import numpy as np
import pytest

from depth_anything_ros.geometry.percentiles import percentiles


@pytest.mark.parametrize('shape', [(1,), (2,), (7,), (60, 80)])
@pytest.mark.parametrize('kind', [np.float32, np.float64])
def test_they_are_those_of_numpy(shape, kind):
    values = np.random.default_rng(0).normal(size=shape).astype(kind)
    percents = (95, 5, 50, 0, 100)
    expected = np.percentile(values.astype(np.float64), percents)
    np.testing.assert_allclose(percentiles(values, percents), expected, atol=1e-6)


def test_one_that_is_no_number_spoils_all():
    assert np.isnan(percentiles(np.array([1.0, np.nan, 3.0]), (0, 50))).all()
