"""The labelled part of NYU Depth V2, one MATLAB file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.lab.datasets.base import (
    Dataset,
    camera_of,
    checked_sample,
    require_split,
)
from depth_anything_ros.lab.datasets.files import import_h5py
from depth_anything_ros.messages.limits import check_bytes
from depth_anything_ros.types import DepthSample

NAME = 'nyu_depth_v2'
FILE = 'nyu_depth_v2_labeled.mat'

# "a subset of 500 training samples and 100 validation samples", without saying which.
TRAIN_SAMPLES = 500
TEST_SAMPLES = 100
_ORDER_SEED = 0
_NUMBERS = re.compile(r'(\d+)-(\d+)')
# fx, fy, cx, cy of the colour camera. Source: camera_params.m of the publisher's toolbox.
INTRINSICS = (518.857901, 519.469611, 325.582449, 253.736166)


@dataclass(frozen=True)
class NyuDepthV2:
    """
    Read frames of the file, each time anew, so that any number of processes may.

    `frames` are the numbers of the samples in the file, `scenes` their scenes ('kitchen_0003'),
    `depths` is the array that holds their depth.
    """

    path: Path
    frames: tuple[int, ...]
    scenes: tuple[str, ...]
    name: str = NAME
    depths: str = 'depths'

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.frames)

    def sample_name(self, index: int) -> str:
        """
        Return scene and number of a sample.

        :raises IndexError: if there is no such sample.
        """
        return f'{self.scenes[index]}/{self.frames[index]:04d}'

    def source(self, index: int) -> str:
        """
        Return the kind of room: the scene without its number.

        :raises IndexError: if there is no such sample.
        """
        return self.scenes[index].rpartition('_')[0] or self.scenes[index]

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample; MATLAB's axes (channel, column, row) are turned round.

        :raises DatasetError: if the file is damaged.
        :raises MissingDependencyError: if h5py is not installed.
        :raises IndexError: if there is no such sample.
        """
        frame = self.frames[index]
        try:
            with import_h5py().File(self.path, 'r') as file:
                check_bytes(sum(_row_bytes(file[key]) for key in ('images', self.depths)), 'it')
                rgb = np.ascontiguousarray(file['images'][frame].transpose(2, 1, 0))
                depth_m = np.ascontiguousarray(file[self.depths][frame].T, np.float32)
        except (OSError, KeyError, ValueError, AttributeError, MessageError) as error:
            raise DatasetError(
                f"sample {frame} of '{self.path}' cannot be read: {error}"
            ) from error
        depth_m[depth_m <= 0] = np.nan
        camera = camera_of(INTRINSICS, rgb.shape)
        place = f'{self.path}[{frame}]'
        return checked_sample(rgb, depth_m, self.sample_name(index), place, camera)


def open_nyu_depth_v2(path: Path, split: str) -> Dataset:
    """
    Open `nyu_depth_v2_labeled.mat`, or the folder that holds it.

    `train` has 500 samples and `test` 100, as in "Depth Anything V2 Mini", which does not say
    which ones: here the scenes are put into a fixed random order and their frames dealt out,
    first to `train`, then from the next scene on to `test`, so that no scene is in both. `all`
    has every sample, and `0-499`, as the public scripts of that paper take them, the first 500.

    :raises DatasetError: if the file is missing, damaged, or too small for the split.
    :raises MissingDependencyError: if h5py is not installed.
    """
    numbers = _NUMBERS.fullmatch(split)
    if numbers is None:
        require_split(NAME, split, ('train', 'test', 'all', 'FIRST-LAST, as 0-499'))
    if path.is_dir():
        path = path / FILE
    scenes = read_scenes(path)
    if split == 'all':
        frames: Sequence[int] = range(len(scenes))
    elif numbers is not None:
        frames = range(int(numbers[1]), int(numbers[2]) + 1)
        if not frames or frames[-1] >= len(scenes):
            raise DatasetError(f"'{path}' has samples 0 to {len(scenes) - 1}, not {split}")
    else:
        frames = _dealt(scenes, path)[split]
    return NyuDepthV2(path, tuple(frames), tuple(scenes[frame] for frame in frames))


def _dealt(scenes: Sequence[str], path: Path) -> dict[str, list[int]]:
    """Return the samples of each split."""
    names = sorted(set(scenes))
    order = np.random.default_rng(_ORDER_SEED).permutation(len(names))
    rank = {names[place]: number for number, place in enumerate(order.tolist())}
    frames = sorted(range(len(scenes)), key=lambda frame: (rank[scenes[frame]], frame))
    train = frames[:TRAIN_SAMPLES]
    trained = {scenes[frame] for frame in train}
    rest = [frame for frame in frames[TRAIN_SAMPLES:] if scenes[frame] not in trained]
    if len(rest) < TEST_SAMPLES:
        raise DatasetError(
            f"'{path}' has {len(scenes)} samples; {TRAIN_SAMPLES} and, of other scenes, "
            f'{TEST_SAMPLES} are needed for a split'
        )
    return {'train': train, 'test': rest[:TEST_SAMPLES]}


def read_scenes(path: Path) -> list[str]:
    """
    Return the scene of every sample; MATLAB keeps them as references to 16-bit characters.

    :raises DatasetError: if the file is missing or damaged.
    :raises MissingDependencyError: if h5py is not installed.
    """
    h5py = import_h5py()
    if not path.is_file():
        raise DatasetError(f"no file '{path}'")
    try:
        with h5py.File(path, 'r') as file:
            count = len(file['images'])
            check_bytes(file['scenes'].nbytes, "'scenes'")
            references = np.asarray(file['scenes']).reshape(-1)
            scenes = [_characters(file[reference]) for reference in references]
            depths = len(file['depths'])
    except (OSError, KeyError, ValueError, TypeError, AttributeError, MessageError) as error:
        raise DatasetError(f"'{path}' cannot be read: {error}") from error
    if not len(scenes) == count == depths:
        raise DatasetError(
            f"'{path}' is damaged: {count} images, {depths} depths, {len(scenes)} scenes"
        )
    return scenes


def _row_bytes(array: Any) -> int:
    return int(array.nbytes) // max(len(array), 1)


def _characters(codes: Any) -> str:
    check_bytes(codes.nbytes, 'the name of a scene')
    values: NDArray[Any] = np.asarray(codes).reshape(-1)
    return ''.join(chr(int(value)) for value in values)
