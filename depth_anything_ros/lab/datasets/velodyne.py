"""Points of KITTI's laser scanner, seen by its cameras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.files import read_bytes
from depth_anything_ros.lab.datasets.lists import numbers_of, read_lines
from depth_anything_ros.types import Float32Array, Float64Array

CAMERA_FILE, SCANNER_FILE = 'calib_cam_to_cam.txt', 'calib_velo_to_cam.txt'
# x ahead, y left, z up in metres, and reflectance, float32 each.
_COLUMNS = 4


@dataclass(frozen=True)
class CameraCalibration:
    """
    How one camera of a day sees the points of the scanner.

    `size` is (H, W) of its rectified images, `projection` float64 (3, 4) maps points (x, y, z, 1)
    of the scanner in metres to (u · depth, v · depth, depth), `intrinsics` are fx, fy, cx, cy in
    pixels.
    """

    size: tuple[int, int]
    projection: Float64Array
    intrinsics: tuple[float, ...]


def read_calibration(day: Path, camera: str) -> CameraCalibration:
    """
    Read the calibration files of a day.

    Source: Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013, eq. 8.

    :param day: the folder of the day, which holds both files.
    :param camera: number of the camera, two digits.
    :raises DatasetError: if a file is missing or damaged.
    """
    cameras, scanner = (_table(day / name) for name in (CAMERA_FILE, SCANNER_FILE))
    try:
        width, height = (round(side) for side in cameras[f'S_rect_{camera}'])
        intrinsic = np.reshape(cameras[f'P_rect_{camera}'], (3, 4))
        rectify, pose = np.eye(4), np.eye(4)
        rectify[:3, :3] = np.reshape(cameras['R_rect_00'], (3, 3))
        pose[:3, :3] = np.reshape(scanner['R'], (3, 3))
        pose[:3, 3] = scanner['T']
    except (KeyError, ValueError) as error:
        raise DatasetError(f"the calibration in '{day}' is damaged: {error}") from error
    fx, fy = intrinsic.diagonal()[:2].tolist()
    return CameraCalibration(
        (height, width), intrinsic @ rectify @ pose, (fx, fy, *intrinsic[:2, 2].tolist())
    )


def read_points(path: Path) -> Float32Array:
    """
    Read a sweep of the scanner, float32 (n, 4): x ahead, y left, z up in metres, reflectance.

    :raises DatasetError: if the file is missing or damaged.
    """
    data = read_bytes(path)
    if not data or len(data) % (4 * _COLUMNS):
        raise DatasetError(
            f"'{path}' has {len(data)} bytes; points of {4 * _COLUMNS} bytes each are needed"
        )
    return np.frombuffer(data, '<f4').reshape(-1, _COLUMNS).astype(np.float32)


def project(
    points: Float32Array, calibration: CameraCalibration, *, along_scanner: bool = False
) -> Float32Array:
    """
    Return the depth of the points where a camera sees them; of several in a pixel, the nearest.

    Source: github.com/nianticlabs/monodepth2, kitti_utils.py, generate_depth_map: points behind
    the scanner are left out, and pixels count from 1 as in KITTI's own code.

    :param points: float32 (n, 4) as `read_points` gives them.
    :param along_scanner: depth is along the scanner's x axis rather than the camera's.
    :return: float32 (H, W) in metres, NaN where no point is.
    """
    ahead = points[points[:, 0] >= 0]
    homogeneous = np.column_stack([ahead[:, :3], np.ones(len(ahead), np.float32)])
    seen = homogeneous @ calibration.projection.T
    with np.errstate(divide='ignore', invalid='ignore'):
        pixels = np.round(seen[:, :2] / seen[:, 2:]) - 1
    depth_m = ahead[:, 0] if along_scanner else seen[:, 2]
    height, width = calibration.size
    inside = ((pixels >= 0) & (pixels < (width, height))).all(axis=1)
    columns, rows = pixels[inside].astype(np.intp).T
    nearest: NDArray[np.float64] = np.full(calibration.size, np.inf)
    np.minimum.at(nearest, (rows, columns), depth_m[inside])
    nearest[~(np.isfinite(nearest) & (nearest > 0))] = np.nan
    return nearest.astype(np.float32)


def _table(path: Path) -> dict[str, tuple[float, ...]]:
    """Return the rows `name: numbers` of a file; rows of other things are left out."""
    rows = {}
    for _, line in read_lines(path):
        name, _, text = line.partition(':')
        try:
            rows[name] = numbers_of(text.split())
        except ValueError:
            continue
    return rows
