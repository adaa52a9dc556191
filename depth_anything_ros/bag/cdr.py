"""The stamp of a serialised message, read and replaced without deserialising the rest."""

from __future__ import annotations

import struct

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages import stamp_fields

# The second byte of the encapsulation: plain CDR of version 1 and 2, big- and little-endian.
_BYTE_ORDERS = {0x00: '>', 0x01: '<', 0x06: '>', 0x07: '<'}
_STAMP_START, _STAMP_END = 4, 12


def header_stamp_ns(cdr: bytes) -> int:
    """
    Return the acquisition time of a message whose first field is a std_msgs/Header.

    :param cdr: the serialised message with its 4-byte encapsulation.
    :return: nanoseconds.
    :raises MessageError: if the bytes are too few or of another encapsulation.
    Source: OMG CDR; std_msgs/Header starts with builtin_interfaces/Time (int32, uint32).
    """
    sec, nanosec = struct.unpack_from(f'{_byte_order(cdr)}iI', cdr, _STAMP_START)
    return int(sec) * 1_000_000_000 + int(nanosec)


def header_frame_id(cdr: bytes) -> str:
    """
    Return the frame of a message whose first field is a std_msgs/Header.

    :param cdr: the serialised message with its 4-byte encapsulation.
    :raises MessageError: if the bytes are too few or of another encapsulation.
    Source: OMG CDR; a string is its length with the closing zero (uint32), then its bytes.
    """
    order = _byte_order(cdr)
    start = _STAMP_END + 4
    if len(cdr) < start:
        raise MessageError(f'a serialised message of {len(cdr)} bytes has no frame_id')
    (length,) = struct.unpack_from(f'{order}I', cdr, _STAMP_END)
    if len(cdr) < start + length:
        raise MessageError(f'frame_id of {length} bytes in a message of {len(cdr)}')
    return cdr[start : start + max(0, length - 1)].decode('utf-8', 'replace')


def restamp(cdr: bytes, stamp_ns: int) -> bytes:
    """
    Return the message with another acquisition time and all else unchanged.

    :param cdr: a serialised message whose first field is a std_msgs/Header.
    :param stamp_ns: the new time in nanoseconds.
    :raises MessageError: if the bytes are too few or of another encapsulation, or if the time
        does not fit int32 seconds.
    """
    order = _byte_order(cdr)
    fields = stamp_fields(stamp_ns)
    try:
        stamp = struct.pack(f'{order}iI', fields['sec'], fields['nanosec'])
    except struct.error:
        raise MessageError(
            f'stamp of {fields["sec"]} s does not fit; int32 seconds are allowed'
        ) from None
    return cdr[:_STAMP_START] + stamp + cdr[_STAMP_END:]


def _byte_order(cdr: bytes) -> str:
    if len(cdr) < _STAMP_END:
        raise MessageError(
            f'a serialised message of {len(cdr)} bytes has no header; {_STAMP_END} is the least'
        )
    if cdr[0] != 0 or cdr[1] not in _BYTE_ORDERS:
        raise MessageError(
            f'unknown CDR encapsulation {cdr[:2].hex()}; known: '
            + ', '.join(f'00{kind:02x}' for kind in _BYTE_ORDERS)
        )
    return _BYTE_ORDERS[cdr[1]]
