"""Folders of image and depth files, with an index or without."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import ConfigError, DatasetError, broken_form
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.lab.datasets.base import (
    RGB_SUFFIXES,
    Dataset,
    FilePair,
    PairedFiles,
    require_focal,
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.depth_files import DEPTH_SUFFIXES, read_stored_depth
from depth_anything_ros.lab.datasets.doubts import dark_doubt, stored_doubt, thinned
from depth_anything_ros.parameters import steps_per_metre
from depth_anything_ros.types import Float32Array

NAME = 'rgbd_folder'
LAYOUT = (
    'index.json, or folders rgb/ (or color/, image/, images/) and depth/ with files of the same '
    'names, as 0.png and 0.png or rgb_0.png and depth_0.png'
)

# Frames of one sequence are alike; this many, evenly spaced, stand for it.
SEQUENCE_FRAMES = 5

# Of folders of images, beside depth/; the first that is there counts.
_IMAGE_FOLDERS = ('rgb', 'color', 'image', 'images')
# What names of files say of their kind, before or behind what they share.
_KIND = re.compile(
    r'^(?:rgb|color|image|depth)[-_.]|[-_.](?:rgb|color|image|depth)$', re.IGNORECASE
)

_PLAIN_SPLITS = ('train', 'val', 'test', 'all')


@dataclass(frozen=True)
class Selection:
    """
    Choose among indexed frames.

    `judging` leaves out what the index does not call fit for metrics (`eval_ok`) and sparse
    depth; `real` keeps real (True) or synthetic (False) frames, None both; `sequence_frames` is
    how many frames of a sequence are taken, evenly spaced, None all.
    """

    judging: bool
    real: bool | None
    sequence_frames: int | None


SELECTIONS = {
    'test': Selection(judging=True, real=None, sequence_frames=SEQUENCE_FRAMES),
    'real': Selection(judging=True, real=True, sequence_frames=SEQUENCE_FRAMES),
    'synthetic': Selection(judging=True, real=False, sequence_frames=SEQUENCE_FRAMES),
    'all': Selection(judging=False, real=None, sequence_frames=None),
}


def open_rgbd_folder(path: Path, split: str, *, unit: str = '') -> Dataset:
    """
    Open a folder of RGB-D frames; depth is PNG, .npy, TIFF, PFM or OpenEXR, 0 unknown.

    With an `index.json` (single frames `rgb.*`, `depth.png` and sequences `rgb/`, `depth/`) the
    splits are those of SELECTIONS; there is none to train on, because such frames judge. The
    source of a single frame is its folder's name without trailing number, that of a sequence
    its folder's name.

    Without index every folder below `path` that holds images and `depth/` is a source, and
    `train`, `val` and `test` are folders of that name where there are any; else every split is
    all.

    A frame of the index may name the unit of its depth, as `"unit": "5000/m"`, and the camera of
    its image, as `"intrinsics": {"fx": 525, "fy": 525, "cx": 319.5, "cy": 239.5}`.

    :param unit: of depth for which no index names one, see `steps_per_metre`; '' is millimetres
        for integers and metres for floats, with a warning where that gives an unusual median.
    :raises ConfigError: if the unit is none.
    :raises DatasetError: if there are no frames, the split is unknown, the index is damaged,
        points outside the folder or contradicts the unit, or the unit is told for both kinds.
    """
    require_folder(path)
    if (path / 'index.json').is_file():
        require_split(NAME, split, tuple(SELECTIONS))
        pairs, units = _indexed_pairs(path, SELECTIONS[split], unit)
        if not pairs:
            raise DatasetError(f"'{path / 'index.json'}' names no frames of the split '{split}'")
    else:
        if split in SELECTIONS and split not in _PLAIN_SPLITS:
            raise DatasetError(f"'{path}' has no index.json, which the split '{split}' is part of")
        require_split(NAME, split, _PLAIN_SPLITS)
        folder = path / split
        pairs, units = _plain_pairs(folder if folder.is_dir() else path), {}
    require_samples(pairs, path, LAYOUT)
    reader = _DepthReader(units, steps_per_metre(unit) if unit else None)
    others = [pair for pair in pairs if pair.depth not in reader.units]
    warnings = (
        stored_doubt(str(path), others, reader, reader.steps_per_m),
        dark_doubt(str(path), [pair.rgb for pair in pairs]),
        _left_out(path, pairs),
    )
    return PairedFiles(NAME, pairs, reader, '; '.join(filter(None, warnings)))


@dataclass(frozen=True)
class _DepthReader:
    """
    Read depth by the unit that the index names for a frame, else by that of all others.

    `steps_per_m` of None takes integers as millimetres and floats as metres.
    """

    units: Mapping[Path, float]
    steps_per_m: float | None

    def __call__(self, pair: FilePair) -> Float32Array:
        steps_per_m = self.units.get(pair.depth, self.steps_per_m)
        return read_stored_depth(pair.depth, steps_per_m).depth_m


def _left_out(path: Path, pairs: Sequence[FilePair]) -> str:
    """Return how many images beside the pairs have no depth, '' if all have."""
    images, alone = 0, 0
    folders = {pair.depth.parent for pair in pairs if pair.depth.parent.name == 'depth'}
    for folder in (depth.parent for depth in folders):
        names = {_shared(file) for file in _files(_images_of(folder), RGB_SUFFIXES)}
        images += len(names)
        alone += len(names - {_shared(file) for file in _files(folder / 'depth', DEPTH_SUFFIXES)})
    if not alone:
        return ''
    return f"{alone} of {images} images of '{path}' have no depth file of their name"


def _indexed_pairs(
    path: Path, selection: Selection, unit: str
) -> tuple[list[FilePair], dict[Path, float]]:
    """Return the pairs, and steps a metre by depth file where the index names them."""
    index = path / 'index.json'
    found: list[FilePair] = []
    units: dict[Path, float] = {}
    try:
        for entry in parse_json(index.read_text(encoding='utf-8')):
            if not _is_wanted(entry, selection):
                continue
            _require_inside(path, path / entry['path'])
            pairs = _entry_pairs(path, entry, selection)
            for file in (file for pair in pairs for file in (pair.rgb, pair.depth)):
                _require_inside(path, file)
            if 'unit' in entry:
                steps = _unit_of(entry, unit)
                units.update({pair.depth: steps for pair in pairs})
            intrinsics = _intrinsics(entry)
            found += [replace(pair, intrinsics=intrinsics) for pair in pairs]
        return found, units
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise DatasetError(
            f"index '{index}' is damaged: {broken_form(error)}; a list of objects "
            'with kind, path, eval_ok, sparse and real is needed'
        ) from error


def _intrinsics(entry: dict[str, Any]) -> tuple[float, ...]:
    camera = entry.get('intrinsics')
    if not camera:
        return ()
    return require_focal(tuple(float(camera[name]) for name in ('fx', 'fy', 'cx', 'cy')))


def _unit_of(entry: dict[str, Any], unit: str) -> float:
    """
    Return the unit of an entry, steps a metre.

    :raises ConfigError: if it is none.
    :raises DatasetError: if the data word names another.
    """
    steps = steps_per_metre(str(entry['unit']))
    if unit and steps_per_metre(unit) != steps:
        raise DatasetError(
            f"the index names the unit '{entry['unit']}' for '{entry['path']}', and unit={unit} "
            'was given; leave one out'
        )
    return steps


def _require_inside(path: Path, file: Path) -> None:
    # The way to the folder itself may well go up.
    below = file.is_relative_to(path) and '..' not in file.relative_to(path).parts
    if not below or not file.resolve().is_relative_to(path.resolve()):
        raise DatasetError(
            f"index '{path / 'index.json'}' points outside its folder, to '{file}'; allowed: "
            'files in it'
        )


def _is_wanted(entry: dict[str, Any], selection: Selection) -> bool:
    if selection.judging and (not entry['eval_ok'] or entry['sparse']):
        return False
    return selection.real is None or bool(entry['real']) == selection.real


def _entry_pairs(path: Path, entry: dict[str, Any], selection: Selection) -> list[FilePair]:
    folder = path / entry['path']
    if entry['kind'] == 'single':
        source = re.sub(r'_\d+$', '', folder.name)
        return [FilePair(folder.name, source, folder / entry['rgb'], folder / 'depth.png')]
    pairs = _folder_pairs(folder, folder.name)
    if not pairs:
        raise DatasetError(f"sequence '{folder}' of the index holds no frames")
    return [pairs[place] for place in thinned(len(pairs), selection.sequence_frames)]


def _plain_pairs(path: Path) -> list[FilePair]:
    folders = sorted(depth.parent for depth in path.rglob('depth') if depth.is_dir())
    return [
        pair
        for folder in folders
        if _images_of(folder).is_dir()
        for pair in _folder_pairs(folder, _relative_name(folder, path))
    ]


def _relative_name(folder: Path, root: Path) -> str:
    return root.name if folder == root else folder.relative_to(root).as_posix()


def _images_of(folder: Path) -> Path:
    """Return the folder of images beside `depth/`, as it is usually called if there is none."""
    folders = [folder / name for name in _IMAGE_FOLDERS]
    return next((found for found in folders if found.is_dir()), folders[0])


def _shared(file: Path) -> str:
    """Return what the names of an image and of its depth share."""
    return _KIND.sub('', file.stem)


def _folder_pairs(folder: Path, source: str) -> list[FilePair]:
    """
    Pair the files of the same name; an image without depth is no sample, depth without is.

    :raises DatasetError: if two files have the same name, so that either may be meant.
    """
    place = _images_of(folder)
    images = _by_name(_files(place, RGB_SUFFIXES))
    # One that cannot be read is named with the kinds that can.
    others = {_shared(file): file for file in _files(place)}
    return [
        FilePair(
            f'{source}/{depth.stem}',
            source,
            images.get(name) or others.get(name, place / f'{name}.png'),
            depth,
        )
        for name, depth in _by_name(_files(folder / 'depth', DEPTH_SUFFIXES)).items()
    ]


def _by_name(files: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(_shared(file), file)
        if other != file:
            raise DatasetError(
                f"either of '{other}' and '{file.name}' may be meant; keep one of them there"
            )
    return found


def _files(folder: Path, suffixes: tuple[str, ...] = ()) -> list[Path]:
    """Return the entries of a folder with one of these suffixes; none means all."""
    if not folder.is_dir():
        return []
    return sorted(
        file for file in folder.iterdir() if not suffixes or file.suffix.lower() in suffixes
    )
