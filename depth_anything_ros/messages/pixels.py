"""A sensor_msgs/Image as an array over the message's own memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError


def pixel_view(message: Any, kind: str, channels: int) -> NDArray[Any]:
    """
    Return the pixels of an Image as a read-only view, without copying.

    Padding at the end of rows is stepped over. The view shares memory with `message.data`,
    which may be array.array, bytes, memoryview or ndarray, and is valid as long as the message
    is not written to.

    :param message: an Image: height, width, encoding, is_bigendian, step, data.
    :param kind: NumPy's letter and size of one channel: 'u1', 'u2', 'f4'.
    :param channels: channels of a pixel.
    :return: (H, W) for one channel, else (H, W, channels), in the byte order of the message.
    :raises MessageError: if a side is zero, rows are shorter than the width needs, or the data
        is not `step` × `height` bytes of memory.
    """
    dtype = np.dtype(kind).newbyteorder('>' if message.is_bigendian else '<')
    height, width, step = int(message.height), int(message.width), int(message.step)
    name = f"{width}x{height} image of encoding '{message.encoding}'"
    if height < 1 or width < 1:
        raise MessageError(f'{name}: both sides must be at least 1 pixel')
    pixel_bytes = channels * dtype.itemsize
    if step < width * pixel_bytes:
        raise MessageError(
            f'{name}: step is {step} bytes, a row needs at least {width * pixel_bytes}'
        )
    given = byte_count(message.data, name)
    if given != step * height:
        raise MessageError(
            f'{name}: data has {given} bytes, step × height = {step} × {height} = '
            f'{step * height} are expected'
        )
    shape: tuple[int, ...] = (height, width, channels)
    strides: tuple[int, ...] = (step, pixel_bytes, dtype.itemsize)
    if channels == 1:
        shape, strides = shape[:2], strides[:2]
    view: NDArray[Any] = np.ndarray(shape, dtype, message.data, strides=strides)
    view.flags.writeable = False
    return view


def byte_count(data: Any, name: str) -> int:
    """
    Return the bytes of a message's data.

    :param name: what the message is, for the error.
    :raises MessageError: if the data is no memory.
    """
    try:
        return memoryview(data).nbytes
    except TypeError:
        raise MessageError(
            f'{name}: data is a {type(data).__name__}; a buffer of bytes is needed'
        ) from None
