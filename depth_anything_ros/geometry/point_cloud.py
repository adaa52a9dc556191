"""Organised, coloured point clouds from metric depth, and PLY files of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.errors import CameraError
from depth_anything_ros.files import write_bytes
from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.geometry.flying_pixels import flying_pixels
from depth_anything_ros.result import PointCloud
from depth_anything_ros.types import Camera, MetricDepth, UInt8Array

# One vertex in a PLY file: metres in the optical frame, and the colour.
_VERTEX = np.dtype(
    [('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('red', 'u1'), ('green', 'u1'), ('blue', 'u1')]
)


def build_point_cloud(
    metric: MetricDepth,
    rgb: UInt8Array,
    camera: Camera | None,
    stride: int = 1,
    edge_jump: float = 0.0,
) -> PointCloud:
    """
    Lift every `stride`-th pixel of each row and column into the optical frame.

    :param metric: depth along z, (H, W) in metres, NaN where unknown.
    :param rgb: uint8 (H, W, 3) of the same image.
    :param camera: the camera of that image; distortion is taken out of the rays.
    :param stride: 1 takes every pixel; row 0 and column 0 are always in.
    :param edge_jump: leaves out what :func:`flying_pixels` finds with it; 0 keeps all.
    :return: points (ceil(H / stride), ceil(W / stride), 4); x, y, z are NaN where depth or
        ray is unknown or the pixel left out.
    :raises CameraError: if the camera is missing, uncalibrated or of another size, if image
        and depth differ in size, or the stride is below 1.
    """
    height, width = metric.depth_m.shape
    calibrated = require_calibrated(camera, height, width)
    if rgb.shape != (height, width, 3):
        raise CameraError(f'the image is {rgb.shape}, depth needs ({height}, {width}, 3)')
    if stride < 1:
        raise CameraError(f'stride {stride} is out of range; allowed: 1 or more')
    rays = ray_table(calibrated)
    depth_m = metric.depth_m
    if edge_jump > 0:
        depth_m = np.where(flying_pixels(metric, edge_jump), np.float32(np.nan), depth_m)
    if stride > 1:
        rays, depth_m = rays[::stride, ::stride], depth_m[::stride, ::stride]
        rgb = np.ascontiguousarray(rgb[::stride, ::stride])
    x_m = rays[..., 0] * depth_m
    y_m = rays[..., 1] * depth_m
    if calibrated.distortion:
        depth_m = np.where(np.isnan(x_m), np.float32(np.nan), depth_m)
    colour = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)
    colour[..., 3] = 0
    colour_bits = colour.view(np.float32)[..., 0]
    points = np.empty((*x_m.shape, 4), np.float32)
    cv2.merge([x_m, y_m, np.ascontiguousarray(depth_m), colour_bits], dst=points)
    return PointCloud(points)


def write_ply(path: Path, cloud: PointCloud) -> int:
    """
    Write the known points of a cloud as binary little-endian PLY: x y z red green blue.

    :param path: the file; folders on the way are made, a file of that name is replaced.
    :return: the number of points written; unknown (NaN) points are left out.
    :raises OutputError: if the file cannot be written.
    """
    write_bytes(path, ply_bytes(cloud))
    return int(np.isfinite(cloud.xyz_m).all(axis=-1).sum())


def ply_bytes(cloud: PointCloud) -> bytes:
    """Return what `write_ply` writes."""
    known = np.isfinite(cloud.xyz_m).all(axis=-1)
    vertices = np.empty(int(known.sum()), _VERTEX)
    for axis, name in enumerate(('x', 'y', 'z')):
        vertices[name] = cloud.xyz_m[..., axis][known]
    for channel, name in enumerate(('red', 'green', 'blue')):
        vertices[name] = cloud.rgb[..., channel][known]
    kinds = {'f': 'float', 'u': 'uchar'}
    properties = ''.join(
        f'property {kinds[_VERTEX[name].kind]} {name}\n' for name in _VERTEX.names or ()
    )
    header = (
        'ply\nformat binary_little_endian 1.0\n'
        'comment camera optical frame: x right, y down, z forward, metres\n'
        f'element vertex {len(vertices)}\n{properties}end_header\n'
    )
    return header.encode('ascii') + vertices.tobytes()
