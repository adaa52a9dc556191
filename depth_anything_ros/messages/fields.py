"""Arrays → the fields of sensor_msgs/Image and PointCloud2."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.depth import millimetres
from depth_anything_ros.result import PointCloud
from depth_anything_ros.types import Float32Array, LaserScan, UInt8Array

_LAYOUTS: dict[str, tuple[type, int]] = {
    'rgb8': (np.uint8, 3),
    'bgr8': (np.uint8, 3),
    'mono8': (np.uint8, 1),
    '16UC1': (np.uint16, 1),
    '32FC1': (np.float32, 1),
}

_FLOAT32 = 7  # sensor_msgs/PointField.FLOAT32


def image_fields(pixels: NDArray[Any], encoding: str) -> dict[str, Any]:
    """
    Return the fields of an Image but for the header.

    :param pixels: (H, W) or (H, W, 3), of the element type that the encoding says.
    :param encoding: rgb8, bgr8, mono8, 16UC1 or 32FC1.
    :return: height, width, encoding, is_bigendian, step, and data: uint8 (bytes,), which shares
        the memory of `pixels` where those are contiguous.
    :raises MessageError: if the encoding is unknown, or does not fit the array, or the array is
        empty.
    """
    if encoding not in _LAYOUTS:
        raise MessageError(f"unknown encoding to write '{encoding}'; known: {', '.join(_LAYOUTS)}")
    dtype, channels = _LAYOUTS[encoding]
    expected = '(H, W)' if channels == 1 else f'(H, W, {channels})'
    fits = pixels.ndim == 2 if channels == 1 else pixels.shape[2:] == (channels,)
    if pixels.dtype != dtype or not fits or pixels.size == 0:
        raise MessageError(
            f"encoding '{encoding}' is {np.dtype(dtype).name} {expected}; the array is "
            f'{pixels.dtype} {pixels.shape}'
        )
    height, width = pixels.shape[:2]
    return {
        'height': height,
        'width': width,
        'encoding': encoding,
        'is_bigendian': int(sys.byteorder == 'big'),
        'step': width * channels * pixels.itemsize,
        'data': _memory(pixels),
    }


def depth_image_fields(depth_m: Float32Array, encoding: str) -> dict[str, Any]:
    """
    Return the fields of a depth Image but for the header.

    :param depth_m: float32 (H, W) in metres, NaN where unknown.
    :param encoding: 32FC1 (metres, NaN) or 16UC1 (millimetres, 0 where unknown).
    :raises MessageError: if the encoding is another, or the array not float32 (H, W).
    """
    if encoding not in ('32FC1', '16UC1'):
        raise MessageError(f"unknown depth encoding '{encoding}'; known: 32FC1, 16UC1")
    if encoding == '32FC1':
        return image_fields(depth_m, encoding)
    return image_fields(millimetres(depth_m), encoding)


def point_cloud_fields(cloud: PointCloud) -> dict[str, Any]:
    """
    Return the fields of a PointCloud2 but for the header.

    :return: height, width, fields (dicts of name, offset, datatype, count), is_bigendian,
        point_step, row_step, is_dense (False: NaN marks unknown points), and data: uint8
        (bytes,), which shares the memory of the cloud.
    """
    height, width = cloud.points.shape[:2]
    point_step = cloud.points.shape[2] * cloud.points.itemsize
    return {
        'height': height,
        'width': width,
        'fields': tuple(
            {'name': name, 'offset': 4 * index, 'datatype': _FLOAT32, 'count': 1}
            for index, name in enumerate(('x', 'y', 'z', 'rgb'))
        ),
        'is_bigendian': sys.byteorder == 'big',
        'point_step': point_step,
        'row_step': point_step * width,
        'is_dense': cloud.dense,
        'data': _memory(cloud.points),
    }


def _memory(values: NDArray[Any]) -> UInt8Array:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)


def laser_scan_fields(scan: LaserScan) -> dict[str, Any]:
    """Return the fields of a sensor_msgs/LaserScan but for the header; all beams at one time."""
    return {
        'angle_min': scan.angle_min_rad,
        'angle_max': float(scan.angles_rad[-1]),
        'angle_increment': scan.angle_step_rad,
        'range_min': scan.range_min_m,
        'range_max': scan.range_max_m,
        'ranges': scan.ranges_m,
    }
