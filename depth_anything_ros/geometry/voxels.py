"""Point clouds thinned to one point in each cube of space."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.result import PointCloud
from depth_anything_ros.types import Float32Array

# Cubes along an axis: three such numbers make one of 63 bits.
_AXIS_BITS = 21
# Odd, and with its ones spread, so that cubes side by side fall into different slots.
_SPREAD = 0x9E3779B97F4A7C15


def thin_by_voxels(cloud: PointCloud, voxel_m: float) -> PointCloud:
    """
    Return the mean point and mean colour of each cube of space that holds points.

    The cubes stand side by side from the origin on. Nothing is sorted: neighbours in a row that
    share a cube are added up first, then a table of slots finds the cubes.

    :param cloud: points whose z is NaN count nowhere.
    :param voxel_m: side of a cube in metres, above 0.
    :return: points (1, n, 4), all known, in the order in which their cubes first come.
    """
    planes = cv2.split(cloud.points)
    *xyz_m, colour = (cast(Float32Array, plane.reshape(-1)) for plane in planes)
    known = np.isfinite(xyz_m[2])
    if not known.all():
        xyz_m, colour = [axis_m[known] for axis_m in xyz_m], colour[known]
    if not len(colour):
        return PointCloud(np.empty((1, 0, 4), np.float32), dense=True)
    cubes = _cubes(xyz_m, voxel_m)
    starts = np.flatnonzero(np.append(True, cubes[1:] != cubes[:-1]))
    place, count = _numbered(cubes[starts])
    lengths = np.diff(np.append(starts, len(cubes)))
    share = 1.0 / np.bincount(place, lengths, count)

    def means(values: NDArray[np.generic]) -> NDArray[np.float64]:
        sums = np.add.reduceat(values, starts, dtype=np.float64)
        return cast('NDArray[np.float64]', np.bincount(place, sums, count) * share)

    rgb0 = np.zeros((count, 4), np.uint8)  # b, g, r, 0
    for channel in range(3):
        rgb0[:, channel] = means(colour.view(np.uint8)[channel::4]) + 0.5
    points = np.empty((1, count, 4), np.float32)
    for axis, axis_m in enumerate(xyz_m):
        points[0, :, axis] = means(axis_m)
    points[0, :, 3] = rgb0.view(np.float32)[:, 0]
    return PointCloud(points, dense=True)


def _cubes(xyz_m: list[Float32Array], voxel_m: float) -> NDArray[np.int64]:
    """Return a number for the cube that each point is in; those beyond 2^20 cubes share theirs."""
    half = 1 << (_AXIS_BITS - 1)
    numbers = np.zeros(len(xyz_m[0]), np.int64)
    for axis_m in xyz_m:
        steps = np.floor(axis_m * np.float32(1.0 / voxel_m))
        np.clip(steps, -half, half - 1, out=steps)
        numbers <<= _AXIS_BITS
        numbers += steps.astype(np.int64)
        numbers += half
    return numbers


def _numbered(keys: NDArray[np.int64]) -> tuple[NDArray[np.intp], int]:
    """
    Return for each key its number among the different ones, in order of appearance, and how many.

    A table holds the first of those that fall into a slot; where their keys differ, the others go
    into a table of their own, until all have a place.
    """
    first = np.empty(len(keys), np.intp)  # of each key, where it first comes
    waiting = np.arange(len(keys))
    bits = int(2 * len(keys)).bit_length()
    slots = np.empty(1 << bits, np.intp)
    spread = _SPREAD
    while len(waiting):
        mine = keys[waiting]
        slot = (mine.view(np.uint64) * np.uint64(spread)) >> np.uint64(64 - bits)
        # Backwards, as what is written last stays.
        slots[slot[::-1]] = waiting[::-1]
        holder = slots[slot]
        same = keys[holder] == mine
        first[waiting[same]] = holder[same]
        waiting = waiting[~same]
        spread = spread * _SPREAD % (1 << 64)
    is_first = first == np.arange(len(keys))
    numbers = np.cumsum(is_first) - 1
    return cast('NDArray[np.intp]', numbers[first]), int(np.count_nonzero(is_first))
