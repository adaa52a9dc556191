"""The official split of NYU Depth V2: 795 frames to train on, 654 to test."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import numpy as np

from depth_anything_ros.errors import DatasetError, MissingDependencyError, broken_form
from depth_anything_ros.geometry.plausibility import DepthUnit
from depth_anything_ros.home import expand_user
from depth_anything_ros.lab.datasets.base import (
    RGB_SUFFIXES,
    Dataset,
    FilePair,
    PairedFiles,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.doubts import unit_doubt
from depth_anything_ros.lab.datasets.files import read_png_depth
from depth_anything_ros.lab.datasets.nyu_depth_v2 import FILE, INTRINSICS, NyuDepthV2, read_scenes
from depth_anything_ros.messages import MM_PER_M
from depth_anything_ros.types import Float32Array

NAME = 'nyu_official'
SPLITS_FILE = 'splits.mat'
SPLITS_ADDRESS = 'http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat'
LAYOUT = (
    f'{FILE} and {SPLITS_FILE}, or exported frames: test/SCENE/rgb_NNNNN.jpg with '
    'sync_depth_NNNNN.png, depth_NNNN.png beside rgb_NNNN.png, or NNNNN_colors.png with '
    'NNNNN_depth.png'
)
# Where an exporter puts a split.
_FOLDERS = ('{split}', 'official_splits/{split}', 'nyu2_{split}')
_COUNTS = {'train': 795, 'test': 654}
_DEPTHS = {'raw': 'rawDepths', 'filled': 'depths'}
# The true file has 2,626 bytes.
_MOST_BYTES = 100_000
# What SciPy says of files that are none.
_DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, NotImplementedError,
    OverflowError, struct.error, zlib.error,
)  # fmt: skip


def open_nyu_official(path: Path, split: str, *, splits: str = '', depth: str = 'raw') -> Dataset:
    """
    Open the MATLAB file, the folder that holds it, or a folder of frames exported from it.

    Depth is in metres in the MATLAB file and in millimetres in exported PNG, 0 unknown. `test` is
    `testNdxs` of `splits.mat`, `train` is `trainNdxs`; of exported frames, the folders of those
    names, or all where there is none.
    Source: https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html;
    github.com/cleinc/bts, utils/extract_official_train_test_set_from_mat.py (rawDepths as
    `sync_depth_*.png`, 1000 steps a metre), on whose files published figures are made.

    :param splits: the file `splits.mat`; '' looks for it beside the MATLAB file.
    :param depth: of the MATLAB file: `raw` as measured, `filled` with its holes filled in.
    :raises DatasetError: if files are missing or damaged, or the split or the depth is unknown.
    :raises MissingDependencyError: if h5py or SciPy is not installed.
    """
    require_split(NAME, split, ('train', 'test', 'all'))
    if depth not in _DEPTHS:
        raise DatasetError(f"depth '{depth}' is unknown; known: {', '.join(_DEPTHS)}")
    labelled = path / FILE if (path / FILE).is_file() else path
    if not labelled.is_file():
        require_folder(path)
        if splits or depth != 'raw':
            raise DatasetError(f"'{path}' has no {FILE}, of which splits= and depth= speak")
        return _exported(path, split)
    scenes = read_scenes(labelled)
    if split == 'all':
        frames = tuple(range(len(scenes)))
    else:
        file = expand_user(splits) if splits else labelled.with_name(SPLITS_FILE)
        frames = _numbers(file, split)
    if not frames or min(frames) < 0 or max(frames) >= len(scenes):
        raise DatasetError(
            f"'{labelled}' has {len(scenes)} samples, and its split '{split}' goes up to "
            f'{max(frames, default=-1) + 1}; fetch both files anew'
        )
    names = tuple(scenes[frame] for frame in frames)
    return NyuDepthV2(labelled, frames, names, NAME, _DEPTHS[depth])


def _numbers(file: Path, split: str) -> tuple[int, ...]:
    """Return the samples of a split, counted from 0; MATLAB counts from 1."""
    if not file.is_file():
        raise DatasetError(
            f"no file '{file}', which says what is in the split '{split}'; fetch "
            f"{SPLITS_ADDRESS} and put it there, or say ',splits=FILE' behind the path"
        )
    if file.stat().st_size > _MOST_BYTES:
        raise DatasetError(f"'{file}' is too large for a list of samples; fetch {SPLITS_ADDRESS}")
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ModuleNotFoundError as error:
        raise MissingDependencyError('scipy', 'nyu') from error
    key = f'{split}Ndxs'
    try:
        numbers = np.asarray(loadmat(file, variable_names=[key])[key], np.int64).reshape(-1)
    except (*_DAMAGED, MatReadError) as error:
        raise DatasetError(
            f"'{file}' cannot be read as MATLAB's list '{key}': {broken_form(error)}; fetch "
            f'{SPLITS_ADDRESS} anew'
        ) from error
    return tuple((numbers - 1).tolist())


def _exported(path: Path, split: str) -> Dataset:
    found = (path / name.format(split=split) for name in _FOLDERS)
    folder = next((folder for folder in found if folder.is_dir()), path)
    pairs = [pair for rgb in sorted(folder.rglob('*')) if (pair := _pair(folder, rgb)) is not None]
    require_samples(pairs, path, LAYOUT)
    doubts = [unit_doubt(str(path), pairs, read_depth, DepthUnit(MM_PER_M, told=True))]
    if len(pairs) != _COUNTS.get(split, len(pairs)):
        doubts.append(f"'{folder}' has {len(pairs)} of the {_COUNTS[split]} frames of '{split}'")
    return PairedFiles(NAME, pairs, read_depth, '; '.join(filter(None, doubts)))


def _pair(root: Path, rgb: Path) -> FilePair | None:
    """Return an image with its depth, which may be missing; None where the name is no image's."""
    if rgb.suffix.lower() not in RGB_SUFFIXES:
        return None
    if rgb.stem.startswith('rgb_'):
        number = rgb.stem.removeprefix('rgb_')
        depths = [rgb.with_name(f'{kind}_{number}.png') for kind in ('sync_depth', 'depth')]
    elif rgb.stem.endswith('_colors'):
        depths = [rgb.with_name(f'{rgb.stem.removesuffix("_colors")}_depth.png')]
    else:
        return None
    depth = next((file for file in depths if file.is_file()), depths[0])
    scene = root.name if rgb.parent == root else rgb.parent.name
    room = re.sub(r'_\d+[a-z]?$', '', scene)
    return FilePair(f'{scene}/{rgb.stem}', room, rgb, depth, INTRINSICS)


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read exported depth of 16 bits, millimetres.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    return read_png_depth(pair.depth, MM_PER_M)
