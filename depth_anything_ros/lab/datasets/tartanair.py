"""TartanAir: flights through rendered worlds."""

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
from depth_anything_ros.lab.datasets.files import read_npy
from depth_anything_ros.types import Float32Array

NAME = 'tartanair'
LAYOUT = 'WORLD/…/PNNN/depth_left/NNNNNN_left_depth.npy and PNNN/image_left/NNNNNN_left.png'

# The sky is rendered some kilometres away.
_FARTHEST_M = 1000.0
# fx, fy, cx, cy of all cameras. Source: github.com/castacks/tartanair_tools, data_type.md.
_INTRINSICS = (320.0, 320.0, 320.0, 240.0)


def open_tartanair(path: Path, split: str) -> Dataset:
    """
    Open the unpacked data set; a source is a flight, such as 'office/Easy/P001'.

    Depth is in metres; beyond 1 km it is sky and becomes unknown. `train` and `all` are the
    same.

    :raises DatasetError: if there are no samples or the split is unknown.
    """
    require_split(NAME, split, ('train', 'all'))
    require_folder(path)
    pairs = []
    for depth in sorted(path.rglob('depth_left/*_left_depth.npy')):
        flight = depth.parent.parent
        number = depth.name.removesuffix('_left_depth.npy')
        source = path.name if flight == path else flight.relative_to(path).as_posix()
        rgb = flight / 'image_left' / f'{number}_left.png'
        pairs.append(FilePair(f'{source}/{number}', source, rgb, depth, _INTRINSICS))
    require_samples(pairs, path, LAYOUT)
    return PairedFiles(NAME, pairs, read_depth)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth in metres; beyond 1 km it is sky.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    depth_m = read_npy(pair.depth)
    return np.where((depth_m > 0) & (depth_m < _FARTHEST_M), depth_m, np.float32(np.nan))
