"""Files of weights beside an ONNX file, found without a library of ONNX."""

from __future__ import annotations

import mmap
from pathlib import Path

from depth_anything_ros.errors import CheckpointError

# In TensorProto, `external_data` is field 13: entries of key (1) and value (2), both texts. This
# is the tag of the first and the whole of the key that names a file; the value follows.
_EXTERNAL_DATA = b'\x6a'
_LOCATION = b'\x0a\x08location\x12'
# The length of an entry stands between: one or two bytes.
_LONGEST_LENGTH = 2
# Seven bits a byte, the last one without this.
_CONTINUES = 0x80
_LONGEST_NUMBER = 10
# Kinds of fields, and the length of those that have one.
_VARINT, _BYTES = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}


def data_files(path: Path) -> list[str]:
    """
    Return the names of the files that an ONNX file takes weights from, each once.

    Source: onnx.proto3 of ONNX, TensorProto and StringStringEntryProto; the encoding of Protocol
    Buffers.

    :raises CheckpointError: if it cannot be read, or ends too early.
    """
    try:
        with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            missing = _end(data) - len(data)
            if missing > 0:
                raise CheckpointError(
                    f"'{path}' is damaged: {missing} bytes or more of it are missing; was it "
                    'copied, or downloaded, to its end?'
                )
            return list(dict.fromkeys(_names(data)))
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror}") from error


def _names(data: mmap.mmap) -> list[str]:
    names, place = [], data.find(_LOCATION)
    while place >= 0:
        after = place + len(_LOCATION)
        if _EXTERNAL_DATA in data[max(0, place - _LONGEST_LENGTH - 1) : place - 1]:
            length, start = _number(data, after)
            names.append(data[start : start + length].decode('utf-8', 'replace'))
        place = data.find(_LOCATION, after)
    return names


def _end(data: mmap.mmap) -> int:
    """Return where the last field ends, which is behind the end of a file that is cut off."""
    place = 0
    while place < len(data):
        tag, place = _number(data, place)
        kind = tag & 0b111
        if kind == _VARINT:
            _, place = _number(data, place)
        elif kind == _BYTES:
            length, start = _number(data, place)
            place = start + length
        elif kind in _FIXED_BYTES:
            place += _FIXED_BYTES[kind]
        else:
            break  # no ONNX, as whoever runs it will say
    return place


def _number(data: mmap.mmap, place: int) -> tuple[int, int]:
    """Return the number that stands at a place, and the place behind it."""
    found = 0
    for count, byte in enumerate(data[place : place + _LONGEST_NUMBER], 1):
        found |= (byte & ~_CONTINUES) << 7 * (count - 1)
        if byte < _CONTINUES:
            return found, place + count
    return 0, place + _LONGEST_NUMBER
