"""Colour and grey images of sensor_msgs/Image → rgb."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.depth import KNOWN_DEPTH_ENCODINGS
from depth_anything_ros.messages.limits import check_size
from depth_anything_ros.messages.pixels import pixel_view
from depth_anything_ros.messages.semiplanar import SEMIPLANAR_ENCODINGS, decode_semiplanar
from depth_anything_ros.types import UInt8Array


@dataclass(frozen=True)
class _ColorEncoding:
    """
    How the pixels lie in memory and which OpenCV conversion leads to rgb.

    `block` is the smallest width and height, and `even_width` says that pixels come in pairs.
    """

    kind: str
    channels: int
    conversion: int | None
    block: int = 1
    even_width: bool = False


def _bayer(kind: str, conversion: int) -> _ColorEncoding:
    return _ColorEncoding(kind, 1, conversion, block=3)


def _yuv422(conversion: int) -> _ColorEncoding:
    return _ColorEncoding('u1', 2, conversion, even_width=True)


# 8UC3 and their kin name no colours; like cv_bridge we read them in OpenCV's order. OpenCV names a
# Bayer pattern by its second row's second and third pixel: its BG is the pattern rggb.
_ENCODINGS = {
    'rgb8': _ColorEncoding('u1', 3, None),
    'bgr8': _ColorEncoding('u1', 3, cv2.COLOR_BGR2RGB),
    'rgba8': _ColorEncoding('u1', 4, cv2.COLOR_RGBA2RGB),
    'bgra8': _ColorEncoding('u1', 4, cv2.COLOR_BGRA2RGB),
    'mono8': _ColorEncoding('u1', 1, cv2.COLOR_GRAY2RGB),
    '8UC1': _ColorEncoding('u1', 1, cv2.COLOR_GRAY2RGB),
    '8UC3': _ColorEncoding('u1', 3, cv2.COLOR_BGR2RGB),
    '8UC4': _ColorEncoding('u1', 4, cv2.COLOR_BGRA2RGB),
    '16UC3': _ColorEncoding('u2', 3, cv2.COLOR_BGR2RGB),
    '16UC4': _ColorEncoding('u2', 4, cv2.COLOR_BGRA2RGB),
    'rgb16': _ColorEncoding('u2', 3, None),
    'bgr16': _ColorEncoding('u2', 3, cv2.COLOR_BGR2RGB),
    'rgba16': _ColorEncoding('u2', 4, cv2.COLOR_RGBA2RGB),
    'bgra16': _ColorEncoding('u2', 4, cv2.COLOR_BGRA2RGB),
    'mono16': _ColorEncoding('u2', 1, cv2.COLOR_GRAY2RGB),
    'yuv422': _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _yuv422(cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _yuv422(cv2.COLOR_YUV2RGB_YUYV),
    'yuyv': _yuv422(cv2.COLOR_YUV2RGB_YUYV),
    'bayer_rggb8': _bayer('u1', cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': _bayer('u1', cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': _bayer('u1', cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': _bayer('u1', cv2.COLOR_BayerGB2RGB),
    'bayer_rggb16': _bayer('u2', cv2.COLOR_BayerBG2RGB),
    'bayer_bggr16': _bayer('u2', cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg16': _bayer('u2', cv2.COLOR_BayerGR2RGB),
    'bayer_grbg16': _bayer('u2', cv2.COLOR_BayerGB2RGB),
}

KNOWN_ENCODINGS = (*_ENCODINGS, *SEMIPLANAR_ENCODINGS)

# Numbers of OpenCV's types without colours: 32FC1, 8SC3.
_PLAIN_NUMBERS = re.compile(r'(8U|8S|16U|16S|32S|32F|64F)C\d+')


def decode_image(
    message: Any, fallback: Callable[[Any], NDArray[Any]] | None = None
) -> UInt8Array:
    """
    Return the pixels of an Image as rgb.

    16-bit channels are scaled from 0..65535 to 0..255.

    :param message: an Image of one of `KNOWN_ENCODINGS`.
    :param fallback: called with the message when its encoding is not known, to return rgb
        uint8 (H, W, 3): a place for cv_bridge, where it is installed.
    :return: uint8 (H, W, 3), C-contiguous. For rgb8 without padding it is a read-only view of
        the message's memory: valid while the message lives unchanged.
    :raises MessageError: if the encoding is unknown and there is no fallback, or it is no
        picture's, if the message is truncated, mis-sized, empty or too large, or if the fallback
        returns something else than rgb.
    """
    if message.encoding in SEMIPLANAR_ENCODINGS:
        return decode_semiplanar(message)
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        _refuse_numbers(message.encoding)
        return _convert_by_fallback(message, fallback)
    pixels = pixel_view(message, encoding.kind, encoding.channels)
    height, width = pixels.shape[:2]
    if min(height, width) < encoding.block or (encoding.even_width and width % 2):
        raise MessageError(
            f"{width}x{height} image of encoding '{message.encoding}': it needs "
            + ('an even width' if encoding.even_width else f'{encoding.block} pixels a side')
        )
    check_size(width, height, _decoded_bytes(encoding))
    if encoding.kind == 'u2':
        pixels = cv2.convertScaleAbs(pixels.astype(np.uint16), alpha=255 / 65535)
    if encoding.conversion is None:
        return np.ascontiguousarray(pixels)
    return cast(UInt8Array, cv2.cvtColor(pixels, encoding.conversion))


def _refuse_numbers(encoding: str) -> None:
    if encoding in KNOWN_DEPTH_ENCODINGS:
        raise MessageError(
            f"encoding '{encoding}' is depth, no picture: is this the topic of the colour camera? "
            'Grey pictures of 16 bits are mono16'
        )
    if _PLAIN_NUMBERS.fullmatch(encoding):
        raise MessageError(
            f"encoding '{encoding}' has no colours; known: {', '.join(KNOWN_ENCODINGS)}"
        )


def _decoded_bytes(encoding: _ColorEncoding) -> int:
    """Return the bytes a pixel takes beside the message: of 16 bits, of 8 bits, as rgb."""
    if encoding.conversion is None and encoding.kind == 'u1':
        return 0
    return 3 + (3 * encoding.channels if encoding.kind == 'u2' else 0)


def _convert_by_fallback(
    message: Any, fallback: Callable[[Any], NDArray[Any]] | None
) -> UInt8Array:
    if fallback is None:
        raise MessageError(
            f"unknown image encoding '{message.encoding}'; known: {', '.join(KNOWN_ENCODINGS)}"
        )
    converted = fallback(message)
    expected = (int(message.height), int(message.width), 3)
    if converted.dtype != np.uint8 or converted.shape != expected:
        raise MessageError(
            f"the converter for encoding '{message.encoding}' returned {converted.dtype} "
            f'{converted.shape}; uint8 {expected} is needed'
        )
    return np.ascontiguousarray(converted)
