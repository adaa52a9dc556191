import pytest

from depth_anything_ros.lab.trials.approach import wall_lag
from depth_anything_ros.lab.trials.refinement_trial import make_options

SPEED_M_S, TAU_S = 0.3, 0.3


@pytest.fixture(scope='module')
def lags():
    options = make_options({'temporal_smoothing_s': TAU_S})
    return {option.name: wall_lag(option, SPEED_M_S) for option in options}


def test_depth_of_the_frame_alone_does_not_lag(lags):
    assert lags['none'].lag_s == pytest.approx(0.0, abs=1e-4)


def test_smoothed_depth_lags_by_up_to_the_time_constant(lags):
    assert 0.5 * TAU_S < lags['temporal_smoothing_s'].lag_s < TAU_S


def test_with_odometry_the_lag_is_less_than_a_frame(lags):
    assert abs(lags['temporal_smoothing_s, odometry'].frames) < 0.05
    wrong = lags['temporal_smoothing_s, odometry 5 % off, 50 ms late']
    assert abs(wrong.frames) < 0.5
    assert wrong.frames == pytest.approx(10 * wrong.lag_s)
