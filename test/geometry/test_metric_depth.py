import numpy as np
import pytest

from depth_anything_ros.geometry.metric_depth import inverse_depth, limit_depth, no_depth_reason
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth


def test_only_distances_up_to_the_maximum_are_kept():
    given = np.array([[0.5, 4.0, 4.1, 0.0, -1.0, np.nan, np.inf]], np.float32)
    before = given.copy()
    limited = limit_depth(MetricDepth(given), 4.0).depth_m
    nan = np.nan
    np.testing.assert_array_equal(limited, np.float32([[0.5, 4.0, nan, nan, nan, nan, nan]]))
    assert limited.dtype == np.float32
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize(
    ('numbers', 'found'),
    [((1300.0, 4500.0, -2.0), '1300 to 4500 m'), ((-1.0, 0.0), 'nothing above 0 m')],
)
def test_depth_that_is_unknown_everywhere_says_what_the_network_gives(numbers, found):
    given = MetricDepth(np.float32([numbers]))
    known = limit_depth(given, 10.0)
    assert no_depth_reason(known, 10.0) == 'no pixel lies within 0 to 10 m'
    told = no_depth_reason(known, 10.0, given)
    assert f'within 0 to 10 m: the network gives {found}; is max_depth_m right' in told
    assert no_depth_reason(limit_depth(given, 5000.0), 5000.0, given) == (
        '' if 4500.0 in numbers else told.replace('0 to 10 m', '0 to 5000 m')
    )


def test_inverse_depth_of_metres_is_their_reciprocal_and_of_the_relative_itself():
    metric = MetricDepth(np.array([[0.5, 4.0, np.nan]], np.float32))
    np.testing.assert_allclose(inverse_depth(metric), [[2.0, 0.25, np.nan]])
    relative = RelativeInverseDepth(np.array([[0.0, 3.0]], np.float32))
    assert inverse_depth(relative) is relative.values
