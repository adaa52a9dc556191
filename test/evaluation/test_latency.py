import math

import numpy as np
import pytest

from depth_anything_ros.evaluation.latency import percentiles


def test_percentiles_are_those_of_a_hand_counted_list():
    # Rank p / 100 · (n - 1) of 0 … 100 is the value itself.
    found = percentiles(range(100, -1, -1))
    assert found == {'p50': 50.0, 'p95': 95.0, 'p99': 99.0, 'max': 100.0}


def test_between_two_ranks_the_value_is_interpolated():
    assert percentiles([10.0, 20.0])['p95'] == pytest.approx(19.5)


def test_what_is_not_finite_is_left_out():
    assert percentiles([1.0, math.nan, math.inf]) == dict.fromkeys(('p50', 'p95', 'p99', 'max'), 1)


@pytest.mark.parametrize('values', [[], [math.nan], np.array([])])
def test_no_values_have_no_percentiles(values):
    assert percentiles(values) == {'p50': None, 'p95': None, 'p99': None, 'max': None}
