from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros import messages
from depth_anything_ros.errors import MessageError


def scan_message(**changes):
    fields = {
        'angle_min': -1.5, 'angle_max': 1.5, 'angle_increment': 0.5, 'range_min': 0.1,
        'range_max': 8.0, 'ranges': [1.0, np.inf, np.nan, -np.inf, 2.0, 3.0, 4.0],
        'header': SimpleNamespace(
            stamp=SimpleNamespace(sec=3, nanosec=5), frame_id='laser'
        ),
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


def test_scan_keeps_ranges_angles_stamp_and_frame():
    scan = messages.decode_scan(scan_message())
    np.testing.assert_array_equal(scan.ranges_m, scan_message().ranges)
    np.testing.assert_allclose(scan.angles_rad, [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    assert (scan.range_min_m, scan.range_max_m) == (0.1, 8.0)
    assert (scan.stamp_ns, scan.frame_id) == (3_000_000_005, 'laser')


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'angle_min': np.nan}, 'angle_min nan'),
        ({'range_max': np.nan}, 'range_max nan'),
        ({'angle_increment': 0.0}, '7 ranges 0.0 rad apart'),
        ({'ranges': []}, '0 ranges'),
    ],
)
def test_scan_without_angles_limits_or_ranges_is_refused(changes, words):
    with pytest.raises(MessageError, match=words):
        messages.decode_scan(scan_message(**changes))
