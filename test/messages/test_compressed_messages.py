import array
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from made_messages import picture

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import (
    decode_compressed,
    decode_compressed_depth,
)


def compressed(data, format_):
    return SimpleNamespace(format=format_, data=array.array('B', data))


def png(pixels):
    return cv2.imencode('.png', pixels)[1].tobytes()


@pytest.mark.parametrize('format_', ['png', 'rgb8; png compressed bgr8'])
def test_png_is_decoded_exactly(format_):
    rgb = picture()
    np.testing.assert_array_equal(decode_compressed(compressed(png(rgb[..., ::-1]), format_)), rgb)


@pytest.mark.parametrize('format_', ['jpeg', 'rgb8; jpeg compressed bgr8', 'jpg', ''])
@pytest.mark.parametrize('padding', [b'', bytes(7)])
def test_jpeg_is_decoded_closely(format_, padding):
    rgb = np.full((16, 24, 3), (200, 90, 30), np.uint8)
    data = cv2.imencode('.jpg', rgb[..., ::-1])[1].tobytes() + padding
    decoded = decode_compressed(compressed(data, format_))
    assert decoded.shape == rgb.shape
    assert np.abs(decoded.astype(int) - rgb).max() <= 3


@pytest.mark.parametrize('extension', ['.jpg', '.png'])
@pytest.mark.parametrize('share', [0.3, 0.7, 0.99])
def test_truncated_picture_is_refused(extension, share):
    data = cv2.imencode(extension, picture(48, 64))[1].tobytes()
    with pytest.raises(MessageError, match='ends early, after'):
        decode_compressed(compressed(data[: int(len(data) * share)], 'jpeg'))


def test_damaged_picture_is_refused():
    data = png(picture())
    with pytest.raises(MessageError, match='damaged'):
        decode_compressed(compressed(data[:12] + bytes(21) + data[-12:], 'png'))


def test_picture_of_absurd_size_is_refused():
    size = struct.pack('>II', 100_000, 100_000)
    header = b'IHDR' + size + bytes((8, 2, 0, 0, 0))
    chunk = header + struct.pack('>I', zlib.crc32(header))
    data = png(picture())
    with pytest.raises(MessageError, match='says it is 100000x100000; at most 50 megapixels'):
        decode_compressed(compressed(data[:12] + chunk + data[33:], 'png'))


@pytest.mark.parametrize('data', [b'', b'GIF89a123456'])
def test_picture_of_unknown_kind_lists_the_known_ones(data):
    with pytest.raises(MessageError, match=r"'webp'.*known: jpeg, png"):
        decode_compressed(compressed(data, 'webp'))


@pytest.mark.parametrize('format_', ['16UC1; compressedDepth png', '16UC1; png compressed '])
def test_compressed_depth_is_no_picture(format_):
    with pytest.raises(MessageError, match='is depth; a picture is needed'):
        decode_compressed(compressed(png(np.ones((2, 2), np.uint16)), format_))


@pytest.mark.parametrize(
    ('format_', 'header'), [('16UC1; compressedDepth png', bytes(12)), ('png', b'')]
)
def test_compressed_millimetres_become_metres(format_, header):
    stored = np.array([[0, 1500]], np.uint16)
    decoded = decode_compressed_depth(compressed(header + png(stored), format_))
    np.testing.assert_array_equal(decoded, np.array([[np.nan, 1.5]], np.float32))


def test_compressed_inverse_depth_becomes_metres():
    depth_m = np.array([[0.8, 2.0, 7.5]])
    a_m, b = 100.0, 5.0
    stored = np.append(np.rint(a_m / depth_m + b), [[0]], axis=1).astype(np.uint16)
    data = struct.pack('<iff', 0, a_m, b) + png(stored)
    decoded = decode_compressed_depth(compressed(data, '32FC1; compressedDepth png'))
    np.testing.assert_allclose(decoded[:, :3], depth_m, rtol=0.04)
    assert np.isnan(decoded[0, 3])


def test_compressed_depth_shorter_than_its_header_is_refused():
    with pytest.raises(MessageError, match='data has 5 bytes, its header alone needs 12'):
        decode_compressed_depth(compressed(bytes(5), '16UC1; compressedDepth png'))


def test_compressed_colour_is_no_depth():
    with pytest.raises(MessageError, match='depth is one channel of uint16'):
        decode_compressed_depth(compressed(png(picture()), 'png'))


@pytest.mark.parametrize('suffix', ['.webp', '.bmp'])
def test_pictures_that_files_may_be_are_decoded_from_messages_too(suffix):
    rgb = np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == '.webp' else []
    data = cv2.imencode(suffix, rgb[..., ::-1], lossless)[1].tobytes()
    message = SimpleNamespace(format=f'rgb8; {suffix[1:]} compressed', data=data)
    np.testing.assert_array_equal(decode_compressed(message), rgb)


def test_rvl_is_refused_with_the_cure():
    message = SimpleNamespace(format='16UC1; compressedDepth rvl', data=bytes(40))
    with pytest.raises(MessageError, match='rvl.* is not decoded, PNG is; .*format .* to png'):
        decode_compressed_depth(message)
