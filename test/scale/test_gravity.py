import math

import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.scale.gravity import GravityFilter

G_M_S2 = 9.81
NOD = G_M_S2 * math.sin(-0.1), 0.0, G_M_S2 * math.cos(0.1)
LEVEL = 0.0, 0.0, G_M_S2
HALF_S = 500_000_000


def test_the_first_reading_is_taken_as_it_is():
    assert GravityFilter().update(NOD, 7) == pytest.approx((0.1, 0.0))


def test_another_tilt_is_followed_with_a_time_constant_of_half_a_second():
    gravity = GravityFilter()
    gravity.update(LEVEL, 0)
    pitch_rad, _ = gravity.update(NOD, HALF_S)
    share = 1.0 - math.exp(-1.0)
    mean_x, mean_z = share * NOD[0], G_M_S2 + share * (NOD[2] - G_M_S2)
    assert pitch_rad == pytest.approx(math.atan2(-mean_x, mean_z))


def test_stamps_that_step_back_start_afresh():
    gravity = GravityFilter()
    gravity.update(LEVEL, HALF_S)
    assert gravity.update(NOD, HALF_S - 1) == pytest.approx((0.1, 0.0))


def test_a_reading_that_is_not_finite_is_refused_and_leaves_no_trace():
    gravity = GravityFilter()
    gravity.update(LEVEL, 0)
    with pytest.raises(AlignmentError, match='not finite'):
        gravity.update((math.nan, 0.0, 9.81), HALF_S)
    assert gravity.update(LEVEL, 2 * HALF_S) == (0.0, 0.0)
