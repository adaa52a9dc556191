"""TUM RGB-D and ICL-NUIM: sequences of a depth camera whose frames are paired by time."""

from __future__ import annotations

import glob
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from depth_anything_ros.bag.pairing import StampPairer
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
from depth_anything_ros.lab.datasets.files import read_png_depth
from depth_anything_ros.lab.datasets.lists import delimiter_of, inside, read_lines, words_of
from depth_anything_ros.parameters import DEPTH_UNITS
from depth_anything_ros.types import Float32Array

NAME = 'tum_rgbd'
LAYOUT = (
    'a sequence, or folders of sequences, with rgb/, depth/ and either rgb.txt and depth.txt or '
    'associations.txt'
)
ASSOCIATIONS = ('associations.txt', 'association.txt', 'associate.txt')
_STEPS_PER_M = DEPTH_UNITS['tum']
_NS_PER_S = 10**9
# The year 5138, as seconds; what is later is in another unit.
_LATEST_S = 10**11


def open_tum_rgbd(
    path: Path, split: str, *, associations: str = '', within: str = '0.02'
) -> Dataset:
    """
    Open a sequence, or a folder of them; a source is a sequence. Every split is all.

    Depth has 5000 steps a metre, 0 unknown, and is registered to the images. Each image has the
    depth nearest in time, one to one, as lines "seconds file" of `rgb.txt` and `depth.txt` say;
    where there is a file of lines "seconds file seconds file", it says so, in either order.
    Source: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats, and associate.py there
    (0.02 s); ICL-NUIM's "TUM RGB-D compatible" archives have `associations.txt`, depth first.

    :param associations: name of the file of associations in each sequence; '' looks for one of
        ASSOCIATIONS, then for `rgb.txt`.
    :param within: seconds that image and depth may be apart.
    :raises DatasetError: if there are no samples, the split is unknown, or a list is damaged or
        points outside of its sequence.
    """
    require_split(NAME, split, ('train', 'val', 'test', 'all'))
    require_folder(path)
    if Path(associations).name != associations:
        raise DatasetError(
            f'associations={associations} is not the name of a file in each sequence'
        )
    names = (associations,) if associations else (*ASSOCIATIONS, 'rgb.txt')
    within_ns = _stamp_ns(within, f'within={within}')
    if within_ns < 0:
        raise DatasetError(f'within={within} is negative; allowed: 0 s or more')
    folders = sorted(
        {file.parent for name in names for file in path.rglob(glob.escape(name)) if file.is_file()}
    )
    pairs: list[FilePair] = []
    images, reasons = 0, []
    for folder in folders:
        listed = next(folder / name for name in names if (folder / name).is_file())
        if listed.name == 'rgb.txt' and not associations:
            found, count, reason = _by_time(folder, within_ns)
            reasons += [reason] if reason else []
        else:
            found = _associated(folder, listed)
            count = len(found)
        pairs += found
        images += count
    if reasons and not pairs:
        raise DatasetError(reasons[0])
    require_samples(pairs, path, LAYOUT)
    doubts = (
        unit_doubt(str(path), pairs, read_depth, DepthUnit(_STEPS_PER_M, told=True)),
        _left_out(path, images - len(pairs), images, within),
        *reasons,
    )
    return PairedFiles(NAME, pairs, read_depth, '; '.join(filter(None, doubts)))


def read_depth(pair: FilePair) -> Float32Array:
    """
    Read depth of 16 bits, 5000 steps a metre.

    :return: float32 (H, W) in metres, NaN where unknown.
    :raises DatasetError: if the file is missing or damaged.
    """
    return read_png_depth(pair.depth, _STEPS_PER_M)


def _by_time(folder: Path, within_ns: int) -> tuple[list[FilePair], int, str]:
    """Return the pairs of `rgb.txt` and `depth.txt`, how many images there are, why no pairs."""
    images, depths = (list(_stamped(folder / name)) for name in ('rgb.txt', 'depth.txt'))
    pairer: StampPairer[Path, Path] = StampPairer(within_ns, len(images) + len(depths))
    events = [(*item, pairer.add_left) for item in images]
    events += [(*item, pairer.add_right) for item in depths]
    found = []
    for stamp_ns, file, add in sorted(events, key=lambda event: event[0]):
        found += add(stamp_ns, file)
    found += pairer.flush()
    ordered = sorted(found, key=lambda pair: pair.left_ns)
    reason = '' if found else _why_none(folder, [item[0] for item in images],
                                        [item[0] for item in depths])  # fmt: skip
    return [_pair(folder, pair.left, pair.right) for pair in ordered], len(images), reason


def _why_none(folder: Path, images_ns: Sequence[int], depths_ns: Sequence[int]) -> str:
    """Return why no image has depth of its time, and what helps."""
    for name, stamps in (('rgb.txt', images_ns), ('depth.txt', depths_ns)):
        if not stamps:
            return f"'{folder / name}' lists no files"
    both = sorted([*((stamp, 0) for stamp in images_ns), *((stamp, 1) for stamp in depths_ns)])
    gaps_ns = [after - before for (before, one), (after, other) in pairwise(both) if one != other]
    nearest_s = min(gaps_ns) / _NS_PER_S
    within_s = math.ceil(nearest_s * 100) / 100
    return (
        f"no image of '{folder}' has depth of its time: the nearest are {nearest_s:g} s apart; if "
        f"they belong together, say ',within={within_s:.2f}' behind the path"
    )


def _stamped(listed: Path) -> Iterator[tuple[int, Path]]:
    for number, line in read_lines(listed):
        place = f"line {number} of '{listed}'"
        words = _words(line, place, 2, 'a time and a file')
        yield _stamp_ns(words[0], place), inside(listed.parent, words[1], place)


def _associated(folder: Path, listed: Path) -> list[FilePair]:
    pairs = []
    for number, line in read_lines(listed):
        place = f"line {number} of '{listed}'"
        words = _words(line, place, 4, 'a time, a file, a time and a file')
        files = [inside(folder, name, place) for name in words[1::2]]
        depth_first = 'depth' in files[0].parent.name and 'depth' not in files[1].parent.name
        rgb, depth = reversed(files) if depth_first else files
        pairs.append(_pair(folder, rgb, depth))
    return pairs


def _words(line: str, place: str, count: int, form: str) -> list[str]:
    try:
        words = words_of(line, delimiter_of(line))
    except ValueError as error:
        raise DatasetError(f'{place}: {error}') from error
    if len(words) != count:
        raise DatasetError(f'{place} is not {form}')
    return words


def _pair(folder: Path, rgb: Path, depth: Path) -> FilePair:
    return FilePair(f'{folder.name}/{rgb.stem}', folder.name, rgb, depth)


def _stamp_ns(text: str, place: str) -> int:
    try:
        seconds = Decimal(text)
        if not abs(seconds) < _LATEST_S * _NS_PER_S:
            raise ValueError
    except (ArithmeticError, ValueError) as error:
        raise DatasetError(f"{place}: '{text}' is not a time in seconds") from error
    if abs(seconds) > _LATEST_S:
        raise DatasetError(
            f"{place}: '{text}' is not a time in seconds; of nanoseconds, write "
            f'{seconds / _NS_PER_S:f}'
        )
    return int(seconds * _NS_PER_S)


def _left_out(path: Path, alone: int, images: int, within: str) -> str:
    if not alone:
        return ''
    return f"{alone} of {images} images of '{path}' have no depth within {within} s"
