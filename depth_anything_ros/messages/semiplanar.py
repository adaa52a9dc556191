"""Images of a plane of luma and one of interleaved chroma (nv12, nv21, nv24) → rgb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.limits import check_size
from depth_anything_ros.messages.pixels import byte_count
from depth_anything_ros.types import UInt8Array


@dataclass(frozen=True)
class _Layout:
    """How many pixels share a pair of chroma, each way, and which of the pair is first."""

    shared: int
    blue_first: bool


_LAYOUTS = {
    'nv12': _Layout(2, blue_first=True),
    'nv21': _Layout(2, blue_first=False),
    'nv24': _Layout(1, blue_first=True),
}

SEMIPLANAR_ENCODINGS = tuple(_LAYOUTS)

# Luma from 16 to 235 and chroma from 16 to 240, as cameras and OpenCV's 4:2:0 have it.
_RGB_OF_YUV = np.array(
    [
        [1.164, 0.0, 1.596, -1.164 * 16 - 1.596 * 128],
        [1.164, -0.391, -0.813, -1.164 * 16 + (0.391 + 0.813) * 128],
        [1.164, 2.018, 0.0, -1.164 * 16 - 2.018 * 128],
    ]
)
# The planes of nv24 are joined before they become rgb.
_DECODED_BYTES = 3 + 3


def decode_semiplanar(message: Any) -> UInt8Array:
    """
    Return the pixels of an Image of nv12, nv21 or nv24 as rgb, by ITU-R BT.601.

    `step` is the length of a row of luma; rows of chroma are as long, or twice as long for nv24.
    Sides may be odd: the last row or column then has chroma of its own.

    :param message: an Image; `height` counts the rows of luma or, where the data says so, those
        of chroma too, as cv_bridge writes them.
    :return: uint8 (H, W, 3).
    :raises MessageError: if the message is truncated, mis-sized, empty or too large.
    Source: V4L2 pixel formats NV12, NV21, NV24.
    """
    layout = _LAYOUTS[message.encoding]
    luma, chroma = _planes(message, layout)
    height, width = luma.shape
    if layout.shared == 1:
        yuv = cv2.merge([luma, chroma[..., 0], chroma[..., 1]])
        return cast(UInt8Array, cv2.transform(yuv, _RGB_OF_YUV))
    if height % 2 or width % 2:
        edge = ((0, height % 2), (0, width % 2))
        luma = np.pad(luma, edge, mode='edge')
    code = cv2.COLOR_YUV2RGB_NV12 if layout.blue_first else cv2.COLOR_YUV2RGB_NV21
    rgb = np.asarray(cv2.cvtColorTwoPlane(luma, chroma, code), np.uint8)
    return np.ascontiguousarray(rgb[:height, :width])


def _planes(message: Any, layout: _Layout) -> tuple[UInt8Array, UInt8Array]:
    """Return luma (H, W) and chroma (h, w, 2), views of the message."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    name = f"{width}x{height} image of encoding '{message.encoding}'"
    given = byte_count(message.data, name)
    if layout.shared == 2 and height % 3 == 0 and given == step * height:
        height = height // 3 * 2
    check_size(width, height, _DECODED_BYTES)
    rows, columns = -(-height // layout.shared), -(-width // layout.shared)
    chroma_step = step * 2 // layout.shared
    row_bytes = max(width, columns * layout.shared)
    if step < row_bytes:
        raise MessageError(f'{name}: step is {step} bytes, a row needs at least {row_bytes}')
    wanted = step * height + chroma_step * rows
    if given != wanted:
        raise MessageError(
            f'{name}: data has {given} bytes; {height} rows of {step} bytes and {rows} of '
            f'{chroma_step} for the colours, {wanted}, are expected'
        )
    luma: UInt8Array = np.ndarray((height, width), np.uint8, message.data, strides=(step, 1))
    chroma: UInt8Array = np.ndarray(
        (rows, columns, 2), np.uint8, message.data, step * height, (chroma_step, 2, 1)
    )
    return luma, chroma
