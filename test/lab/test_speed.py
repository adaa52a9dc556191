import pytest

from depth_anything_ros.inference.clock import ClockReading
from depth_anything_ros.lab import speed as speed_module
from depth_anything_ros.lab.speed import Speed, speed_text


def test_time_counts_from_the_first_image_on(monkeypatch):
    speed = Speed()
    for image in range(21):
        reading = ClockReading(9.0 + image / 10, 2.0 + 0.75 * image / 10)
        monkeypatch.setattr(speed_module.NETWORKS, 'read', lambda reading=reading: reading)
        speed.step()
    assert (speed.images, speed.rate_hz) == (21, pytest.approx(10.0))
    assert speed.network_share == pytest.approx(0.75)
    text = speed_text(speed.rate_hz, speed.network_share)
    assert text == '10 images a second; a network ran 75% of the time'


def test_of_few_images_nothing_is_known():
    speed = Speed()
    for _ in range(19):
        speed.step()
    assert (speed.rate_hz, speed.network_share) == (None, None)
    assert speed_text(speed.rate_hz, speed.network_share) == ''
