import numpy as np
import pytest

from depth_anything_ros.stream.rate_limit import RateLimit


def let_through(stamps_s, max_hz):
    limit = RateLimit()
    return [limit.allows(round(stamp_s * 1e9), max_hz) for stamp_s in stamps_s]


def test_without_a_limit_all_goes_out():
    assert let_through(np.arange(5) / 30, 0.0) == [True] * 5


@pytest.mark.parametrize(
    ('max_hz', 'expected'), [(30, 300), (100, 300), (20, 200), (10, 100), (7, 70), (1, 10)]
)
@pytest.mark.parametrize('jitter_s', [0.0, 0.002])
def test_of_ten_seconds_at_30_hz_as_many_go_out_as_the_limit_says(max_hz, expected, jitter_s):
    stamps_s = 5 + np.arange(300) / 30
    stamps_s += np.random.default_rng(2).uniform(-jitter_s, jitter_s, 300)
    assert abs(sum(let_through(stamps_s, max_hz)) - expected) <= 1


def test_what_goes_out_is_spread_evenly():
    assert let_through(np.arange(9) / 30, 10) == [True, False, False] * 3


@pytest.mark.parametrize('jump_s', [-1000.0, 1000.0])
def test_a_bag_that_begins_again_and_a_pause_begin_anew(jump_s):
    stamps_s = [2000.0, 2000.1, 2000.0 + jump_s, 2000.1 + jump_s, 2000.5 + jump_s]
    assert let_through(stamps_s, 2) == [True, False, True, False, True]


def test_a_limit_that_is_set_anew_holds_from_then_on():
    limit = RateLimit()
    assert limit.allows(0, 1.0) and not limit.allows(10**8, 1.0)
    assert limit.allows(2 * 10**8, 0.0)
    assert limit.allows(3 * 10**8, 1.0) and not limit.allows(4 * 10**8, 1.0)
