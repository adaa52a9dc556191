"""What a process does with the memory it frees."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEEP_MAPPED_BYTES = 1 << 29


def keep_large_buffers() -> bool:
    """
    Keep buffers of up to 512 MiB mapped after they are freed; tell whether libc took it.

    glibc gives every large buffer back to the kernel, and every message or array of an image then
    pays for fresh pages. Other C libraries have no mallopt and are left as they are.

    Source: mallopt(3).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all(
        mallopt(option, _KEEP_MAPPED_BYTES) == 1
        for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)
    )
