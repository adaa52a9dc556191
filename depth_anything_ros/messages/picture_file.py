"""Picture files as people look at them: in colour, the right way up, within stated limits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.compressed import KNOWN_FORMATS
from depth_anything_ros.messages.limits import check_bytes
from depth_anything_ros.messages.pictures import decode_picture, kind_of
from depth_anything_ros.types import UInt8Array

FILE_FORMATS = (*KNOWN_FORMATS, 'tiff')
_START_BYTES = 32
_PNG_BITS = 24
# What people have and nothing here decodes, by where its name stands and what that is.
_OTHERS = (
    (4, b'ftypheic', 'HEIC'), (4, b'ftypheix', 'HEIC'), (4, b'ftyphevc', 'HEIC'),
    (4, b'ftypmif1', 'HEIC'), (4, b'ftypmsf1', 'HEIC'), (4, b'ftypavif', 'AVIF'),
    (0, b'GIF8', 'GIF'), (0, b'\xff\x0a', 'JPEG XL'),
    (0, b'\0\0\0\x0cJXL ', 'JPEG XL'), (0, b'\0\0\0\x0cjP  ', 'JPEG 2000'), (0, b'%PDF', 'PDF'),
)  # fmt: skip


def read_picture(path: Path) -> UInt8Array:
    """
    Read a picture as people look at it.

    Its EXIF orientation is followed; alpha is left out, grey becomes colour, 16 bits become 8.

    :param path: a JPEG, PNG, WebP, BMP or TIFF file; of an animation the first picture is taken.
    :return: uint8 (H, W, 3), red first.
    :raises MessageError: if it is of another kind, damaged, or larger than the package decodes.
    :raises OSError: if it cannot be read.
    """
    try:
        check_bytes(path.stat().st_size, 'the file')
        data = path.read_bytes()
        _check_kind(data)
        bgr = decode_picture(data, cv2.IMREAD_COLOR, FILE_FORMATS)
    except MessageError as error:
        raise MessageError(f"'{path}' is not an image that can be read: {error}") from error
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def is_picture(path: Path) -> bool:
    """
    Return whether a file starts like a picture of a kind that is decoded.

    :raises OSError: if it cannot be read.
    """
    return kind_of(_start(path), FILE_FORMATS) is not None


def has_16_bits(path: Path) -> bool:
    """
    Return whether a file is a PNG of 16 bits.

    :raises OSError: if it cannot be read.
    """
    start = _start(path)
    return kind_of(start, ('png',)) is not None and start[_PNG_BITS : _PNG_BITS + 1] == b'\x10'


def _start(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(_START_BYTES)


def _check_kind(data: bytes) -> None:
    """Name the kind of a picture that cannot be decoded, and what helps."""
    for place, mark, name in _OTHERS:
        if data.startswith(mark, place):
            raise MessageError(
                f'it is {name}, which is not decoded here; convert it to JPEG or PNG '
                f'(known: {", ".join(FILE_FORMATS)})'
            )
