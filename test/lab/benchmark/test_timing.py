from dataclasses import asdict

import numpy as np
import pytest

from depth_anything_ros.errors import BackendError, ConfigError
from depth_anything_ros.lab.benchmark.timing import (
    Contender,
    Timing,
    interleaved,
    measure_interleaved,
    statistics,
)


class FakeClock:
    """A clock that only the fake contenders move."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.order: list[str] = []

    def __call__(self) -> int:
        return self.now_ns

    def contender(self, name: str, durations_ms: list[float], runs: int) -> Contender:
        durations = iter(durations_ms)

        def run() -> None:
            self.order.append(name)
            self.now_ns += round(next(durations) * 1e6)

        return Contender(name, run, runs)


def test_turns_are_taken_evenly_and_the_first_one_changes():
    assert interleaved([3, 3]) == [0, 1, 1, 0, 0, 1]


def test_contender_with_few_runs_is_spread_over_the_whole():
    turns = np.array(interleaved([2, 8]))
    assert np.bincount(turns).tolist() == [2, 8]
    first, second = np.flatnonzero(turns == 0)
    assert 1 <= first <= 3
    assert 6 <= second <= 8


def test_times_belong_to_their_contenders_and_warm_up_is_left_out():
    clock = FakeClock()
    slow = clock.contender('slow', [900, 100, 110], runs=2)
    fast = clock.contender('fast', [500, 10, 11, 12, 13], runs=4)
    timings = measure_interleaved([slow, fast], warm_up=1, clock_ns=clock)
    assert timings[0].durations_ms == pytest.approx([100, 110])
    assert timings[1].durations_ms == pytest.approx([10, 11, 12, 13])
    assert clock.order[:2] == ['slow', 'fast']
    assert clock.order.count('slow') == 3


def test_contender_that_fails_is_left_out_from_then_on():
    clock = FakeClock()
    calls = []

    def fail() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise BackendError('out of memory')

    good = clock.contender('good', [1.0] * 6, runs=5)
    timings = measure_interleaved([Contender('bad', fail, 5), good], warm_up=1, clock_ns=clock)
    assert timings[0].failure == 'out of memory'
    assert len(calls) == 3
    assert len(timings[1].durations_ms) == 5


def test_progress_sees_every_turn():
    seen = []
    clock = FakeClock()
    measure_interleaved(
        [clock.contender('a', [1.0] * 3, runs=3)],
        warm_up=0,
        progress=lambda turns: seen.extend(turns) or turns,
        clock_ns=clock,
    )
    assert seen == [0, 0, 0]


def test_run_that_is_interrupted_leaves_what_was_timed():
    clock = FakeClock()
    good = clock.contender('good', [1.0, 2.0, 3.0, 4.0], runs=3)

    def stop() -> None:
        if clock.order.count('good') == 4:
            raise KeyboardInterrupt

    timings: list[Timing] = []
    with pytest.raises(KeyboardInterrupt):
        measure_interleaved(
            [good, Contender('other', stop, 3)], warm_up=1, clock_ns=clock, timings=timings
        )
    assert timings[0].durations_ms == pytest.approx([2.0, 3.0, 4.0])
    assert len(timings) == 2


def test_negative_warm_up_is_refused():
    with pytest.raises(ConfigError, match='warm-up of -1 runs'):
        measure_interleaved([], warm_up=-1)


def test_contender_without_runs_is_refused():
    with pytest.raises(ConfigError, match="'a': 0 runs"):
        measure_interleaved([Contender('a', lambda: None, 0)], warm_up=0)


def test_statistics_of_known_durations():
    result = statistics([float(value) for value in range(1, 102)])
    assert asdict(result) == pytest.approx(
        {
            'mean_ms': 51.0,
            'std_ms': np.sqrt(101 * 102 / 12),
            'cov': np.sqrt(101 * 102 / 12) / 51,
            'min_ms': 1.0,
            'p50_ms': 51.0,
            'p95_ms': 96.0,
            'p99_ms': 100.0,
            'max_ms': 101.0,
            'fps': 1000 / 51,
        }
    )


def test_one_duration_has_no_spread():
    assert statistics([4.0]).std_ms == 0.0
