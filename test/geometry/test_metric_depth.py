import numpy as np

from depth_anything_ros.geometry.metric_depth import limit_depth
from depth_anything_ros.types import MetricDepth


def test_only_distances_up_to_the_maximum_are_kept():
    given = np.array([[0.5, 4.0, 4.1, 0.0, -1.0, np.nan, np.inf]], np.float32)
    before = given.copy()
    limited = limit_depth(MetricDepth(given), 4.0).depth_m
    nan = np.nan
    np.testing.assert_array_equal(limited, np.float32([[0.5, 4.0, nan, nan, nan, nan, nan]]))
    assert limited.dtype == np.float32
    np.testing.assert_array_equal(given, before)
