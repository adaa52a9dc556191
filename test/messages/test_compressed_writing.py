"""What is published compressed, read as image_transport and others read it."""

import io
import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from made_messages import picture

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import (
    compressed_depth_fields,
    compressed_fields,
    decode_compressed,
    decode_compressed_depth,
    depth_image_fields,
)


def by_opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def by_pillow(data):
    pillow = pytest.importorskip('PIL.Image', reason='Pillow is not installed')
    return np.asarray(pillow.open(io.BytesIO(data)))


def as_image_transport_reads(fields, imdecode):
    """Return the Image that decodeCompressedDepthImage of image_transport makes."""
    encoding, transport, codec = fields['format'].replace(';', '').split(' ')
    assert (transport, codec) == ('compressedDepth', 'png')
    data = fields['data'].tobytes()
    kind, a_m, b = struct.unpack('<iff', data[:12])
    assert kind == 0  # INV_DEPTH
    stored = imdecode(data[12:])
    assert stored.shape == DEPTH_M.shape and stored.dtype in (np.uint16, np.int32)
    if encoding == '16UC1':
        return stored
    with np.errstate(divide='ignore'):
        inverse = np.float32(a_m) / (stored.astype(np.float32) - np.float32(b))
    return np.where(stored == 0, np.float32(np.nan), inverse)


def made_depth():
    depth_m = np.random.default_rng(7).uniform(0.16, 40.0, (48, 64)).astype(np.float32)
    depth_m[:4] = np.geomspace(0.16, 65.0, 256).reshape(4, 64)
    depth_m[10, :5] = np.nan, np.inf, 0.0, -1.0, 0.1
    return depth_m


DEPTH_M = made_depth()


@pytest.mark.parametrize('imdecode', [by_opencv, by_pillow])
@pytest.mark.parametrize('level', [1, 6])
def test_millimetres_come_back_exactly(imdecode, level):
    fields = compressed_depth_fields(DEPTH_M, '16UC1', level)
    assert fields['format'] == '16UC1; compressedDepth png'
    raw = depth_image_fields(DEPTH_M, '16UC1')['data'].view(np.uint16).reshape(DEPTH_M.shape)
    found = as_image_transport_reads(fields, imdecode)
    np.testing.assert_array_equal(found, raw)
    known = np.isfinite(DEPTH_M) & (DEPTH_M > 0)
    assert np.abs(found[known] / 1000 - DEPTH_M[known]).max() <= 0.000503
    assert not found[~known].any()


@pytest.mark.parametrize('imdecode', [by_opencv, by_pillow])
def test_metres_come_back_within_half_a_step_of_inverse_depth(imdecode):
    fields = compressed_depth_fields(DEPTH_M, '32FC1')
    assert fields['format'] == '32FC1; compressedDepth png'
    found = as_image_transport_reads(fields, imdecode)
    known = np.isfinite(DEPTH_M) & (DEPTH_M >= 0.155)
    assert np.abs(1 / found[known] - 1 / DEPTH_M[known]).max() <= 0.5 / 10100 * 1.01
    error_m = np.abs(found[known] - DEPTH_M[known])
    assert (error_m <= found[known] * DEPTH_M[known] / 20200 * 1.01 + 1e-6).all()
    # Unknown, sky, zero, behind, and nearer than the format reaches.
    np.testing.assert_array_equal(found[10, :5], [np.nan, np.inf, np.nan, np.nan, np.nan])
    assert np.isfinite(found).sum() == known.sum()


@pytest.mark.parametrize('encoding', ['16UC1', '32FC1'])
def test_our_own_reader_reads_the_same(encoding):
    fields = compressed_depth_fields(DEPTH_M, encoding)
    expected = as_image_transport_reads(fields, by_opencv).astype(np.float32)
    if encoding == '16UC1':
        expected = np.where(expected == 0, np.nan, expected / np.float32(1000))
    expected[~np.isfinite(expected)] = np.nan
    found = decode_compressed_depth(SimpleNamespace(**fields))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_nearest_depth_that_fits_sixteen_bits_is_kept_and_a_nearer_one_unknown():
    edge_m = 10100 / 65534.5
    depth_m = np.array([[edge_m * 1.0001, edge_m * 0.9999]], np.float32)
    found = decode_compressed_depth(SimpleNamespace(**compressed_depth_fields(depth_m, '32FC1')))
    np.testing.assert_allclose(found, [[edge_m, np.nan]], rtol=2e-4)


def test_depth_of_another_encoding_is_refused():
    with pytest.raises(MessageError, match=r"'64FC1'; known: 32FC1, 16UC1"):
        compressed_depth_fields(DEPTH_M, '64FC1')


@pytest.mark.parametrize('imdecode', [by_opencv, by_pillow])
def test_a_picture_comes_back_as_a_jpeg_with_red_and_blue_in_their_places(imdecode):
    rgb = np.full((48, 64, 3), (220, 120, 20), np.uint8)
    rgb[:, 32:] = 20, 120, 220
    fields = compressed_fields(rgb, 95)
    assert fields['format'] == 'rgb8; jpeg compressed bgr8'
    found = imdecode(fields['data'].tobytes())
    found = found[..., ::-1] if imdecode is by_opencv else found
    difference = np.abs(found.astype(int) - rgb)
    assert difference[:, np.r_[:24, 40:64]].max() <= 3
    np.testing.assert_array_equal(decode_compressed(SimpleNamespace(**fields)), by_opencv(
        fields['data'].tobytes())[..., ::-1])  # fmt: skip


def test_less_quality_is_fewer_bytes_and_a_larger_error():
    rgb = picture(48, 64)
    sizes, errors = [], []
    for quality in (30, 60, 95):
        fields = compressed_fields(rgb, quality)
        sizes.append(fields['data'].size)
        found = decode_compressed(SimpleNamespace(**fields))
        errors.append(np.abs(found.astype(int) - rgb).mean())
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)
    assert sizes[0] < sizes[-1] and errors[0] > errors[-1]
