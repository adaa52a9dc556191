"""Pictures of 10 and 12 bits in 16 are told, pictures of 16 bits and dark ones of 8 are not."""

import numpy as np
import pytest
from sensor_msgs.msg import Image

from depth_anything_ros.messages import decode_image
from depth_anything_ros.stream.brightness_watch import BrightnessWatch


def picture(bits, encoding, channels=1):
    """Return a picture of all values that so many bits have, in 16 bits."""
    top = (1 << bits) - 1
    values = np.linspace(0, top, 32 * 48 * channels).astype(np.uint16)
    return Image(height=32, width=48, step=96 * channels, encoding=encoding, data=values.tobytes())


def looked_at(watch, message, times=5):
    rgb = decode_image(message)
    for _ in range(times):
        watch.look(message, rgb)
    return watch.doubt


@pytest.fixture
def watch():
    return BrightnessWatch('image')


@pytest.mark.parametrize('bits', [10, 12])
@pytest.mark.parametrize(
    ('encoding', 'channels'), [('mono16', 1), ('bayer_rggb16', 1), ('rgb16', 3)]
)
def test_few_bits_in_16_are_told_once_and_as_long_as_they_come(
    watch, bits, encoding, channels, caplog
):
    message = picture(bits, encoding, channels)
    assert looked_at(watch, message, 4) == ''
    words = "images of 'image' are almost black: their brightest pixel is"
    for _ in range(3):
        assert looked_at(watch, message).startswith(words)
    assert len(caplog.records) == 1
    assert looked_at(watch, picture(16, encoding, channels), 1) == ''


@pytest.mark.parametrize('encoding', ['mono16', 'bayer_grbg16'])
@pytest.mark.parametrize('bits', [14, 16])
def test_bright_pictures_of_16_bits_are_not_doubted(watch, bits, encoding):
    assert looked_at(watch, picture(bits, encoding)) == ''


def test_a_dark_room_in_8_bits_is_not_doubted(watch):
    dark = Image(height=3, width=5, step=5, encoding='mono8', data=bytes(15))
    assert looked_at(watch, dark) == ''
