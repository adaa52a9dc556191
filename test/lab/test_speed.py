import pytest

from depth_anything_ros.lab import speed as speed_module
from depth_anything_ros.lab.speed import Speed, speed_text


def test_time_counts_from_the_first_image_on(monkeypatch):
    speed = Speed()
    for time_s, network_s in ((9.0, 2.0), (9.5, 2.25), (11.0, 3.5)):
        monkeypatch.setattr(speed_module, 'perf_counter', lambda now=time_s: now)
        monkeypatch.setattr(speed_module.NETWORKS, '_total_s', network_s)
        speed.step()
    assert (speed.images, speed.rate_hz) == (3, 1.0)
    assert speed.network_share == pytest.approx(1.5 / 2.0)
    text = speed_text(speed.rate_hz, speed.network_share)
    assert text == '1 images a second; a network ran 75% of the time'


def test_of_one_image_nothing_is_known():
    speed = Speed()
    speed.step()
    assert (speed.rate_hz, speed.network_share) == (None, None)
    assert speed_text(speed.rate_hz, speed.network_share) == ''
