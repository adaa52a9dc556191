import math
from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.scale.kalman import AlignmentFilter
from depth_anything_ros.types import Alignment

S = 1_000_000_000
USUAL = (1e-4, -1.5e-4, 4e-4)


def fit(scale, shift=0.0, covariance=USUAL, points=100):
    return Alignment(scale, shift, 'depth_image', points, 0.9, 0.01, 0, covariance)


def follow(fits, step_s=0.1, time_constant_s=0.5):
    made = AlignmentFilter(fits[0], 0, time_constant_s)
    for index, one in enumerate(fits[1:], 1):
        made.update(one, round(index * step_s * S))
    return made


def test_the_first_fits_are_averaged_alike():
    made = follow([fit(1.0), fit(2.0), fit(3.0)], step_s=1e-6)
    assert made.alignment.scale == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize('step_s', [0.05, 0.1, 0.5])
def test_a_step_is_followed_with_the_time_constant_whatever_the_frame_rate(step_s):
    settled, steps = round(10 / step_s), round(0.5 / step_s)
    made = follow([fit(1.0, 0.4)] * settled + [fit(2.0, 0.2)] * steps, step_s)
    share = 1 - math.exp(-1)
    assert made.alignment.scale == pytest.approx(1 + share, rel=1e-6)
    assert made.alignment.shift == pytest.approx(0.4 - 0.2 * share, rel=1e-6)


@pytest.mark.parametrize(('asked_s', 'constant_s'), [(0.25, 0.25), (2.0, 0.5)])
def test_a_fit_may_ask_for_less_smoothing_and_not_for_more(asked_s, constant_s):
    fits = [fit(1.0)] * 100 + [fit(2.0)] * 5
    made = follow([replace(one, smoothing_s=asked_s) for one in fits])
    assert made.alignment.scale == pytest.approx(2 - math.exp(-0.5 / constant_s), rel=1e-6)


def test_inverse_depth_of_any_pixel_is_smoothed_as_such():
    rng = np.random.default_rng(0)
    fits = [fit(*numbers) for numbers in rng.uniform((0.1, -0.1), (0.3, 0.1), (20, 2))]
    whole = follow(fits).alignment
    for relative in (0.5, 3.7):
        inverse = [fit(1.0, one.scale * relative + one.shift) for one in fits]
        smoothed = follow(inverse).alignment.shift
        assert whole.scale * relative + whole.shift == pytest.approx(smoothed)


def test_a_fit_that_is_less_sure_weighs_less():
    sure = follow([fit(1.0)] * 50 + [fit(2.0)]).alignment.scale
    unsure = follow([fit(1.0)] * 50 + [fit(2.0, covariance=(1e-2, -1.5e-2, 4e-2))])
    assert 1.0 < unsure.alignment.scale < 1.0 + 0.1 * (sure - 1.0)


def test_a_fit_counts_in_the_direction_in_which_it_is_sure():
    # It knows scale + shift, the inverse depth at relative 1, and hardly anything else.
    wall = (1.0, -0.9999, 1.0)
    made = follow([fit(1.0, 1.0, (1e-3, 0.0, 1e-3))] * 50 + [fit(3.0, 0.0, wall)])
    at_one = made.alignment.scale + made.alignment.shift
    assert at_one > 2.5
    assert made.alignment.scale == pytest.approx(made.alignment.shift, rel=0.03)


def test_noise_becomes_smaller_over_time():
    rng = np.random.default_rng(1)
    fits = [fit(0.2 * (1 + 0.05 * rng.standard_normal())) for _ in range(100)]
    errors = [abs(follow(fits[:count]).alignment.scale / 0.2 - 1) for count in range(60, 100)]
    assert np.sqrt(np.mean(np.square(errors))) < 0.025


def test_fits_without_covariance_count_alike():
    made = follow([fit(1.0, covariance=(0.0, 0.0, 0.0)), fit(2.0)], step_s=1e-6)
    assert 1.0 < made.alignment.scale <= 2.0


def test_a_given_alignment_is_taken_as_it_is():
    assert follow([fit(1.0)] * 10 + [fit(2.0, points=0)]).alignment.scale == 2.0


def test_a_frame_seen_twice_changes_nothing():
    made = AlignmentFilter(fit(1.0), S, 0.5)
    assert made.update(fit(2.0), S).scale == 1.0


def test_the_scale_stays_positive():
    made = AlignmentFilter(fit(0.01, 1.0, (1e-6, 9e-4, 1.0)), 0, 0.5)
    assert made.update(fit(0.01, -30.0, (1e-6, 0.0, 1e-3)), S).scale > 0
