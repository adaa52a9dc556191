import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.training.schedule import learning_rate_factor


def test_warm_up_is_linear_and_ends_at_the_full_rate():
    assert [learning_rate_factor(step, 100, 4) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


def test_decay_follows_the_power():
    assert learning_rate_factor(50, 100, 0) == pytest.approx(0.5**0.9)
    assert learning_rate_factor(70, 100, 40) == pytest.approx(0.5**0.9)
    assert learning_rate_factor(50, 100, 0, power=2) == pytest.approx(0.25)


def test_rate_falls_and_stays_above_zero_to_the_last_step():
    rates = [learning_rate_factor(step, 50, 5) for step in range(5, 50)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx((1 / 45) ** 0.9)


@pytest.mark.parametrize('warmup', [-1, 10])
def test_warm_up_that_fills_the_run_is_refused(warmup):
    with pytest.raises(ConfigError, match=r'warm-up of -?\d+ steps; allowed: 0 … 9'):
        learning_rate_factor(0, 10, warmup)


@pytest.mark.parametrize('step', [-1, 10])
def test_step_outside_the_run_is_refused(step):
    with pytest.raises(ConfigError, match=r'step -?\d+ of a run; allowed: 0 … 9'):
        learning_rate_factor(step, 10, 0)
