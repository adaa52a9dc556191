"""DIODE: rooms and places outdoors, measured by a laser scanner."""

from __future__ import annotations

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
from depth_anything_ros.lab.datasets.files import read_array, read_npy
from depth_anything_ros.messages.depth import only_distances
from depth_anything_ros.types import Float32Array

NAME = 'diode'
LAYOUT = (
    'val/indoors/scene_NNNNN/scan_NNNNN/NAME.png, NAME_depth.npy and NAME_depth_mask.npy, or '
    'outdoor and train in their places'
)
PARTS = ('indoors', 'outdoor')
_SUFFIX = '_depth.npy'


def open_diode(path: Path, split: str, *, part: str = '') -> Dataset:
    """
    Open the unpacked archives; a source is a scene, such as 'indoors/scene_00019'.

    Depth is in metres, known where the mask is not 0. `train` and `val` are the folders of those
    names; `test` is `val`, on which published figures are made, as no other is there. `all` is
    everything below PATH, as are the others where PATH is a part of the tree.
    Source: github.com/diode-dataset/diode-devkit, README: `*_depth.npy` and `*_depth_mask.npy`,
    1 where the sensor has a return. The intrinsics of the devkit are left out: users found corners
    that are not square with them (its issue 20).

    :param part: `indoors` or `outdoor`; '' is both.
    :raises DatasetError: if there are no samples, or the split or the part is unknown.
    """
    require_split(NAME, split, ('train', 'val', 'test', 'all'))
    require_folder(path)
    if part and part not in PARTS:
        raise DatasetError(f"'{NAME}' has no part '{part}'; known: {', '.join(PARTS)}")
    wanted = 'val' if split == 'test' else split
    has_splits = any((path / name).is_dir() for name in ('train', 'val'))
    folder = path / wanted if has_splits and wanted != 'all' else path
    found = [_pair(depth) for depth in sorted(folder.rglob(f'*{_SUFFIX}'))]
    pairs = [pair for pair in found if pair.source.startswith(part)]
    require_samples(pairs, path, LAYOUT)
    doubt = unit_doubt(str(path), pairs, read_depth, DepthUnit(None, told=True))
    return PairedFiles(NAME, pairs, read_depth, doubt)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth where its mask, beside it, says that it is known.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if a file is missing, damaged, or the two differ in shape.
    """
    depth_m = read_npy(pair.depth)
    mask_file = pair.depth.with_name(pair.depth.name.removesuffix('.npy') + '_mask.npy')
    mask = read_array(mask_file)
    if mask.shape != depth_m.shape:
        raise DatasetError(
            f"'{mask_file}' is {mask.shape}, its depth {depth_m.shape}; one shape is needed"
        )
    return only_distances(np.where(mask != 0, depth_m, np.float32(np.nan)))


def _pair(depth: Path) -> FilePair:
    stem = depth.name.removesuffix(_SUFFIX)
    scene = depth.parent.parent
    source = f'{scene.parent.name}/{scene.name}'
    rgb = depth.with_name(f'{stem}.png')
    return FilePair(f'{source}/{depth.parent.name}/{stem}', source, rgb, depth)
