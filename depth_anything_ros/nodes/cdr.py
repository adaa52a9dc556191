"""The stamp inside a serialised message that begins with a std_msgs/Header."""

from __future__ import annotations

import struct

from depth_anything_ros.errors import MessageError

_ENCAPSULATION_BYTES = 4
_STAMP_BYTES = 8
_NANOSECONDS = 1_000_000_000


def begins_with_header(message_type: type) -> bool:
    """Tell whether messages of this class begin with a std_msgs/Header."""
    fields = message_type.get_fields_and_field_types()  # type: ignore[attr-defined]
    return next(iter(fields.items()), None) == ('header', 'std_msgs/Header')


def read_stamp_ns(cdr: bytes) -> int:
    """
    Return the header stamp of a serialised message in nanoseconds.

    Source: OMG DDSI-RTPS 2.3, 10.2 (encapsulation); OMG CDR (int32 sec, uint32 nanosec).

    :param cdr: the message as it travels, beginning with the encapsulation header.
    :raises MessageError: if it is too short to hold a stamp.
    """
    seconds, nanoseconds = struct.unpack_from(_layout(cdr), cdr, _ENCAPSULATION_BYTES)
    return int(seconds) * _NANOSECONDS + int(nanoseconds)


def with_stamp(cdr: bytes, stamp_ns: int) -> bytes:
    """
    Return the message with another header stamp.

    :raises MessageError: if it is too short to hold a stamp.
    """
    stamp = struct.pack(_layout(cdr), *divmod(stamp_ns, _NANOSECONDS))
    end = _ENCAPSULATION_BYTES + _STAMP_BYTES
    return b''.join((cdr[:_ENCAPSULATION_BYTES], stamp, memoryview(cdr)[end:]))


def _layout(cdr: bytes) -> str:
    if len(cdr) < _ENCAPSULATION_BYTES + _STAMP_BYTES:
        raise MessageError(
            f'a serialised message of {len(cdr)} bytes holds no header; at least '
            f'{_ENCAPSULATION_BYTES + _STAMP_BYTES} are needed'
        )
    return '<iI' if cdr[1] & 1 else '>iI'
