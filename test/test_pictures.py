"""What says it is huge is refused before memory is taken for it."""

import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import cv2
import hostile
import made_pictures
import numpy as np
import pytest

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import decode_compressed, decode_compressed_depth, decode_image
from depth_anything_ros.messages.limits import MAX_BYTES, MAX_PIXELS, check_bytes, check_size
from depth_anything_ros.messages.pictures import decode_picture, picture_size

# Of 255, after a lossy codec.
TOLD = 25
KINDS = ('jpeg', 'png', 'webp', 'bmp', 'exr', 'tiff')
COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
WORDS = {
    'progressive jpeg': '324 MB to decode; at most 180 MB',
    'jpeg of many scans': 'the JPEG has 110 scans; at most 100',
    'jpeg of many segments': 'more than 2000 segments',
    'jpeg of 65500': '65500x65500; at most 50 megapixels',
    'png of many chunks': 'more than 65536 chunks',
    'webp': '16383x16383',
    'lossless webp': '16384x16384',
}


@pytest.mark.parametrize('name', hostile.PICTURES)
def test_a_picture_that_says_it_is_huge_is_refused_with_its_size(name):
    words = WORDS.get(name, '30000x30000; at most 50 megapixels')
    for flags in (COLOUR, cv2.IMREAD_UNCHANGED):
        with pytest.raises(MessageError, match=words):
            decode_picture(hostile.PICTURES[name], flags, KINDS)


@pytest.mark.parametrize(
    ('extension', 'parameters'),
    [
        ('.jpg', ()),
        ('.jpg', (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)),
        ('.png', ()),
        ('.webp', (cv2.IMWRITE_WEBP_QUALITY, 80)),
        ('.webp', (cv2.IMWRITE_WEBP_QUALITY, 101)),
        ('.bmp', ()),
        ('.tiff', ()),
    ],
)
def test_true_pictures_are_decoded_as_opencv_does_and_halves_are_refused(extension, parameters):
    data = hostile.encoded(extension, *parameters)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), COLOUR)
    np.testing.assert_array_equal(decode_picture(data, COLOUR, KINDS), expected)
    with pytest.raises(MessageError, match='ends early|damaged'):
        decode_picture(data[: len(data) // 2], COLOUR, KINDS)


@pytest.mark.parametrize('colours', [1, 4])
def test_grey_and_transparent_webp_and_png_are_read(colours):
    pixels = hostile.picture()[..., :1] if colours == 1 else np.dstack([hostile.picture()] * 2)
    for extension in ('.png', '.webp'):
        data = hostile.encoded(extension, pixels=np.ascontiguousarray(pixels[..., :4]))
        assert decode_picture(data, COLOUR, KINDS).shape == (48, 64, 3)


def test_a_thumbnail_does_not_count_as_the_picture():
    thumbnail = hostile.application_segment(hostile.jpeg())
    data = hostile.encoded('.jpg')
    with_thumbnail = data[:2] + thumbnail + data[2:]
    expected = decode_picture(data, COLOUR, KINDS)
    np.testing.assert_array_equal(decode_picture(with_thumbnail, COLOUR, KINDS), expected)


def test_of_two_frames_the_larger_counts():
    data = hostile.encoded('.jpg')
    place = data.index(b'\xff\xc0')
    frame = bytearray(data[place : place + 19])
    frame[5:9] = struct.pack('>HH', 30_000, 40_000)
    for doubled in (data[:place] + bytes(frame) + data[place:],
                    data[: place + 19] + bytes(frame) + data[place + 19 :]):  # fmt: skip
        with pytest.raises(MessageError, match='40000x30000'):
            decode_picture(doubled, COLOUR, KINDS)


@pytest.mark.parametrize('name', KINDS)
def test_a_header_cut_anywhere_is_refused(name):
    data = hostile.PICTURES[name]
    for length in range(64):
        with pytest.raises(MessageError):
            decode_picture(data[:length], COLOUR, KINDS)


def test_only_the_kinds_asked_for_are_taken():
    with pytest.raises(MessageError, match='no known kind; known: jpeg, png'):
        decode_picture(hostile.encoded('.bmp'), COLOUR, ('jpeg', 'png'))


def test_texts_and_animation_in_a_png_are_left_out():
    plain = decode_picture(hostile.small_png(), COLOUR, KINDS)
    animation = hostile.chunk(b'acTL', struct.pack('>II', 2, 0))
    data = hostile.small_png(hostile.text_bombs(2) + animation)
    np.testing.assert_array_equal(decode_picture(data, COLOUR, KINDS), plain)


def test_an_exr_of_huge_tiles_is_refused():
    data = hostile.encoded('.exr', pixels=np.ones((8, 8), np.float32))
    value = struct.pack('<IIB', 100_000, 100_000, 0)
    tiles = b'tiles\0tiledesc\0' + struct.pack('<i', len(value)) + value
    with pytest.raises(MessageError, match='100000x100000'):
        decode_picture(data[:8] + tiles + data[8:], cv2.IMREAD_UNCHANGED, KINDS)


@pytest.mark.parametrize('orientation', range(10))
def test_a_webp_is_turned_as_a_jpeg_is_where_people_look_and_nowhere_else(orientation):
    pixels = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3) * 5
    jpeg = made_pictures.exif(hostile.encoded('.jpg', pixels=pixels), orientation)
    webp = hostile.encoded('.webp', cv2.IMWRITE_WEBP_QUALITY, 101, pixels=pixels)
    start = jpeg.index(b'Exif\0\0')
    body = jpeg[start : start + 32]
    webp += b'EXIF' + len(body).to_bytes(4, 'little') + body
    expected = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    found = decode_picture(webp, cv2.IMREAD_COLOR, KINDS)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() < TOLD
    for flags in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION):
        np.testing.assert_array_equal(decode_picture(webp, flags, KINDS), pixels)
    for end in range(len(webp) - len(body), len(webp)):
        decode_picture(webp[:end], cv2.IMREAD_COLOR, KINDS)


