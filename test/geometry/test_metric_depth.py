import numpy as np

from depth_anything_ros.geometry.metric_depth import inverse_depth, limit_depth
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth


def test_only_distances_up_to_the_maximum_are_kept():
    given = np.array([[0.5, 4.0, 4.1, 0.0, -1.0, np.nan, np.inf]], np.float32)
    before = given.copy()
    limited = limit_depth(MetricDepth(given), 4.0).depth_m
    nan = np.nan
    np.testing.assert_array_equal(limited, np.float32([[0.5, 4.0, nan, nan, nan, nan, nan]]))
    assert limited.dtype == np.float32
    np.testing.assert_array_equal(given, before)


def test_inverse_depth_of_metres_is_their_reciprocal_and_of_the_relative_itself():
    metric = MetricDepth(np.array([[0.5, 4.0, np.nan]], np.float32))
    np.testing.assert_allclose(inverse_depth(metric), [[2.0, 0.25, np.nan]])
    relative = RelativeInverseDepth(np.array([[0.0, 3.0]], np.float32))
    assert inverse_depth(relative) is relative.values
