import array
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_anything_ros import messages
from depth_anything_ros.errors import CameraError, MessageError
from depth_anything_ros.messages import (
    camera_from_message,
    camera_info_fields,
    decode_compressed,
    decode_compressed_depth,
    decode_depth,
    decode_image,
    decode_inverse_depth,
    depth_image_fields,
    image_fields,
    point_cloud_fields,
)
from depth_anything_ros.types import Camera, PointCloud


def picture(height=6, width=8):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


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


def compressed(data, format_):
    return SimpleNamespace(format=format_, data=array.array('B', data))


def png(pixels):
    return cv2.imencode('.png', pixels)[1].tobytes()


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


def camera_info(**changes):
    fields = {
        'width': 640,
        'height': 480,
        'distortion_model': 'plumb_bob',
        'd': [0.1, -0.2, 0.001, 0.002, 0.0],
        'k': [500.0, 0, 320.5, 0, 510.0, 240.5, 0, 0, 1],
        'p': [480.0, 0, 318.0, -24.0, 0, 490.0, 238.0, 0, 0, 0, 1, 0],
        'binning_x': 0,
        'binning_y': 0,
        'roi': SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    }
    return SimpleNamespace(**{**fields, **changes})


def test_rectified_camera_is_the_projection_matrix():
    camera = camera_from_message(camera_info(), rectified=True)
    assert camera == Camera(640, 480, 480.0, 490.0, 318.0, 238.0)


def test_unrectified_camera_is_k_and_d():
    camera = camera_from_message(camera_info(), rectified=False)
    assert camera == Camera(
        640, 480, 500.0, 510.0, 320.5, 240.5, (0.1, -0.2, 0.001, 0.002, 0.0), 'plumb_bob'
    )


def test_rectified_camera_without_projection_is_k():
    camera = camera_from_message(camera_info(p=[0.0] * 12), rectified=True)
    assert camera == Camera(640, 480, 500.0, 510.0, 320.5, 240.5)


def test_distortion_of_zeros_is_none():
    camera = camera_from_message(camera_info(d=[0.0] * 5), rectified=False)
    assert camera.distortion == ()


def test_ros1_field_names_are_read():
    given = camera_info()
    ros1 = SimpleNamespace(**{**vars(given), 'K': given.k, 'P': given.p, 'D': given.d})
    del ros1.k, ros1.p, ros1.d
    for rectified in (True, False):
        expected = camera_from_message(given, rectified)
        assert camera_from_message(ros1, rectified) == expected


def test_binning_and_region_shift_then_scale():
    roi = SimpleNamespace(x_offset=20, y_offset=40, width=400, height=200)
    camera = camera_from_message(camera_info(binning_x=2, binning_y=4, roi=roi), rectified=False)
    assert (camera.width, camera.height) == (200, 50)
    assert (camera.fx_px, camera.cx_px) == (250.0, 150.25)
    assert (camera.fy_px, camera.cy_px) == (127.5, 50.125)


@pytest.mark.parametrize('rectified', [True, False])
def test_uncalibrated_camera_says_so(rectified):
    with pytest.raises(CameraError, match=r'uncalibrated \(K\[0\] = 0\)'):
        camera_from_message(camera_info(k=[0.0] * 9), rectified)


def test_camera_with_infinite_numbers_is_refused():
    broken = camera_info(k=[500.0, 0, np.inf, 0, 510.0, 240.5, 0, 0, 1])
    with pytest.raises(CameraError, match='not finite: .* principal point inf, 240.5'):
        camera_from_message(broken, rectified=False)


def region(x_offset, y_offset, width, height):
    return SimpleNamespace(x_offset=x_offset, y_offset=y_offset, width=width, height=height)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'width': 0}, '0x480'),
        ({'width': 20_000, 'height': 20_000}, '20000x20000 pixels; at most 50 megapixels'),
        ({'binning_x': 4_000_000_000}, 'bins 640x480 pixels by 4000000000x1: nothing is left'),
        ({'roi': region(600, 0, 100, 100)}, '100x100 at 600, 0, which is not within its 640x480'),
        ({'roi': region(0, 4_000_000_000, 64, 48)}, '64x48 at 0, 4000000000'),
    ],
)
def test_a_camera_of_no_possible_size_is_refused_with_it(changes, words):
    for rectified in (True, False):
        with pytest.raises(CameraError, match=words):
            camera_from_message(camera_info(**changes), rectified)


@pytest.mark.parametrize('projection', [[np.nan] * 12, [480.0, 0, 318.0, 0, 0, 0.0] + [0.0] * 6])
def test_a_projection_that_says_nothing_is_k(projection):
    camera = camera_from_message(camera_info(p=projection), rectified=True)
    assert camera == Camera(640, 480, 500.0, 510.0, 320.5, 240.5)


@pytest.mark.parametrize(('rectified', 'name'), [(True, 'P'), (False, 'K')])
def test_a_skewed_camera_is_refused_and_a_skew_of_nothing_is_none(rectified, name):
    def skewed(skew_px):
        return camera_info(
            k=[500.0, skew_px, 320.5, 0, 510.0, 240.5, 0, 0, 1],
            p=[480.0, skew_px, 318.0, 0, 0, 490.0, 238.0, 0, 0, 0, 1, 0],
        )

    expected = camera_from_message(skewed(0.0), rectified)
    assert camera_from_message(skewed(0.4), rectified) == expected
    with pytest.raises(CameraError, match=rf'skew, {name}\[1\], of 7 px, which is not modelled'):
        camera_from_message(skewed(7.0), rectified)


@pytest.mark.parametrize('distortion', [(), (0.1, -0.2, 0.001, 0.002, 0.0)])
def test_camera_info_round_trip(distortion):
    camera = Camera(640, 480, 500.0, 510.0, 320.5, 240.5, distortion)
    fields = camera_info(**camera_info_fields(camera))
    assert camera_from_message(fields, rectified=False) == camera


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


def scan_message(**changes):
    fields = {
        'angle_min': -1.5, 'angle_max': 1.5, 'angle_increment': 0.5, 'range_min': 0.1,
        'range_max': 8.0, 'ranges': [1.0, np.inf, np.nan, -np.inf, 2.0, 3.0, 4.0],
        'header': SimpleNamespace(
            stamp=SimpleNamespace(sec=3, nanosec=5), frame_id='laser'
        ),
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


def test_scan_keeps_ranges_angles_stamp_and_frame():
    scan = messages.decode_scan(scan_message())
    np.testing.assert_array_equal(scan.ranges_m, scan_message().ranges)
    np.testing.assert_allclose(scan.angles_rad, [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    assert (scan.range_min_m, scan.range_max_m) == (0.1, 8.0)
    assert (scan.stamp_ns, scan.frame_id) == (3_000_000_005, 'laser')


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'angle_min': np.nan}, 'angle_min nan'),
        ({'range_max': np.nan}, 'range_max nan'),
        ({'angle_increment': 0.0}, '7 ranges 0.0 rad apart'),
        ({'ranges': []}, '0 ranges'),
    ],
)
def test_scan_without_angles_limits_or_ranges_is_refused(changes, words):
    with pytest.raises(MessageError, match=words):
        messages.decode_scan(scan_message(**changes))


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
