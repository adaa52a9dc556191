"""IRS: a rendered stereo data set of interiors."""

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
from depth_anything_ros.lab.datasets.files import read_exr
from depth_anything_ros.types import Float32Array

NAME = 'irs'
LAYOUT = 'SCENE/…/d_N.exr and l_N.png in the same folder'
BASELINE_M = 0.1
FOCAL_PX = 480.0


def open_irs(path: Path, split: str) -> Dataset:
    """
    Open the unpacked data set: folders Home, Office, Restaurant, Store, or one of them.

    Depth of the left image is baseline · focal length / disparity, 0.1 m · 480 px; a disparity
    of 0 or less is unknown. A source is the folder of a recording. `train` and `all` are the
    same.

    :raises DatasetError: if there are no samples or the split is unknown.
    """
    require_split(NAME, split, ('train', 'all'))
    require_folder(path)
    pairs = []
    for disparity in sorted(path.rglob('d_*.exr')):
        number = disparity.stem.removeprefix('d_')
        folder = disparity.parent
        source = path.name if folder == path else folder.relative_to(path).as_posix()
        rgb = folder / f'l_{number}.png'
        pairs.append(FilePair(f'{source}/{number}', source, rgb, disparity))
    require_samples(pairs, path, LAYOUT)
    return PairedFiles(NAME, pairs, read_depth)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read the disparity of the left image as depth.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    disparity_px = read_exr(pair.depth)
    depth_m = np.full_like(disparity_px, np.nan)
    known = np.isfinite(disparity_px) & (disparity_px > 0)
    depth_m[known] = np.float32(BASELINE_M * FOCAL_PX) / disparity_px[known]
    return depth_m
