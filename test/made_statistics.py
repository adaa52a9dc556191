"""Statistics of a node with a clock that stands still until it is set."""

import pytest

from depth_anything_ros.stream.run_statistics import RunStatistics


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def statistics(clock):
    return RunStatistics(clock)
