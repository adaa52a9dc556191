"""
Encoded pictures (JPEG, PNG, WebP, BMP, OpenEXR, TIFF) → arrays, within stated limits.

A picture of 600 bytes can say that it is 30000×30000; OpenCV believes it. So the size is read
from the header first, where the libraries behind OpenCV read it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.exif import tiff_numbers, turned, webp_orientation
from depth_anything_ros.messages.limits import check_bytes, check_size

_JPEG_START, _JPEG_END = b'\xff\xd8\xff', b'\xff\xd9'
_JPEG_SCAN = b'\xff\xda'
_PNG_START = b'\x89PNG\r\n\x1a\n'
_EXR_START = b'v/1\x01'
_TIFF_STARTS = (b'II*\0', b'MM\0*')

# What no true picture has more of; each costs time, without end if nobody counts.
_MAX_SEGMENTS = 2_000
_MAX_SCANS = 100
_MAX_CHUNKS = 65_536

# Markers of JPEG that start a frame, with its size: C0 to CF but for tables and arithmetic.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})

# Text that unpacks to a thousand times its size, and the frames of an animation.
_PNG_DROPPED = frozenset({b'zTXt', b'iTXt', b'acTL', b'fcTL', b'fdAT'})
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}

# Tags of TIFF, and what says that the numbers are floating-point ones.
_WIDTH, _HEIGHT, _CHANNELS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 277, 322, 323
_SAMPLES, _FLOATS = 339, 3
_TIFF_CHANNEL_BYTES = 8


@dataclass(frozen=True)
class _Declared:
    """The size that a picture says it has, and how many bytes a pixel takes to decode."""

    width: int
    height: int
    pixel_bytes: int


def decode_picture(data: bytes, flags: int, known: Collection[str]) -> NDArray[Any]:
    """
    Return the pixels of an encoded picture, as `cv2.imdecode` does.

    A WebP is turned as its EXIF says where OpenCV turns the other kinds.

    :param data: the file or message; its first bytes tell the kind.
    :param flags: of `cv2.imdecode`.
    :param known: the kinds to take, of jpeg, png, webp, bmp, exr and tiff.
    :return: (H, W) or (H, W, channels), in OpenCV's order of colours.
    :raises MessageError: if the data is of no known kind, says it is larger than
        :mod:`depth_anything_ros.messages.limits` allows, ends early or is damaged.
    """
    check_bytes(len(data), 'the data')
    kind = _kind_of(data, known)
    if not kind.whole(data):
        raise MessageError(f'the data ends early, after {len(data)} bytes')
    declared = _declared(kind, data, flags)
    check_size(declared.width, declared.height, declared.pixel_bytes)
    if kind.name != 'webp' or flags & cv2.IMREAD_IGNORE_ORIENTATION:  # so is all in UNCHANGED
        return _decode(kind, data, flags)
    # By us: not every OpenCV reads how a WebP lies.
    pixels = _decode(kind, data, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    return turned(pixels, webp_orientation(data))


def picture_size(data: bytes, known: Collection[str]) -> tuple[int, int]:
    """
    Return the (H, W) that an encoded picture says it has.

    :param data: the file or message, or its beginning.
    :param known: the kinds to take, see `decode_picture`.
    :raises MessageError: if the data is of no known kind or its header is damaged.
    """
    declared = _declared(_kind_of(data, known), data, cv2.IMREAD_COLOR)
    return declared.height, declared.width


def _kind_of(data: bytes, known: Collection[str]) -> _Kind:
    kind = next((kind for kind in _KINDS if kind.name in known and kind.starts(data)), None)
    if kind is None:
        raise MessageError(
            f'the data ({len(data)} bytes) is of no known kind; known: {", ".join(known)}'
        )
    return kind


def _declared(kind: _Kind, data: bytes, flags: int) -> _Declared:
    try:
        return kind.declared(data, flags)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise MessageError(
            f'the header of the {kind.name} data ({len(data)} bytes) is damaged'
        ) from error


def kind_of(start: bytes, known: Collection[str]) -> str | None:
    """
    Return the kind of picture that data starts like, None if it is of none of the known.

    :param start: the first 12 bytes, or more.
    :param known: the kinds to know, see `decode_picture`.
    """
    return next((kind.name for kind in _KINDS if kind.name in known and kind.starts(start)), None)


def _decode(kind: _Kind, data: bytes, flags: int) -> NDArray[Any]:
    try:
        pixels: NDArray[Any] | None = cv2.imdecode(
            np.frombuffer(kind.cleaned(data), np.uint8), flags
        )
    except cv2.error as error:
        raise MessageError(
            f'the data ({len(data)} bytes) cannot be decoded: {error.err}'
        ) from error
    if pixels is None:
        if kind.name == 'tiff' and tiff_numbers(data).get(_SAMPLES) == _FLOATS:
            raise MessageError(
                'it is a TIFF of floating-point numbers, which are no colours; save it with 8 or '
                '16 bits'
            )
        raise MessageError(f'the data ({len(data)} bytes) is damaged')
    return pixels


# OpenCV hands its picture to Python as a copy, so that both are there for a moment.
_COLOUR_BYTES = 2 * 3


def _taken(flags: int, channels: int, channel_bytes: int) -> int:
    """Return the bytes a pixel takes, from decoding to metres where it is depth."""
    if flags != cv2.IMREAD_UNCHANGED:
        return _COLOUR_BYTES
    # uint16 steps, float32 metres and masks of what is unknown.
    return max(2 * channels * channel_bytes, 2 + 4 + 4)


def _jpeg_declared(data: bytes, _flags: int) -> _Declared:
    """Return the largest frame; thumbnails lie inside of segments, which are skipped."""
    frames, place = [], 0
    for marker, place in _jpeg_segments(data):
        if marker in _FRAMES:
            _, height, width, components = struct.unpack_from('>BHHB', data, place)
            frames.append((height, width, components, marker))
        if marker == _JPEG_SCAN[1]:
            break
    if not frames:
        raise ValueError('no frame')
    height = max(frame[0] for frame in frames)
    width = max(frame[1] for frame in frames)
    scans = data.count(_JPEG_SCAN, place)
    if scans > _MAX_SCANS:
        raise MessageError(f'the JPEG has {scans} scans; at most {_MAX_SCANS} are decoded')
    taken = _COLOUR_BYTES
    if scans > 1 or any(marker & 3 == 2 for *_, marker in frames):
        # Progressive: all coefficients, of two bytes, are kept beside the picture.
        taken = max(taken, 3 + 2 * max(frame[2] for frame in frames))
    return _Declared(width, height, taken)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Give marker and place of the content of each segment, as libjpeg finds them."""
    place = 2
    for _ in range(_MAX_SEGMENTS):
        place = data.index(b'\xff', place) + 1
        while data[place] == 0xFF:
            place += 1
        marker = data[place]
        place += 1
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _JPEG_END[1]:
            return
        (length,) = struct.unpack_from('>H', data, place)
        yield marker, place + 2
        place += max(length, 2)
    raise MessageError(f'the JPEG has more than {_MAX_SEGMENTS} segments before its picture')


