import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from made_messages import picture

from depth_anything_ros import messages
from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import (
    decode_depth,
    decode_image,
)


def image(pixels, encoding, *, padding=0, bigendian=False, container=bytes):
    """Return an Image holding the array, with so many bytes of padding after each row."""
    ordered = pixels.astype(pixels.dtype.newbyteorder('>' if bigendian else '<'))
    rows = ordered.view(np.uint8).reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=171)
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=int(bigendian),
        step=padded.shape[1],
        data=container(padded.tobytes()),
    )


CONTAINERS = {
    'bytes': bytes,
    'array': lambda data: array.array('B', data),
    'memoryview': memoryview,
    'ndarray': lambda data: np.frombuffer(data, np.uint8),
}


@pytest.mark.parametrize('container', CONTAINERS.values(), ids=CONTAINERS.keys())
@pytest.mark.parametrize('padding', [0, 5])
def test_rgb_is_read_from_every_container_and_padding(container, padding):
    rgb = picture()
    decoded = decode_image(image(rgb, 'rgb8', padding=padding, container=container))
    np.testing.assert_array_equal(decoded, rgb)
    assert decoded.flags.c_contiguous


def test_unpadded_rgb_is_a_read_only_view():
    message = image(picture(), 'rgb8', container=CONTAINERS['array'])
    decoded = decode_image(message)
    assert not decoded.flags.writeable
    message.data[0] = (message.data[0] + 1) % 256
    assert decoded[0, 0, 0] == message.data[0]


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize(
    ('encoding', 'channels'),
    [
        ('bgr8', (2, 1, 0)),
        ('8UC3', (2, 1, 0)),
        ('rgba8', (0, 1, 2, 1)),
        ('bgra8', (2, 1, 0, 1)),
        ('8UC4', (2, 1, 0, 1)),
    ],
)
def test_channel_orders(encoding, channels, padding):
    rgb = picture()
    stored = np.ascontiguousarray(rgb[..., channels])
    decoded = decode_image(image(stored, encoding, padding=padding))
    np.testing.assert_array_equal(decoded, rgb)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_becomes_three_equal_channels(encoding):
    grey = picture()[..., 0].copy()
    decoded = decode_image(image(grey, encoding, padding=1))
    np.testing.assert_array_equal(decoded, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize('bigendian', [False, True])
@pytest.mark.parametrize(
    ('encoding', 'channels'),
    [
        ('rgb16', (0, 1, 2)),
        ('bgr16', (2, 1, 0)),
        ('rgba16', (0, 1, 2, 1)),
        ('bgra16', (2, 1, 0, 1)),
    ],
)
def test_16_bit_colour_scales_its_full_range(encoding, channels, bigendian):
    rgb = picture()
    stored = np.ascontiguousarray(rgb[..., channels]).astype(np.uint16) * 257
    decoded = decode_image(image(stored, encoding, padding=1, bigendian=bigendian))
    np.testing.assert_array_equal(decoded, rgb)


def test_mono16_scales_its_full_range():
    stored = np.array([[0, 257, 65535]], np.uint16)
    decoded = decode_image(image(stored, 'mono16'))
    np.testing.assert_array_equal(decoded[0, :, 0], [0, 1, 255])


@pytest.mark.parametrize(
    ('encoding', 'order'),
    [('yuv422', 'UYVY'), ('uyvy', 'UYVY'), ('yuv422_yuy2', 'YUYV'), ('yuyv', 'YUYV')],
)
def test_yuv422_follows_bt601(encoding, order):
    rgb = np.repeat(picture(4, 4).astype(float), 2, axis=1)
    red, green, blue = np.moveaxis(rgb, 2, 0)
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    blue_difference = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    red_difference = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    planes = {'Y': luma, 'U': blue_difference, 'V': red_difference}
    pairs = [planes[name][:, index // 2 :: 2] for index, name in enumerate(order)]
    stored = np.rint(np.stack(pairs, axis=2)).astype(np.uint8).reshape(4, 8, 2)
    decoded = decode_image(image(stored, encoding, padding=2))
    assert np.abs(decoded.astype(float) - rgb).max() <= 4.0


def test_yuv422_of_odd_width_is_refused():
    with pytest.raises(MessageError, match=r"3x2 image of encoding 'yuyv'.*even width"):
        decode_image(image(np.zeros((2, 3, 2), np.uint8), 'yuyv'))


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_pattern_gives_the_colour_it_was_made_from(pattern, bits):
    colour = (200, 100, 30)
    mosaic = np.zeros((6, 8), np.uint8)
    for index, name in enumerate(pattern):
        mosaic[index // 2 :: 2, index % 2 :: 2] = colour['rgb'.index(name)]
    if bits == 16:
        mosaic = mosaic.astype(np.uint16) * 257
    decoded = decode_image(image(mosaic, f'bayer_{pattern}{bits}', padding=2))
    np.testing.assert_array_equal(decoded, np.broadcast_to(colour, (6, 8, 3)))


def test_bayer_image_too_small_to_interpolate_is_refused():
    with pytest.raises(MessageError, match='3 pixels a side'):
        decode_image(image(np.zeros((2, 4), np.uint8), 'bayer_rggb8'))


def semiplanar(rgb, encoding, *, padding=0, pad=171):
    """Return an Image of that encoding, by the equations of BT.601, and the rgb it stands for."""
    red, green, blue = np.moveaxis(rgb.astype(float), 2, 0)
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    chroma = np.stack(
        [
            128 - 0.148 * red - 0.291 * green + 0.439 * blue,
            128 + 0.439 * red - 0.368 * green - 0.071 * blue,
        ],
        axis=2,
    )
    shared = 1 if encoding == 'nv24' else 2
    chroma = chroma[::shared, ::shared, :: -1 if encoding == 'nv21' else 1]
    height, width = luma.shape
    step = max(width, chroma.shape[1] * shared) + padding
    planes = []
    for plane, length in ((luma, step), (chroma.reshape(len(chroma), -1), step * 2 // shared)):
        rows = np.full((len(plane), length), pad, np.uint8)
        rows[:, : plane.shape[1]] = np.rint(plane)
        planes.append(rows.tobytes())
    return SimpleNamespace(
        height=height, width=width, step=step, encoding=encoding, data=b''.join(planes),
        is_bigendian=0,
    )  # fmt: skip


def blocks(height, width):
    """Return rgb whose blocks of 2x2 pixels are of one colour, cut to a size."""
    small = picture((height + 1) // 2, (width + 1) // 2)
    return small.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('size', [(6, 8), (5, 8), (6, 7), (5, 7), (1, 1), (2, 3)])
@pytest.mark.parametrize('encoding', ['nv12', 'nv21', 'nv24'])
def test_semiplanar_follows_bt601(encoding, size, padding):
    rgb = blocks(*size)
    decoded = decode_image(semiplanar(rgb, encoding, padding=padding))
    assert decoded.shape == rgb.shape and decoded.flags.c_contiguous
    assert np.abs(decoded.astype(float) - rgb).max() <= 4.0


@pytest.mark.parametrize(
    ('encoding', 'code'), [('nv12', cv2.COLOR_YUV2RGB_NV12), ('nv21', cv2.COLOR_YUV2RGB_NV21)]
)
def test_nv12_and_nv21_are_opencvs_also_with_the_height_of_both_planes(encoding, code):
    stored = np.random.default_rng(1).integers(0, 256, (9, 8), dtype=np.uint8)
    expected = cv2.cvtColor(stored, code)
    message = image(stored, encoding)
    np.testing.assert_array_equal(decode_image(message), expected)
    message.height = 6
    np.testing.assert_array_equal(decode_image(message), expected)


def test_nv24_of_one_chroma_for_four_pixels_is_nv12():
    rgb = blocks(8, 8)
    nv12, nv24 = (decode_image(semiplanar(rgb, name)) for name in ('nv12', 'nv24'))
    assert np.abs(nv12.astype(int) - nv24).max() <= 1


@pytest.mark.parametrize(
    ('encoding', 'field', 'value', 'words'),
    [
        ('nv12', 'data', bytes(71), 'data has 71 bytes; 6 rows of 8 bytes and 3 of 8 for the'),
        ('nv21', 'data', bytes(73), 'data has 73 bytes'),
        ('nv24', 'data', bytes(96), 'data has 96 bytes; 6 rows of 8 bytes and 6 of 16 for the'),
        ('nv12', 'step', 7, 'step is 7 bytes, a row needs at least 8'),
        ('nv12', 'width', 0, '0x6'),
        ('nv24', 'height', 0, '8x0'),
        ('nv12', 'data', [0] * 72, 'data is a list'),
        ('nv12', 'width', 4_000_000_000, '4000000000x6; at most 50 megapixels'),
    ],
)
def test_a_mis_sized_semiplanar_image_is_refused(encoding, field, value, words):
    message = semiplanar(blocks(6, 8), encoding)
    setattr(message, field, value)
    with pytest.raises(MessageError, match=words):
        decode_image(message)


@pytest.mark.parametrize('bigendian', [False, True])
def test_16uc3_is_read_in_opencvs_order(bigendian):
    stored = picture()[..., ::-1].astype(np.uint16) * 257
    np.testing.assert_array_equal(
        decode_image(image(stored, '16UC3', bigendian=bigendian)), picture()
    )


def test_every_known_encoding_is_read():
    for encoding in messages.KNOWN_ENCODINGS:
        if encoding.startswith('nv'):
            assert decode_image(semiplanar(blocks(4, 4), encoding)).shape == (4, 4, 3)
            continue
        wide = encoding.endswith('16') or encoding.startswith('16')
        channels = {'rgb': 3, 'bgr': 3, 'rgba': 4, 'bgra': 4, '8UC3': 3, '8UC4': 4}.get(
            encoding.rstrip('0123456789') if 'UC' not in encoding else '8' + encoding[-3:], 1
        )
        channels = 2 if encoding.startswith(('yuv', 'yuyv', 'uyvy')) else channels
        stored = np.full((4, 4, channels), 128, np.uint16 if wide else np.uint8)
        assert decode_image(image(stored, encoding)).shape == (4, 4, 3)


def test_unknown_encoding_lists_the_known_ones():
    with pytest.raises(MessageError, match=r"unknown image encoding 'nv16'; known: rgb8, bgr8"):
        decode_image(image(np.zeros((2, 2), np.uint8), 'nv16'))


@pytest.mark.parametrize(
    ('encoding', 'words'),
    [
        ('16UC1', "'16UC1' is depth, no picture: .* colour camera.* 16 bits are mono16"),
        ('32FC1', "'32FC1' is depth, no picture"),
        ('8UC2', "'8UC2' has no colours; known: rgb8"),
        ('64FC3', "'64FC3' has no colours"),
    ],
)
def test_numbers_are_no_picture_with_cv_bridge_or_without(encoding, words):
    message = image(np.zeros((2, 2), np.uint16), encoding)
    for fallback in (None, lambda message: np.zeros((2, 2, 3), np.uint8)):
        with pytest.raises(MessageError, match=words):
            decode_image(message, fallback)


def test_fallback_converts_an_unknown_encoding():
    rgb = picture(2, 2)
    message = image(np.zeros((2, 2), np.uint8), 'nv16')
    np.testing.assert_array_equal(decode_image(message, lambda _: rgb), rgb)


@pytest.mark.parametrize('wrong', [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3), np.float32)])
def test_fallback_must_return_rgb(wrong):
    message = image(np.zeros((2, 2), np.uint8), 'nv16')
    with pytest.raises(MessageError, match=r"converter for encoding 'nv16'.*\(2, 2, 3\)"):
        decode_image(message, lambda _: wrong)


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('data', b'12345', r'data has 5 bytes, step × height = 24 × 6 = 144 are expected'),
        ('data', bytes(145), 'data has 145 bytes'),
        ('data', [0] * 144, 'data is a list; a buffer of bytes is needed'),
        ('step', 23, 'step is 23 bytes, a row needs at least 24'),
        ('width', 0, '0x6 image'),
        ('height', 0, '8x0 image'),
    ],
)
def test_mis_sized_image_names_what_is_expected(field, value, words):
    message = image(picture(), 'rgb8')
    setattr(message, field, value)
    with pytest.raises(MessageError, match=words):
        decode_image(message)


@pytest.mark.parametrize('bigendian', [False, True])
@pytest.mark.parametrize('encoding', ['16UC1', 'mono16'])
def test_millimetres_become_metres_and_zero_unknown(encoding, bigendian):
    stored = np.array([[0, 1, 1500], [65535, 2, 0]], np.uint16)
    decoded = decode_depth(image(stored, encoding, padding=3, bigendian=bigendian))
    expected = np.array([[np.nan, 0.001, 1.5], [65.535, 0.002, np.nan]], np.float32)
    np.testing.assert_array_equal(decoded, expected)
    assert decoded.dtype == np.float32
    assert decoded.dtype.isnative


@pytest.mark.parametrize('bigendian', [False, True])
def test_metres_keep_and_no_distance_is_unknown(bigendian):
    stored = np.array([[1.25, 0.0, -1.0], [np.nan, np.inf, 30.0]], np.float32)
    message = image(stored, '32FC1', padding=5, bigendian=bigendian)
    decoded = decode_depth(message)
    expected = np.array([[1.25, np.nan, np.nan], [np.nan, np.nan, 30.0]], np.float32)
    np.testing.assert_array_equal(decoded, expected)
    assert decoded.dtype.isnative


def test_decoded_depth_does_not_share_the_message():
    message = image(np.ones((2, 2), np.float32), '32FC1', container=CONTAINERS['array'])
    decode_depth(message)[:] = 5.0
    assert decode_depth(message)[0, 0] == 1.0


def test_unknown_depth_encoding_lists_the_known_ones():
    with pytest.raises(MessageError, match=r"'rgb8'; known: 16UC1, mono16, 32FC1"):
        decode_depth(image(picture(), 'rgb8'))


def test_truncated_depth_is_refused():
    message = image(np.ones((2, 2), np.uint16), '16UC1')
    message.data = message.data[:-1]
    with pytest.raises(MessageError, match='data has 7 bytes'):
        decode_depth(message)
