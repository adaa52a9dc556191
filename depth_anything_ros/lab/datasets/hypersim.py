"""Hypersim: rendered interiors with the distance of every pixel."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.base import (
    Dataset,
    FilePair,
    PairedFiles,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.files import import_h5py, read_hdf5
from depth_anything_ros.types import Float32Array

NAME = 'hypersim'
LAYOUT = (
    'ai_VVV_NNN/images/scene_cam_XX_geometry_hdf5/frame.IIII.depth_meters.hdf5 and '
    'scene_cam_XX_final_preview/frame.IIII.tonemap.jpg'
)
CAMERAS = 'metadata_camera_parameters.csv'
SPLITS = 'metadata_images_split_scene_v1.csv'

# Half the width of the image plane at distance 1: 60 degrees across, 886.81 px at 1024x768.
_HALF_WIDTH = 3**-0.5

Matrix = NDArray[np.float64]


def open_hypersim(path: Path, split: str) -> Dataset:
    """
    Open a folder of scenes as the publisher packs them.

    The files hold distances from the camera's centre, which become depth along the optical axis
    by the scene's own camera where `metadata_camera_parameters.csv` lies in the folder, else by
    the usual one of 60 degrees. `train`, `val` and `test` are those of
    `metadata_images_split_scene_v1.csv`, which must lie there too and also leaves out what it
    does not include; `all` needs no such file. A source is a scene.
    Source: github.com/apple/ml-hypersim: "depth_meters" is the Euclidean distance to the
    camera's optical centre; M_cam_from_uv maps (u, v, 1), u and v in -1..1, v upward, to a ray.

    :raises DatasetError: if there are no samples, the split is unknown or a table is damaged.
    :raises MissingDependencyError: if h5py is not installed.
    """
    require_split(NAME, split, ('train', 'val', 'test', 'all'))
    require_folder(path)
    pattern = 'ai_*/images/scene_*_geometry_hdf5/frame.*.depth_meters.hdf5'
    pairs = [_pair(depth) for depth in sorted(path.glob(pattern))]
    if split != 'all':
        wanted = _split_names(path / SPLITS, split)
        pairs = [pair for pair in pairs if pair.name in wanted]
    require_samples(pairs, path, LAYOUT)
    # Told here, and not by each process that reads the first sample.
    import_h5py()
    cameras = path / CAMERAS
    reader = _DepthReader(_camera_matrices(cameras) if cameras.is_file() else {})
    return PairedFiles(NAME, pairs, reader)


def planar_depth(distance_m: Float32Array, ray_from_uv: Matrix) -> Float32Array:
    """
    Turn distances from the camera's centre into depth along its axis.

    :param distance_m: float32 (H, W), metres.
    :param ray_from_uv: (3, 3), maps (u, v, 1) to a ray in the camera's frame, which looks along
        -z; u runs from -1 to 1 across the image to the right, v upward.
    :return: float32 (H, W), metres.
    """
    height, width = distance_m.shape
    u = (2 * np.arange(width) + 1) / width - 1
    v = 1 - (2 * np.arange(height) + 1) / height
    rays = (
        ray_from_uv[:, 0] * u[None, :, None]
        + ray_from_uv[:, 1] * v[:, None, None]
        + ray_from_uv[:, 2]
    )
    cosine: Matrix = -rays[..., 2] / np.linalg.norm(rays, axis=-1)
    return distance_m * cosine.astype(np.float32)


def usual_camera(height: int, width: int) -> Matrix:
    """Return `ray_from_uv` of the camera that nearly all scenes have."""
    return np.diag([_HALF_WIDTH, _HALF_WIDTH * height / width, -1.0])


@dataclass(frozen=True)
class _DepthReader:
    cameras: dict[str, Matrix] = field(default_factory=dict)

    def __call__(self, pair: FilePair) -> Float32Array:
        distance_m = read_hdf5(pair.depth, 'dataset')
        if distance_m.ndim != 2:
            raise DatasetError(f"'{pair.depth}' holds {distance_m.shape}; (height, width) needed")
        matrix = self.cameras.get(pair.source)
        if matrix is None:
            matrix = usual_camera(*distance_m.shape)
        depth_m = planar_depth(distance_m.astype(np.float32), matrix)
        depth_m[~(np.isfinite(depth_m) & (depth_m > 0))] = np.nan
        return depth_m


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read distances as the usual camera of 60 degrees sees them.

    :return: depth, float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    :raises MissingDependencyError: if h5py is not installed.
    """
    return _DepthReader()(pair)


def _pair(depth: Path) -> FilePair:
    folder = depth.parent
    scene = folder.parent.parent.name
    camera = folder.name.removeprefix('scene_').removesuffix('_geometry_hdf5')
    frame = depth.name.split('.')[1]
    rgb = folder.parent / f'scene_{camera}_final_preview' / f'frame.{frame}.tonemap.jpg'
    return FilePair(f'{scene}/{camera}/{frame}', scene, rgb, depth)


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding='utf-8', newline='') as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"table '{table}' cannot be read: {error}") from error


def _split_names(table: Path, split: str) -> set[str]:
    try:
        return {
            f'{row["scene_name"]}/{row["camera_name"]}/{int(row["frame_id"]):04d}'
            for row in _rows(table)
            if row['split_partition_name'] == split and row['included_in_public_release'] == 'True'
        }
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"table '{table}' is damaged: {error}") from error


def _camera_matrices(table: Path) -> dict[str, Matrix]:
    try:
        return {
            row['scene_name']: np.array(
                [[float(row[f'M_cam_from_uv_{i}{j}']) for j in range(3)] for i in range(3)]
            )
            for row in _rows(table)
        }
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"table '{table}' is damaged: {error}") from error
