"""Depth images of sensor_msgs/Image → metres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.limits import check_size
from depth_anything_ros.messages.pixels import pixel_view
from depth_anything_ros.types import Float32Array

# mono16 is how some drivers name millimetres.
_KINDS = {'16UC1': 'u2', 'mono16': 'u2', '32FC1': 'f4'}

KNOWN_DEPTH_ENCODINGS = tuple(_KINDS)

MM_PER_M = 1000.0
# Metres, and masks of what is unknown.
_DECODED_BYTES = 4 + 2


def decode_depth(message: Any, steps_per_m: float = MM_PER_M) -> Float32Array:
    """
    Return the depth of an Image along the optical z axis.

    :param message: an Image of 16UC1 or mono16 (steps, 0 invalid) or 32FC1 (metres).
    :param steps_per_m: of integer depth; REP 118 has millimetres.
    :return: float32 (H, W) in metres; NaN where the sensor gave zero, a negative number, NaN
        or infinity. The memory is its own.
    :raises MessageError: if the encoding is unknown or the message truncated, mis-sized or
        empty.
    Source: REP 118.
    """
    kind = _KINDS.get(message.encoding)
    if kind is None:
        raise MessageError(
            f"unknown depth encoding '{message.encoding}'; known: {', '.join(_KINDS)}"
        )
    pixels = pixel_view(message, kind, 1)
    check_size(message.width, message.height, _DECODED_BYTES)
    return metres_from_steps(pixels, steps_per_m) if kind == 'u2' else metres_from_metres(pixels)


def decode_inverse_depth(message: Any) -> Float32Array:
    """
    Return the relative inverse depth that the depth node publishes.

    :param message: an Image of 32FC1; 0 is a value here (the farthest), not a gap.
    :return: float32 (H, W) without unit, as it was sent. The memory is its own.
    :raises MessageError: if the encoding is another or the message truncated, mis-sized or empty.
    """
    return _floats(message, 'inverse depth')


def decode_confidence(message: Any) -> Float32Array:
    """
    Return how sure a network is, as the depth node publishes it.

    :param message: an Image of 32FC1.
    :return: float32 (H, W) as it was sent, larger is surer, NaN where unknown; its own memory.
    :raises MessageError: if the encoding is another or the message truncated, mis-sized or empty.
    """
    return _floats(message, 'confidence')


def _floats(message: Any, what: str) -> Float32Array:
    if message.encoding != '32FC1':
        raise MessageError(f"unknown encoding of {what} '{message.encoding}'; known: 32FC1")
    values: Float32Array = pixel_view(message, 'f4', 1).astype(np.float32)
    return values


def metres_from_steps(steps: NDArray[Any], steps_per_m: float) -> Float32Array:
    """Return uint16 (H, W), 0 invalid, of so many steps a metre as float32 metres with NaN."""
    depth_m: Float32Array = np.divide(steps, np.float32(steps_per_m), dtype=np.float32)
    depth_m[steps == 0] = np.nan
    return depth_m


def metres_from_metres(depth_m: NDArray[Any]) -> Float32Array:
    """Return float metres (H, W) as native float32 with NaN for all that is not a distance."""
    return only_distances(depth_m.astype(np.float32))


def only_distances(depth_m: Float32Array) -> Float32Array:
    """Return the float32 metres given, with NaN written over all that is not a distance."""
    with np.errstate(invalid='ignore'):
        known = depth_m > 0
        known &= depth_m < np.inf
    depth_m[~known] = np.nan
    return depth_m


def millimetres(depth_m: Float32Array) -> NDArray[np.uint16]:
    """
    Return metres (H, W) as uint16 millimetres, rounded.

    :param depth_m: float32 metres; NaN, and what rounds to zero or beyond 65.535 m, becomes 0.
    """
    with np.errstate(invalid='ignore'):
        rounded: Float32Array = np.rint(depth_m * np.float32(MM_PER_M))
        rounded[~((rounded > 0) & (rounded < 65536))] = 0
    return rounded.astype(np.uint16)