def _jpeg_whole(data: bytes) -> bool:
    # Inside a scan no FF is followed by D9, and a thumbnail's end lies before the scan.
    return data.rfind(_JPEG_END) > data.rfind(_JPEG_SCAN) >= 0


def _png_declared(data: bytes, flags: int) -> _Declared:
    name, width, height, depth, colour = struct.unpack_from('>4x4sII2B', data, len(_PNG_START))
    channels = _PNG_CHANNELS.get(colour)
    if name != b'IHDR' or channels is None:
        raise ValueError('no header')
    return _Declared(width, height, _taken(flags, channels, max(1, depth // 8)))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give name, start and end of each chunk up to the last whole one."""
    place = len(_PNG_START)
    for _ in range(_MAX_CHUNKS):
        if place + 12 > len(data):
            return
        length, name = struct.unpack_from('>I4s', data, place)
        end = place + 12 + length
        if end > len(data):
            return
        yield name, place, end
        if name == b'IEND':
            return
        place = end
    raise MessageError(f'the PNG has more than {_MAX_CHUNKS} chunks')


def _png_whole(data: bytes) -> bool:
    return any(name == b'IEND' for name, *_ in _png_chunks(data))


def _png_cleaned(data: bytes) -> bytes:
    """Return the picture without what its pixels do not need."""
    chunks = list(_png_chunks(data))
    if not any(name in _PNG_DROPPED for name, *_ in chunks):
        return data
    kept = [data[start:end] for name, start, end in chunks if name not in _PNG_DROPPED]
    return b''.join([data[: len(_PNG_START)], *kept])


def _webp_declared(data: bytes, flags: int) -> _Declared:
    """Return the canvas or the picture, whichever is larger."""
    place = 12
    sizes: list[tuple[int, int]] = []
    while len(sizes) < 2 and place + 18 <= len(data):
        name, length = struct.unpack_from('<4sI', data, place)
        body = data[place + 8 : place + 18]
        if name == b'VP8X':
            sides = (int.from_bytes(body[4:7], 'little'), int.from_bytes(body[7:10], 'little'))
            sizes.append((sides[0] + 1, sides[1] + 1))
        elif name == b'VP8L':
            bits = int.from_bytes(body[1:5], 'little')
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
            break
        elif name == b'VP8 ':
            width, height = struct.unpack_from('<HH', body, 6)
            sizes.append((width & 0x3FFF, height & 0x3FFF))
            break
        place += 8 + length + length % 2
    width, height = (max(sides) for sides in zip(*sizes, strict=True))
    # Lossless pictures are unpacked to four bytes a pixel first.
    return _Declared(width, height, 4 + _taken(flags, 4, 1))


def _bmp_declared(data: bytes, flags: int) -> _Declared:
    (header,) = struct.unpack_from('<I', data, 14)
    width, height = struct.unpack_from('<HH' if header == 12 else '<ii', data, 18)
    return _Declared(abs(width), abs(height), _taken(flags, 4, 1))


def _exr_declared(data: bytes, _flags: int) -> _Declared:
    """Return the largest data window of all parts; tiles count like pictures."""
    width = height = 0
    for name, kind, place in _exr_attributes(data):
        if name == b'dataWindow':
            left, top, right, bottom = struct.unpack_from('<4i', data, place)
            width, height = max(width, right - left + 1), max(height, bottom - top + 1)
        elif kind == b'tiledesc':
            across, down = struct.unpack_from('<II', data, place)
            check_size(across, down, 4 * 4)
    # Four channels of float32, and a copy.
    return _Declared(width, height, 2 * 4 * 4)


def _exr_attributes(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Give name, type and place of the value of each attribute in the headers."""
    many = bool(struct.unpack_from('<I', data, 4)[0] & 0x1000)
    place = 8
    for _ in range(_MAX_SEGMENTS):
        if data[place] == 0:
            place += 1
            if not many or data[place] == 0:
                return
            continue
        end = data.index(b'\0', place)
        name, place = data[place:end], end + 1
        end = data.index(b'\0', place)
        kind, place = data[place:end], end + 1
        (length,) = struct.unpack_from('<i', data, place)
        yield name, kind, place + 4
        place += 4 + max(length, 0)
    raise MessageError(f'the OpenEXR header has more than {_MAX_SEGMENTS} attributes')


def _tiff_declared(data: bytes, flags: int) -> _Declared:
    """Return the first picture of a file; its tiles count like pictures."""
    numbers = tiff_numbers(data)
    taken = _taken(flags, numbers.get(_CHANNELS, 1), _TIFF_CHANNEL_BYTES)
    if _TILE_WIDTH in numbers:
        check_size(numbers[_TILE_WIDTH], numbers[_TILE_HEIGHT], taken)
    return _Declared(numbers[_WIDTH], numbers[_HEIGHT], taken)


@dataclass(frozen=True)
class _Kind:
    """
    How one kind of picture starts, what it declares and whether it is whole.

    OpenCV fills what is missing of a JPEG or PNG with grey; of the others it says so itself.
    """

    name: str
    starts: Callable[[bytes], bool]
    declared: Callable[[bytes, int], _Declared]
    whole: Callable[[bytes], bool] = lambda _: True
    cleaned: Callable[[bytes], bytes] = lambda data: data


_KINDS = (
    _Kind('jpeg', lambda data: data.startswith(_JPEG_START), _jpeg_declared, _jpeg_whole),
    _Kind(
        'png', lambda data: data.startswith(_PNG_START), _png_declared, _png_whole, _png_cleaned
    ),
    _Kind('webp', lambda data: data[:4] == b'RIFF' and data[8:12] == b'WEBP', _webp_declared),
    _Kind('bmp', lambda data: data.startswith(b'BM'), _bmp_declared),
    _Kind('exr', lambda data: data.startswith(_EXR_START), _exr_declared),
    _Kind('tiff', lambda data: data.startswith(_TIFF_STARTS), _tiff_declared),
)
