"""Lists of pairs: a line for each sample, its image and its depth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.base import (
    FilePair,
    PairedFiles,
    require_focal,
    require_split,
)
from depth_anything_ros.lab.datasets.depth_files import read_stored_depth
from depth_anything_ros.lab.datasets.doubts import dark_doubt, stored_doubt
from depth_anything_ros.lab.datasets.lists import (
    delimiter_of,
    delimiter_text,
    numbers_of,
    read_lines,
    slashes,
    words_of,
)
from depth_anything_ros.lab.datasets.places import find_places
from depth_anything_ros.parameters import steps_per_metre
from depth_anything_ros.registry import Registry
from depth_anything_ros.types import Float32Array

NAME = 'pairs'
LAYOUT = 'a text file with lines "IMAGE DEPTH", both relative to the file or to root='

_HERE = 'depth_anything_ros.lab.datasets'
_WITH_DEPTH_FILES = (
    'hypersim', 'vkitti2', 'blendedmvs', 'irs', 'tartanair', 'kitti', 'eth3d', 'diode',
)  # fmt: skip
# Data sets whose files of depth follow a rule of their own, which a list may ask for.
LIKE: Registry[Callable[[FilePair], Float32Array]] = Registry(
    'data set with files of depth',
    {name: f'{_HERE}.{name}:read_depth' for name in _WITH_DEPTH_FILES},
)
# What lists write where there is no depth.
_NO_DEPTH = ('none', 'nan', 'null', '-')
# A focal length; fx fy cx cy; a matrix row by row.
_FOCAL, _PINHOLE, _MATRIX = 1, 4, 9
# A name, and a camera behind it that only spaces set apart.
_NAME_AND_NUMBERS = re.compile(r'(.*\.\w+)\s+([-+.\d\s]+)')


@dataclass(frozen=True)
class _Line:
    """What a line names: two files as written, '' for no depth, and the camera's numbers."""

    number: int
    rgb: str
    depth: str
    intrinsics: tuple[float, ...]


@dataclass(frozen=True)
class _StoredDepth:
    """Read depth by its unit; None takes integers as millimetres and floats as metres."""

    steps_per_m: float | None

    def __call__(self, pair: FilePair) -> Float32Array:
        return read_stored_depth(pair.depth, self.steps_per_m).depth_m


def open_pairs(
    path: Path,
    split: str,
    *,
    unit: str = '',
    root: str = '',
    depth_root: str = '',
    like: str = '',
) -> PairedFiles:
    """
    Open a list of pairs, such as those that AnyDepth and Depth Anything publish.

    A line is "IMAGE DEPTH" or "IMAGE DEPTH CAMERA". The first line says what stands between: tabs,
    else commas, else semicolons, else spaces; a name that holds that itself stands in quotes. A
    first line without any name of a file is a header. CAMERA is one focal length in pixels, fx fy
    cx cy, or the nine numbers of a matrix. Lines with an image alone, or whose depth is None, are
    left out and counted. Every split is all; a source is the folder of an image.

    Names are relative to the folder of the list. With `root` those that publishers wrote for a
    disk of their own are found too, see `find_places`.
    Source: datasets/*/train.txt of github.com/AIGeeksGroup/AnyDepth;
    metric_depth/dataset/splits of github.com/DepthAnything/Depth-Anything-V2.

    :param unit: of depth, see `steps_per_metre`; '' is millimetres for integers and metres for
        floats, with a warning where that gives an unusual median.
    :param root: the folder of images and depth.
    :param depth_root: that of depth, where it is another one.
    :param like: the data set of LIKE whose rule the files of depth follow; '' is one channel of
        integers or floats as PNG, TIFF, PFM, OpenEXR or `.npy`.
    :raises ConfigError: if the unit is none.
    :raises UnknownNameError: if LIKE has no such data set.
    :raises DatasetError: if the list is missing, empty or damaged, leads out of its folder, or
        names no files that are there.
    """
    require_split(NAME, split, ('train', 'val', 'test', 'all'))
    if unit and like:
        raise DatasetError(f'like={like} has a unit of its own; leave unit={unit} out')
    if path.is_dir():
        raise DatasetError(f"'{path}' is a folder; expected: {LAYOUT}")
    listed = _lines(path)
    pairs = _file_pairs(path, [line for line in listed if line.depth], root, depth_root or root)
    if not pairs:
        raise DatasetError(f"no pairs in the {len(listed)} lines of '{path}'; expected: {LAYOUT}")
    steps = steps_per_metre(unit) if unit else None
    read = LIKE[like] if like else _StoredDepth(steps)
    doubts = (
        '' if like else stored_doubt(str(path), pairs, read, steps),
        dark_doubt(str(path), [pair.rgb for pair in pairs]),
        f"{len(listed) - len(pairs)} of {len(listed)} lines of '{path}' name no depth"
        if len(pairs) < len(listed)
        else '',
    )
    return PairedFiles(NAME, pairs, read, '; '.join(filter(None, doubts)))


def _lines(path: Path) -> list[_Line]:
    lines = read_lines(path)
    delimiter = delimiter_of(lines[0][1]) if lines else ''
    if lines and _is_header(lines[0][1], delimiter):
        lines = lines[1:]
    return [_line(line, number, path, delimiter) for number, line in lines]


def _is_header(line: str, delimiter: str) -> bool:
    """Return whether no word of a line is the name of a file."""
    try:
        return not any(Path(word).suffix for word in words_of(line, delimiter))
    except ValueError:
        return False


def _line(line: str, number: int, path: Path, delimiter: str) -> _Line:
    try:
        rgb, *others = words_of(line, delimiter)
        if len(others) == 1 and (found := _NAME_AND_NUMBERS.fullmatch(others[0])):
            others = list(found.groups())
        depth = others[0] if others else ''
        intrinsics = _intrinsics(numbers_of(' '.join(others[1:]).split()))
    except ValueError as error:
        apart = delimiter_text(delimiter)
        raise DatasetError(
            f"line {number} of '{path}' is '{line}': {error}; write IMAGE DEPTH, or behind them "
            'one focal length, fx fy cx cy, or the nine numbers of a matrix; as in the first line '
            f'they are apart by {apart}, and names with {apart} in them stand in quotes'
        ) from error
    if depth.lower() in _NO_DEPTH:
        depth = ''
    return _Line(number, slashes(rgb), slashes(depth), intrinsics)


def _intrinsics(numbers: tuple[float, ...]) -> tuple[float, ...]:
    if len(numbers) == _MATRIX:
        fx, _, cx, _, fy, cy = numbers[:6]
        numbers = fx, fy, cx, cy
    if len(numbers) not in (0, _FOCAL, _PINHOLE):
        raise ValueError(f'{len(numbers)} numbers are not a camera')
    return require_focal(numbers)


def _file_pairs(path: Path, lines: list[_Line], root: str, depth_root: str) -> list[FilePair]:
    if not lines:
        return []
    images = find_places(path, [line.rgb for line in lines], root)
    depths = find_places(path, [line.depth for line in lines], depth_root)
    shown = [images.shown(line.rgb) for line in lines]
    count = Counter(shown)
    return [
        FilePair(
            # An image may be listed twice.
            name if count[name] == 1 else f'{name}:{line.number}',
            name.rpartition('/')[0] or path.stem,
            images.file(line.rgb),
            depths.file(line.depth),
            line.intrinsics,
        )
        for line, name in zip(lines, shown, strict=True)
    ]
