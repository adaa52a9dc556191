"""BlendedMVS: reconstructed scenes, rendered and blended with their photographs."""

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
from depth_anything_ros.lab.datasets.files import read_pfm
from depth_anything_ros.types import Float32Array

NAME = 'blendedmvs'
LAYOUT = 'SCENE/rendered_depth_maps/NNNNNNNN.pfm and SCENE/blended_images/NNNNNNNN.jpg'


def open_blendedmvs(path: Path, split: str) -> Dataset:
    """
    Open the unpacked data set; a source is a scene.

    Most scenes have a scale of their own, so that their depth is not in metres: train relative
    depth on them, judge only after alignment. 0 is unknown. `train` and `all` are the same.

    :raises DatasetError: if there are no samples or the split is unknown.
    """
    require_split(NAME, split, ('train', 'all'))
    require_folder(path)
    pairs = []
    for depth in sorted(path.glob('*/rendered_depth_maps/*.pfm')):
        scene = depth.parent.parent
        rgb = scene / 'blended_images' / f'{depth.stem}.jpg'
        pairs.append(FilePair(f'{scene.name}/{depth.stem}', scene.name, rgb, depth))
    require_samples(pairs, path, LAYOUT)
    return PairedFiles(NAME, pairs, read_depth)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth in the unit of its scene.

    :return: float32 (H, W) in the scene's unit, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    depth_m = read_pfm(pair.depth)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(np.nan))
