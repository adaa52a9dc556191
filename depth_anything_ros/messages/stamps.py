"""Time stamps of message headers ↔ integers."""

from __future__ import annotations

from typing import Any

_NS_PER_S = 1_000_000_000


def stamp_ns(header: Any) -> int:
    """
    Return the acquisition time of a std_msgs/Header in nanoseconds.

    :param header: any object with `stamp.sec` and `stamp.nanosec`.
    """
    return int(header.stamp.sec) * _NS_PER_S + int(header.stamp.nanosec)


def stamp_fields(time_ns: int) -> dict[str, int]:
    """Return the fields `sec` and `nanosec` of a builtin_interfaces/Time."""
    sec, nanosec = divmod(time_ns, _NS_PER_S)
    return {'sec': sec, 'nanosec': nanosec}
