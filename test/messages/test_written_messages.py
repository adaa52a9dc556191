from types import SimpleNamespace

import numpy as np
import pytest
from made_messages import picture

from depth_anything_ros import messages
from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import (
    decode_depth,
    decode_image,
    decode_inverse_depth,
    depth_image_fields,
    image_fields,
    point_cloud_fields,
)
from depth_anything_ros.result import PointCloud


@pytest.mark.parametrize(
    ('encoding', 'pixels'),
    [
        ('rgb8', picture()),
        ('bgr8', picture()),
        ('mono8', picture()[..., 0]),
        ('16UC1', np.array([[1, 2]], np.uint16)),
        ('32FC1', np.array([[1.5, 2.5]], np.float32)),
    ],
)
def test_written_image_is_read_back(encoding, pixels):
    fields = image_fields(pixels, encoding)
    assert fields['data'].dtype == np.uint8
    assert fields['data'].ndim == 1
    assert fields['step'] * fields['height'] == fields['data'].size
    message = SimpleNamespace(**fields)
    if encoding in messages.KNOWN_DEPTH_ENCODINGS:
        unit = 1000 if encoding == '16UC1' else 1
        np.testing.assert_allclose(decode_depth(message) * unit, pixels)
    else:
        expected = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
        expected = expected[..., ::-1] if encoding == 'bgr8' else expected
        np.testing.assert_array_equal(decode_image(message), expected)


def test_written_image_shares_contiguous_memory():
    rgb = picture()
    assert np.shares_memory(image_fields(rgb, 'rgb8')['data'], rgb)


@pytest.mark.parametrize(
    ('pixels', 'encoding', 'words'),
    [
        (picture(), 'jpeg', "unknown encoding to write 'jpeg'; known: rgb8, bgr8, mono8"),
        (picture(), '32FC1', r"'32FC1' is float32 \(H, W\); the array is uint8 \(6, 8, 3\)"),
        (picture()[..., 0], 'rgb8', r"'rgb8' is uint8 \(H, W, 3\)"),
        (np.zeros((0, 4), np.float32), '32FC1', r'\(0, 4\)'),
    ],
)
def test_array_that_does_not_fit_its_encoding_is_refused(pixels, encoding, words):
    with pytest.raises(MessageError, match=words):
        image_fields(pixels, encoding)


def test_depth_is_written_in_millimetres_with_zero_unknown():
    depth_m = np.array([[1.2344, 1.2346, np.nan], [np.inf, 70.0, 65.535]], np.float32)
    fields = depth_image_fields(depth_m, '16UC1')
    stored = fields['data'].view(np.uint16).reshape(2, 3)
    np.testing.assert_array_equal(stored, [[1234, 1235, 0], [0, 0, 65535]])


def test_depth_is_written_in_metres_unchanged():
    depth_m = np.array([[1.5, np.nan]], np.float32)
    stored = depth_image_fields(depth_m, '32FC1')['data'].view(np.float32)
    np.testing.assert_array_equal(stored, depth_m[0])


def test_unknown_depth_encoding_to_write_is_refused():
    with pytest.raises(MessageError, match=r"'64FC1'; known: 32FC1, 16UC1"):
        depth_image_fields(np.ones((2, 2), np.float32), '64FC1')


def test_cloud_fields_describe_16_bytes_a_point():
    cloud = PointCloud(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    fields = point_cloud_fields(cloud)
    assert (fields['height'], fields['width']) == (2, 3)
    assert (fields['point_step'], fields['row_step']) == (16, 48)
    assert [item['name'] for item in fields['fields']] == ['x', 'y', 'z', 'rgb']
    assert [item['offset'] for item in fields['fields']] == [0, 4, 8, 12]
    assert {item['datatype'] for item in fields['fields']} == {7}
    assert fields['is_dense'] is False
    np.testing.assert_array_equal(fields['data'].view(np.float32), np.arange(24))


@pytest.mark.parametrize('time_ns', [0, 1, 1_700_000_000_123_456_789])
def test_stamps_round_trip(time_ns):
    header = SimpleNamespace(stamp=SimpleNamespace(**messages.stamp_fields(time_ns)))
    assert messages.stamp_ns(header) == time_ns


def test_inverse_depth_keeps_zero_and_every_value():
    values = np.array([[0.0, 1.5], [np.nan, 3e-9]], np.float32)
    message = SimpleNamespace(**image_fields(values, '32FC1'))
    decoded = decode_inverse_depth(message)
    np.testing.assert_array_equal(decoded, values)
    assert decoded.dtype == np.float32


def test_inverse_depth_of_another_encoding_is_refused():
    message = SimpleNamespace(**image_fields(np.ones((2, 2), np.uint16), '16UC1'))
    with pytest.raises(MessageError, match="'16UC1'.*32FC1"):
        decode_inverse_depth(message)
