"""JPEG and PNG images of sensor_msgs/CompressedImage → arrays."""

from __future__ import annotations

import struct
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.depth import MM_PER_M, metres_from_metres, metres_from_steps
from depth_anything_ros.types import Float32Array, UInt8Array

KNOWN_FORMATS = ('jpeg', 'png')

_JPEG_START, _JPEG_SCAN, _JPEG_END = b'\xff\xd8\xff', b'\xff\xda', b'\xff\xd9'
_PNG_START, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND'
_DEPTH_HEADER = struct.Struct('<iff')  # enum of the format, quantisation a (m), b


def decode_compressed(message: Any) -> UInt8Array:
    """
    Return the picture of a CompressedImage as rgb.

    The kind is told by the data's first bytes; the text in `format` varies among drivers.

    :param message: a CompressedImage: format, data.
    :return: uint8 (H, W, 3).
    :raises MessageError: if the data is neither JPEG nor PNG, is truncated or damaged, or is
        depth rather than a picture.
    """
    data = bytes(message.data)
    if 'compressedDepth' in message.format or message.format.startswith(('16UC1', '32FC1')):
        raise MessageError(f"format '{message.format}' is depth; a picture is needed")
    _require_whole(data, message.format)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = _decode(data, flags, message.format)
    return cast(UInt8Array, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def decode_compressed_depth(message: Any, steps_per_m: float = MM_PER_M) -> Float32Array:
    """
    Return the depth of a CompressedImage as compressed_depth_image_transport or PNG writes it.

    :param message: a CompressedImage of format '16UC1; compressedDepth png', '32FC1;
        compressedDepth png' (quantised inverse depth) or a plain 16-bit PNG.
    :param steps_per_m: of 16UC1 and plain PNG; millimetres are usual.
    :return: float32 (H, W) in metres, NaN where unknown.
    :raises MessageError: if the format or the data is something else, truncated or damaged.
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
    _require_whole(data, message.format)
    values = _decode(data, cv2.IMREAD_UNCHANGED, message.format)
    if values.dtype != np.uint16 or values.ndim != 2:
        raise MessageError(
            f"format '{message.format}': the picture is {values.dtype} {values.shape}; depth is "
            'one channel of uint16'
        )
    if not message.format.startswith('32FC1'):
        return metres_from_steps(values, steps_per_m)
    with np.errstate(divide='ignore', invalid='ignore'):
        depth_m = np.float32(quantisation_a_m) / (values - np.float32(quantisation_b))
    return metres_from_metres(np.where(values == 0, np.float32(np.nan), depth_m))


def _require_whole(data: bytes, name: str) -> None:
    """Raise unless the data is a JPEG or PNG with its end: OpenCV fills what is missing grey."""
    if data.startswith(_PNG_START):
        whole = data.rfind(_PNG_END) >= 0
    elif data.startswith(_JPEG_START):
        # Inside a scan no FF is followed by D9, and a thumbnail's end lies before the scan.
        whole = data.rfind(_JPEG_END) > data.rfind(_JPEG_SCAN) >= 0
    else:
        raise MessageError(
            f"format '{name}': the data ({len(data)} bytes) is of no known kind; known: "
            f'{", ".join(KNOWN_FORMATS)}'
        )
    if not whole:
        raise MessageError(f"format '{name}': the data ends early, after {len(data)} bytes")


def _decode(data: bytes, flags: int, name: str) -> NDArray[Any]:
    try:
        pixels: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise MessageError(
            f"format '{name}': the data ({len(data)} bytes) cannot be decoded: {error.err}"
        ) from error
    if pixels is None:
        raise MessageError(f"format '{name}': the data ({len(data)} bytes) is damaged")
    return pixels