def test_a_tiff_of_floating_point_numbers_is_called_what_it_is():
    data = cv2.imencode('.tiff', np.ones((4, 4), np.float32))[1].tobytes()
    with pytest.raises(MessageError, match='TIFF of floating-point numbers'):
        decode_picture(data, COLOUR, KINDS)
    assert decode_picture(data, cv2.IMREAD_UNCHANGED, KINDS).dtype == np.float32


def test_a_tiff_of_huge_tiles_is_refused():
    with pytest.raises(MessageError, match='100000x100000'):
        data = hostile.tiff(8, t322=100_000, t323=100_000)
        decode_picture(data, cv2.IMREAD_UNCHANGED, KINDS)


def test_the_size_is_read_without_decoding():
    for extension, kind in {'.jpg': 'jpeg', '.png': 'png', '.bmp': 'bmp', '.tiff': 'tiff'}.items():
        assert picture_size(hostile.encoded(extension), (kind,)) == (48, 64)
    assert picture_size(hostile.jpeg(), KINDS) == (hostile.SIDE, hostile.SIDE)
    with pytest.raises(MessageError, match='of no known kind; known: png'):
        picture_size(hostile.jpeg(), ('png',))


def test_the_limits_are_those_that_the_documents_state():
    check_size(10_000, MAX_PIXELS // 10_000, 0)
    with pytest.raises(MessageError, match='10000x5001; at most 50 megapixels'):
        check_size(10_000, MAX_PIXELS // 10_000 + 1, 0)
    with pytest.raises(MessageError, match='6000x6000, which takes 216 MB'):
        check_size(6_000, 6_000, 6)
    check_bytes(MAX_BYTES, 'it')
    with pytest.raises(MessageError, match='it has 300 MB; at most 180 MB are read'):
        check_bytes(300_000_000, 'it')
    text = (Path(__file__).parents[1] / 'docs' / 'nodes.md').read_text(encoding='utf-8')
    assert '50 megapixels' in text and '180 MB' in text


def test_a_raw_image_over_the_limit_is_refused():
    message = SimpleNamespace(
        height=7072, width=7072, step=7072, encoding='mono8', is_bigendian=0, data=bytes(7072**2)
    )
    with pytest.raises(MessageError, match='7072x7072; at most 50 megapixels'):
        decode_image(message)


def decode_all():
    """Decode every hostile message, and the largest that are taken, and print the peak in MB."""
    decode_compressed(SimpleNamespace(format='jpeg', data=hostile.encoded('.jpg')))
    depth = hostile.encoded('.png', pixels=np.ones((8, 8), np.uint16))
    decode_compressed_depth(
        SimpleNamespace(format='32FC1; compressedDepth', data=bytes(12) + depth)
    )
    largest = hostile.jpeg(5_470), hostile.jpeg(4_470, progressive=True)
    texts = hostile.small_png(hostile.text_bombs(100))
    grey = hostile.encoded('.png', pixels=np.ones((4_240, 4_240), np.uint16))
    # Making them took memory; the peak counts from here.
    Path('/proc/self/clear_refs').write_text('5')
    rest_mb = status_mb('VmRSS')
    for data in (*hostile.PICTURES.values(), *largest, texts):
        for decode, header in ((decode_compressed, b''), (decode_compressed_depth, bytes(12))):
            form = '32FC1; compressedDepth png' if header else 'jpeg'
            with suppress(MessageError):
                decode(SimpleNamespace(format=form, data=header + data))
    decode_compressed_depth(
        SimpleNamespace(format='32FC1; compressedDepth png', data=bytes(12) + grey)
    )
    sys.stdout.write(f'{status_mb("VmHWM") - rest_mb}')


def status_mb(name):
    """Return a figure of this process's memory from the kernel, in MB."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='the kernel tells no peak')
def test_no_message_takes_more_than_200_mb_to_decode():
    code = 'import test_pictures; test_pictures.decode_all()'
    found = subprocess.run(
        [sys.executable, '-c', code], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    assert float(found.stdout) < 200, found.stdout
