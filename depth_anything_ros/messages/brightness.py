"""Whether pictures are almost black because they fill only 10 or 12 of their 16 bits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from depth_anything_ros.messages.compressed import pixel_form
from depth_anything_ros.types import UInt8Array

# Pictures that are looked at: one may show the inside of a lens cap.
PICTURES = 5
# What 12 bits of 16 become: 4095 of 65535 is 16 of 255.
_DARK = 16
# Every fourth pixel of every fourth row is enough for a maximum.
_STRIDE = 4


def has_16_bits(message: Any) -> bool:
    """Return whether an Image or CompressedImage names 16 bits in its encoding or format."""
    return '16' in pixel_form(message)


def brightest(rgb: UInt8Array) -> int:
    """Return the largest value of a picture, uint8 (H, W, 3), of some of its pixels."""
    return int(rgb[::_STRIDE, ::_STRIDE].max())


def dark_warning(place: str, found: Collection[int], cure: str) -> str:
    """
    Return what is odd about pictures that are all almost black, '' where one is not.

    :param place: where they come from.
    :param found: what `brightest` says of each; none is nothing odd.
    :param cure: what to do where they have fewer bits.
    """
    if not found or max(found) > _DARK:
        return ''
    return (
        f"images of '{place}' are almost black: their brightest pixel is {max(found)} of 255, as "
        f'10 or 12 bits in pictures of 16 look; {cure}'
    )
