"""Virtual KITTI 2: rendered drives with exact depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_anything_ros.lab.datasets.base import (
    Dataset,
    FilePair,
    PairedFiles,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.files import read_png_depth
from depth_anything_ros.parameters import DEPTH_UNITS
from depth_anything_ros.types import Float32Array

NAME = 'vkitti2'
LAYOUT = (
    'SceneNN/VARIATION/frames/depth/Camera_C/depth_FFFFF.png and frames/rgb/Camera_C/'
    'rgb_FFFFF.jpg, in one folder or in vkitti_2.0.3_depth and vkitti_2.0.3_rgb'
)
_RGB_FOLDER, _DEPTH_FOLDER = 'vkitti_2.0.3_rgb', 'vkitti_2.0.3_depth'
_STEPS_PER_M = DEPTH_UNITS['cm']
# The largest 16-bit number is the sky.
_FARTHEST_M = 655.345
# fx, fy, cx, cy of all cameras. Source: intrinsic.txt of the publisher.
_INTRINSICS = (725.0087, 725.0087, 620.5, 187.0)


def open_vkitti2(path: Path, split: str) -> Dataset:
    """
    Open the unpacked archives of images and depth; a source is a scene with its variation.

    Depth is in centimetres, 655.35 m is sky and becomes unknown. There is no published split:
    `train` and `all` are the same.

    :raises DatasetError: if there are no samples or the split is unknown.
    """
    require_split(NAME, split, ('train', 'all'))
    require_folder(path)
    roots = path / _RGB_FOLDER, path / _DEPTH_FOLDER
    rgb_root, depth_root = roots if roots[1].is_dir() else (path, path)
    pattern = 'Scene*/*/frames/depth/Camera_*/depth_*.png'
    pairs = []
    for depth in sorted(depth_root.glob(pattern)):
        scene, variation, *_, camera, file = depth.relative_to(depth_root).parts
        number = Path(file).stem.removeprefix('depth_')
        rgb = rgb_root / scene / variation / 'frames' / 'rgb' / camera / f'rgb_{number}.jpg'
        source = f'{scene}/{variation}'
        pairs.append(FilePair(f'{source}/{camera}/{number}', source, rgb, depth, _INTRINSICS))
    require_samples(pairs, path, LAYOUT)
    return PairedFiles(NAME, pairs, read_depth)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth of 16 bits, centimetres; 655.35 m is sky.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    depth_m = read_png_depth(pair.depth, _STEPS_PER_M)
    return np.where(depth_m < _FARTHEST_M, depth_m, np.float32(np.nan))
