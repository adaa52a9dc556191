"""Folders of pictures without any truth, to calibrate and to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.base import (
    RGB_SUFFIXES,
    Listed,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.doubts import dark_doubt
from depth_anything_ros.lab.datasets.files import read_rgb
from depth_anything_ros.lab.datasets.truth import Truth
from depth_anything_ros.types import DepthSample

NAME = 'images'
LAYOUT = f'pictures ({", ".join(RGB_SUFFIXES)}) at any depth'


@dataclass(frozen=True)
class Picture:
    """Name a sample without depth, its group, its file, and its pairs, see `DepthSample`."""

    name: str
    source: str
    rgb: Path
    pairs: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Pictures(Listed[Picture]):
    """
    Read pictures; their depth is unknown everywhere.

    :param truth: what is known of them instead.
    :param warning: what is odd about them; '' is nothing.
    """

    truth: Truth
    warning: str = ''

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample.

        :raises DatasetError: if its file is missing or damaged, or one of its points lies outside.
        :raises IndexError: if there is no such sample.
        """
        picture = self.entries[index]
        rgb = read_rgb(picture.rgb)
        unknown = np.full(rgb.shape[:2], np.nan, np.float32)
        pairs = np.array(picture.pairs, np.intp) if picture.pairs else None
        if pairs is not None and (pairs.reshape(-1, 2) >= rgb.shape[:2]).any():
            raise DatasetError(
                f"'{picture.rgb}' is {rgb.shape[1]}x{rgb.shape[0]}, and a point of it lies outside"
            )
        return DepthSample(rgb, unknown, picture.name, pairs=pairs)


def open_images(path: Path, split: str) -> Pictures:
    """
    Open a folder of pictures; a source is a folder in it.

    There is no truth: the verbs that calibrate read such pictures, those that score refuse them.
    Every split is all.

    :raises DatasetError: if there are no pictures or the split is unknown.
    """
    require_split(NAME, split, ('train', 'val', 'test', 'all'))
    require_folder(path)
    files = sorted(
        file for file in path.rglob('*') if file.suffix.lower() in RGB_SUFFIXES and file.is_file()
    )
    pictures = [_picture(path, file) for file in files]
    require_samples(pictures, path, LAYOUT)
    return Pictures(NAME, pictures, Truth.NONE, dark_doubt(str(path), files))


def _picture(root: Path, file: Path) -> Picture:
    folder = file.parent.relative_to(root).as_posix()
    # With its suffix: a.jpg and a.png may be two pictures.
    return Picture(file.relative_to(root).as_posix(), root.name if folder == '.' else folder, file)
