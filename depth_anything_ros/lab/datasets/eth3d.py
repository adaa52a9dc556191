"""ETH3D: photographs with the depth of a laser scanner, at full resolution."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.plausibility import DepthUnit
from depth_anything_ros.lab.datasets.base import (
    Dataset,
    FilePair,
    PairedFiles,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.doubts import unit_doubt
from depth_anything_ros.lab.datasets.files import read_bytes, read_size
from depth_anything_ros.types import Float32Array

NAME = 'eth3d'
LAYOUT = (
    'SCENE/ground_truth_depth/dslr_images/DSC_NNNN.JPG (SCENE_dslr_depth.7z) and '
    'SCENE/images/dslr_images/DSC_NNNN.JPG (SCENE_dslr_jpg.7z)'
)
# (H, W) of the camera, for which the depth was made.
CAMERA_SIZE = (4032, 6048)
_DEPTH = Path('ground_truth_depth', 'dslr_images')
_IMAGES = Path('images', 'dslr_images')


def open_eth3d(path: Path, split: str) -> Dataset:
    """
    Open the unpacked scenes of the high-resolution multi-view training set, or one of them.

    Depth is in metres and belongs to the images with the distortion of the lens
    (`dslr_images`, not `dslr_images_undistorted`). The test scenes have no public truth, so that
    every split is all. A source is a scene.
    Source: https://www.eth3d.net/documentation, training data: the files called .JPG under
    `ground_truth_depth` are not pictures but float32 row by row, at the size of the image,
    infinite where unknown.

    :raises DatasetError: if there are no samples or the split is unknown.
    """
    require_split(NAME, split, ('train', 'test', 'all'))
    require_folder(path)
    scenes = [path] if (path / _DEPTH).is_dir() else sorted(path.iterdir())
    pairs = [
        FilePair(f'{scene.name}/{depth.stem}', scene.name, scene / _IMAGES / depth.name, depth)
        for scene in scenes
        for depth in sorted((scene / _DEPTH).glob('*.*'))
    ]
    require_samples(pairs, path, LAYOUT)
    doubt = unit_doubt(str(path), pairs, read_depth, DepthUnit(None, told=True))
    return PairedFiles(NAME, pairs, read_depth, doubt)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth at the size of its image, or of the camera where the image was made smaller.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if a file is missing or damaged, or is of neither size.
    """
    data = read_bytes(pair.depth)
    size = read_size(pair.rgb)
    height, width = size
    camera = CAMERA_SIZE if width >= height else CAMERA_SIZE[::-1]
    shape = next((shape for shape in (size, camera) if 4 * prod(shape) == len(data)), None)
    if shape is None:
        raise DatasetError(
            f"'{pair.depth}' has {len(data)} bytes; {4 * prod(size)} are needed at the size of "
            f'its image, {width}x{height}, or {4 * prod(camera)} at that of the camera'
        )
    depth_m = np.frombuffer(data, '<f4').reshape(shape).astype(np.float32)
    depth_m[~(np.isfinite(depth_m) & (depth_m > 0))] = np.nan
    return depth_m
