import numpy as np
import pytest

from depth_anything_ros.lab.quality import timing
from depth_anything_ros.lab.quality.scores import ScoreConfig
from depth_anything_ros.lab.workers import local_workers


@pytest.mark.parametrize('count', [5, 32, 70])
def test_so_many_maps_are_scored_after_the_start(monkeypatch, count):
    shapes = []
    monkeypatch.setattr(timing, '_START_S', 0.0)
    monkeypatch.setattr(timing, 'score_depth', lambda depth_m, _: shapes.append(depth_m.shape))
    with local_workers(1) as workers:
        assert timing.scores_per_second(workers, ScoreConfig(), count) > 0
    assert shapes == [(480, 640)] * (count + 8)


def test_made_maps_differ_and_have_holes():
    first, second = timing.made_depth(0), timing.made_depth(1)
    assert first.dtype == np.float32
    assert 0.05 < np.isnan(first).mean() < 0.2
    assert np.nanmin(first) > 0
    assert not np.array_equal(first, second, equal_nan=True)
    np.testing.assert_array_equal(first, timing.made_depth(0))
