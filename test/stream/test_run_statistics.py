import pytest

from depth_anything_ros.stream.run_statistics import RATE_WINDOW_S


def test_frames_and_outputs_are_counted(statistics):
    for _ in range(3):
        statistics.count('received')
    statistics.count('dropped')
    statistics.reject('too short')
    statistics.processed({'inference': 10.0}, ['points', 'depth'])
    snapshot = statistics.snapshot()
    assert snapshot.frames == {
        'received': 3,
        'processed': 1,
        'dropped': 1,
        'rejected': 1,
        'unwatched': 0,
    }
    assert snapshot.published == {'points': 1, 'depth': 1}
    statistics.reset()
    assert set(statistics.snapshot().frames.values()) == {0}


def test_rate_is_that_of_the_last_seconds(statistics, clock):
    for _ in range(100):
        clock.now_s += 0.1
        statistics.processed({}, [])
    assert statistics.snapshot().rate_hz == pytest.approx(10.0)
    clock.now_s += RATE_WINDOW_S + 0.1
    assert statistics.snapshot().rate_hz == 0.0


def test_stage_percentiles_are_those_of_all_frames(statistics):
    for value in range(1, 102):
        statistics.processed({'inference': float(value)}, [])
    stages = statistics.snapshot().stages_ms
    assert stages['inference'] == {'p50': 51.0, 'p95': 96.0, 'p99': 100.0, 'max': 101.0}
