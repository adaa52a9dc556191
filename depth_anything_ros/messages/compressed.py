"""Encoded images of sensor_msgs/CompressedImage ↔ arrays."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.color import decode_image
from depth_anything_ros.messages.depth import (
    MM_PER_M,
    decode_depth,
    metres_from_steps,
    millimetres,
    only_distances,
)
from depth_anything_ros.messages.pictures import decode_picture, picture_size
from depth_anything_ros.types import Float32Array, UInt8Array

KNOWN_FORMATS = ('jpeg', 'png', 'webp', 'bmp')
_DEPTH_FORMATS = ('png',)

# What compressed_image_transport takes by default.
JPEG_QUALITY = 95
# OpenCV's own default counts runs only, which takes four times the space for depth.
_PNG_LEVEL = 6
# A quarter of the time of the level above, for a quarter more bytes.
LIVE_PNG_LEVEL = 1
_DEPTH_HEADER = struct.Struct('<iff')  # enum of the format, quantisation a (m), b
# A step of inverse depth is 1 / a: a = z (z + 1) with z = 100 m, as image_transport has it.
_INVERSE_DEPTH, _QUANTISATION_A_M = 0, 100.0 * 101.0
# Of depth without a farthest: infinity, and nothing else, is stored as b.
_QUANTISATION_B = 1.0


def decode_compressed(message: Any) -> UInt8Array:
    """
    Return the picture of a CompressedImage as rgb.

    The kind is told by the data's first bytes; the text in `format` varies among drivers.

    :param message: a CompressedImage: format, data.
    :return: uint8 (H, W, 3).
    :raises MessageError: if the data is none of `KNOWN_FORMATS`, is truncated or damaged, says it
        is larger than :mod:`depth_anything_ros.messages.limits` allows, or is depth rather than
        a picture.
    """
    data = bytes(message.data)
    if 'compressedDepth' in message.format or message.format.startswith(('16UC1', '32FC1')):
        raise MessageError(f"format '{message.format}' is depth; a picture is needed")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = _decode(data, flags, message.format, KNOWN_FORMATS)
    return cast(UInt8Array, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr))


def decode_compressed_depth(message: Any, steps_per_m: float = MM_PER_M) -> Float32Array:
    """
    Return the depth of a CompressedImage as compressed_depth_image_transport or PNG writes it.

    :param message: a CompressedImage of format '16UC1; compressedDepth png', '32FC1;
        compressedDepth png' (quantised inverse depth) or a plain 16-bit PNG.
    :param steps_per_m: of 16UC1 and plain PNG; millimetres are usual.
    :return: float32 (H, W) in metres, NaN where unknown.
    :raises MessageError: if the format or the data is something else, truncated, damaged or
        too large.
    Source: ConfigHeader and decodeCompressedDepthImage of compressed_depth_image_transport.
    """
    data = bytes(message.data)
    quantisation_a_m = quantisation_b = 0.0
    if 'compressedDepth' in message.format:
        if len(data) < _DEPTH_HEADER.size:
            raise MessageError(
                f"format '{message.format}': data has {len(data)} bytes, its header alone "
                f'needs {_DEPTH_HEADER.size}'
            )
        _, quantisation_a_m, quantisation_b = _DEPTH_HEADER.unpack_from(data)
        data = data[_DEPTH_HEADER.size :]
    if message.format.endswith('rvl'):
        raise MessageError(
            f"format '{message.format}' is not decoded, PNG is; at the node that compresses it, "
            'set the parameter compressedDepth.format of the topic to png'
        )
    values = _decode(data, cv2.IMREAD_UNCHANGED, message.format, _DEPTH_FORMATS)
    if values.dtype != np.uint16 or values.ndim != 2:
        raise MessageError(
            f"format '{message.format}': the picture is {values.dtype} {values.shape}; depth is "
            'one channel of uint16'
        )
    if not message.format.startswith('32FC1'):
        return metres_from_steps(values, steps_per_m)
    depth_m = values.astype(np.float32)
    with np.errstate(divide='ignore', invalid='ignore', over='ignore'):
        depth_m -= np.float32(quantisation_b)
        np.divide(np.float32(quantisation_a_m), depth_m, out=depth_m)
    depth_m[values == 0] = np.nan
    return only_distances(depth_m)


def pixel_form(message: Any) -> str:
    """Return the encoding of an Image, or the format of a CompressedImage."""
    return str(message.encoding if hasattr(message, 'encoding') else message.format)


def has_integer_depth(message: Any) -> bool:
    """Return whether an Image or CompressedImage of depth holds integers rather than metres."""
    return not pixel_form(message).startswith('32FC1')


def decode_any_depth(message: Any, steps_per_m: float = MM_PER_M) -> Float32Array:
    """
    Return the depth of an Image or CompressedImage, float32 (H, W) in metres, NaN where unknown.

    :param steps_per_m: of integer depth.
    :raises MessageError: if the encoding or format is unknown, or the message truncated.
    """
    if not hasattr(message, 'encoding'):
        return decode_compressed_depth(message, steps_per_m)
    return decode_depth(message, steps_per_m)


def decode_any_image(
    message: Any, fallback: Callable[[Any], NDArray[Any]] | None = None
) -> UInt8Array:
    """
    Return an Image or CompressedImage as uint8 (H, W, 3), red first.

    :param fallback: as `decode_image` takes it.
    :raises MessageError: as `decode_image` and `decode_compressed`.
    """
    if not hasattr(message, 'encoding'):
        return decode_compressed(message)
    return decode_image(message, fallback)


def told_size(message: Any) -> tuple[int, int] | None:
    """Return the (H, W) that an Image or CompressedImage says it has, None where it does not."""
    if hasattr(message, 'height'):
        return int(message.height), int(message.width)
    try:
        return picture_size(bytes(message.data), KNOWN_FORMATS)
    except MessageError:
        return None


def compressed_fields(rgb: UInt8Array, quality: int = JPEG_QUALITY) -> dict[str, Any]:
    """
    Return the fields of a CompressedImage of uint8 (H, W, 3) but for the header: a JPEG.

    :param quality: of JPEG, 1 to 100.
    """
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode('.jpg', bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return {'format': 'rgb8; jpeg compressed bgr8', 'data': data.reshape(-1)}


def compressed_depth_fields(
    depth_m: Float32Array, encoding: str = '16UC1', level: int = _PNG_LEVEL
) -> dict[str, Any]:
    """
    Return the fields of a CompressedImage of depth but for the header, as image_transport has it.

    :param depth_m: float32 (H, W) in metres, NaN where unknown, +Inf in the sky.
    :param encoding: 16UC1 keeps millimetres and 0 where unknown or in the sky. 32FC1 keeps inverse
        depth in steps of 1 / 10100 m, so depth z is off by z² / 20200 m at most, and the sky;
        what is nearer than 0.155 m is unknown.
    :param level: of PNG, 0 to 9: larger is smaller and slower.
    :raises MessageError: if the encoding is another.
    Source: ConfigHeader and encodeCompressedDepthImage of compressed_depth_image_transport.
    """
    if encoding == '16UC1':
        steps, header = millimetres(depth_m), _DEPTH_HEADER.pack(_INVERSE_DEPTH, 0.0, 0.0)
    elif encoding == '32FC1':
        steps = _inverse_depth_steps(depth_m)
        header = _DEPTH_HEADER.pack(_INVERSE_DEPTH, _QUANTISATION_A_M, _QUANTISATION_B)
    else:
        raise MessageError(f"unknown depth encoding '{encoding}'; known: 32FC1, 16UC1")
    _, data = cv2.imencode('.png', steps, (cv2.IMWRITE_PNG_COMPRESSION, level))
    return {
        'format': f'{encoding}; compressedDepth png',
        'data': np.append(np.frombuffer(header, np.uint8), data),
    }


def _inverse_depth_steps(depth_m: Float32Array) -> NDArray[np.uint16]:
    """Return a / depth + b of metres (H, W) to the nearest whole number, 0 where that is none."""
    with np.errstate(divide='ignore', invalid='ignore'):
        steps: Float32Array = np.float32(_QUANTISATION_A_M) / depth_m
        steps += np.float32(_QUANTISATION_B)
        np.rint(steps, out=steps)
        steps[~((depth_m > 0) & (steps < 65536))] = 0
    return steps.astype(np.uint16)


def _decode(data: bytes, flags: int, name: str, known: tuple[str, ...]) -> NDArray[Any]:
    try:
        return decode_picture(data, flags, known)
    except MessageError as error:
        raise MessageError(f"format '{name}': {error}") from error
