import itertools

import pytest

from depth_anything_ros.inference import clock as clock_module
from depth_anything_ros.inference.clock import NetworkClock


@pytest.fixture
def now(monkeypatch):
    """Return a clock by which the next reading is told."""
    times = [0.0]
    monkeypatch.setattr(clock_module, 'perf_counter', lambda: times[0])

    def set_time(time_s):
        times[0] = time_s

    return set_time


def test_runs_add_up_and_what_lies_between_does_not_count(now):
    clock = NetworkClock()
    for start_s, end_s in ((1.0, 1.5), (4.0, 6.0)):
        now(start_s)
        with clock.running():
            now(end_s)
    assert clock.read().total_s == 2.5


def test_what_overlaps_counts_once(now):
    clock = NetworkClock()
    now(1.0)
    with clock.running():
        now(2.0)
        with clock.running():
            now(3.0)
        now(3.5)
        assert clock.read().total_s == 2.5
        now(4.0)
    assert clock.read().total_s == 3.0


def test_a_run_that_fails_has_taken_its_time(now):
    clock = NetworkClock()
    with pytest.raises(RuntimeError), clock.running():
        now(2.0)
        raise RuntimeError
    assert clock.read().total_s == 2.0


def test_no_network_runs_for_longer_than_the_time_between_two_readings(monkeypatch):
    # Each look at the clock is a second later, as where a thread has to wait for its turn.
    seconds = itertools.count()
    monkeypatch.setattr(clock_module, 'perf_counter', lambda: float(next(seconds)))
    clock = NetworkClock()
    with clock.running():
        first, last = clock.read(), clock.read()
    assert last.total_s - first.total_s == last.now_s - first.now_s == 1.0
