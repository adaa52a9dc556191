"""How a picture lies: the tags of TIFF and EXIF, and turning by them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The types of tags that are one number.
_NUMBERS = {1: 'B', 3: 'H', 4: 'I'}
_ORIENTATION, _UPRIGHT = 274, 1
# Axes of (H, W) to flip, by orientation; from _SIDEWAYS on they are swapped first.
_FLIPPED = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
_SIDEWAYS = range(5, 9)


def tiff_numbers(data: bytes) -> dict[int, int]:
    """
    Return the tags of the first picture of a TIFF that are numbers, the largest of each.

    :raises struct.error: if the data ends early.
    """
    order = '<' if data.startswith(b'I') else '>'
    (place,) = struct.unpack_from(f'{order}I', data, 4)
    (count,) = struct.unpack_from(f'{order}H', data, place)
    numbers: dict[int, int] = {}
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f'{order}HH', data, entry)
        if kind in _NUMBERS:
            (number,) = struct.unpack_from(f'{order}{_NUMBERS[kind]}', data, entry + 8)
            numbers[tag] = max(number, numbers.get(tag, 0))
    return numbers


def webp_orientation(data: bytes) -> int:
    """Return the EXIF orientation of a WebP, 1 to 8; 1 where it says none that can be read."""
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from('<4sI', data, place)
        if name == b'EXIF':
            body = data[place + 8 : place + 8 + length].removeprefix(b'Exif\0\0')
            try:
                return tiff_numbers(body).get(_ORIENTATION, _UPRIGHT)
            except struct.error:
                return _UPRIGHT
        place += 8 + length + length % 2
    return _UPRIGHT


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """
    Return a picture as people look at it.

    :param pixels: (H, W) or (H, W, channels) as stored.
    :param orientation: of EXIF; one that is not from 1 to 8 turns nothing.
    """
    if orientation in _SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(np.flip(pixels, _FLIPPED.get(orientation, ())))
