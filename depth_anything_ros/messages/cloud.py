"""sensor_msgs/PointCloud2 → points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.pixels import byte_count
from depth_anything_ros.types import Float32Array, UInt8Array

# sensor_msgs/PointField: its numbers of the kinds of 4 bytes.
_UINT32, _FLOAT32 = 6, 7
_AXES = ('x', 'y', 'z')
_COLOURS = ('rgb', 'rgba')
# More say nothing more on a screen; a dense cloud of 640×480 has 307,200.
MOST_POINTS = 400_000


@dataclass(frozen=True)
class Points:
    """Points float32 (n, 3) in metres, all finite, and their colours uint8 (n, 3) or None."""

    xyz_m: Float32Array
    rgb: UInt8Array | None


def decode_cloud(message: Any, stride: int = 1) -> Points:
    """
    Return the points of a cloud that are known.

    :param message: a PointCloud2 with x, y, z of float32, and perhaps rgb or rgba.
    :param stride: of an organised cloud every so many rows and columns are taken; beyond
        MOST_POINTS points of any cloud are left out evenly.
    :raises MessageError: if it lacks x, y or z, or its sizes contradict each other.
    Source: sensor_msgs/PointCloud2; PCL packs rgb as the bytes b, g, r, a of a float32.
    """
    height, width, step = (int(message.height), int(message.width), int(message.point_step))
    name = f'cloud of {width}x{height} points of {step} bytes'
    row_step = int(message.row_step)
    if row_step < width * step or byte_count(message.data, name) < height * row_step:
        raise MessageError(f'{name}: its data is shorter than that')
    fields = {str(field.name): field for field in message.fields}
    order = '>' if message.is_bigendian else '<'
    taken = max(stride, 1) if height > 1 else 1
    points: list[NDArray[Any]] = []
    for axis in _AXES:
        field = fields.get(axis)
        if field is None or int(field.datatype) != _FLOAT32 or int(field.offset) + 4 > step:
            raise MessageError(f"{name}: it has no '{axis}' of float32")
        points.append(_column(message, field, f'{order}f4')[::taken, ::taken].ravel())
    known = np.flatnonzero(
        np.isfinite(points[0]) & np.isfinite(points[1]) & np.isfinite(points[2])
    )
    known = known[:: max(1, math.ceil(len(known) / MOST_POINTS))]
    xyz_m = np.stack([values[known] for values in points], axis=1).astype(np.float32)
    packed = next((fields[word] for word in _COLOURS if word in fields), None)
    if packed is None or int(packed.datatype) not in (_UINT32, _FLOAT32):
        return Points(xyz_m, None)
    if int(packed.offset) + 4 > step:
        raise MessageError(f"{name}: '{packed.name}' lies outside of a point")
    colours = _column(message, packed, f'{order}u4')[::taken, ::taken].ravel()[known]
    rgb = np.stack([colours >> shift & 0xFF for shift in (16, 8, 0)], axis=1)
    return Points(xyz_m, rgb.astype(np.uint8))


def _column(message: Any, field: Any, kind: str) -> NDArray[Any]:
    """Return a field of all points, (height, width), over the memory of the message."""
    shape = int(message.height), int(message.width)
    if 0 in shape:  # NumPy takes no offset into no memory.
        return np.empty(shape, kind)
    return np.ndarray(
        shape, kind, message.data, int(field.offset),
        (int(message.row_step), int(message.point_step)),
    )  # fmt: skip
