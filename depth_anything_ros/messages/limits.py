"""How large a picture or an array may say it is, before anything is allocated for it."""

from __future__ import annotations

from depth_anything_ros.errors import MessageError

# Larger than any camera of a robot; what claims more is damaged or meant to take memory.
MAX_PIXELS = 50_000_000
# Memory that decoding one picture or reading one array may take, and the size of its file.
MAX_BYTES = 180_000_000


def check_size(width: int, height: int, pixel_bytes: float) -> None:
    """
    Check what a picture says of itself.

    :param pixel_bytes: memory that decoding takes for each pixel, at its peak.
    :raises MessageError: if a side is not above zero, or there are too many pixels or bytes.
    """
    if width < 1 or height < 1:
        raise MessageError(f'the picture says it is {width}x{height}: it is damaged')
    if width * height > MAX_PIXELS:
        raise MessageError(
            f'the picture says it is {width}x{height}; at most {MAX_PIXELS // 1_000_000} '
            'megapixels are decoded: make it smaller'
        )
    if width * height * pixel_bytes > MAX_BYTES:
        raise MessageError(
            f'the picture says it is {width}x{height}, which takes '
            f'{width * height * pixel_bytes / 1e6:.0f} MB to decode; at most '
            f'{MAX_BYTES // 1_000_000} MB are taken: make the picture smaller'
        )


def check_bytes(count: int, what: str) -> None:
    """
    Check the bytes of a file, a message or an array.

    :param what: what has them, for the message: 'the file'.
    :raises MessageError: if there are too many.
    """
    if count > MAX_BYTES:
        raise MessageError(
            f'{what} has {count / 1e6:.0f} MB; at most {MAX_BYTES // 1_000_000} MB are read'
        )
