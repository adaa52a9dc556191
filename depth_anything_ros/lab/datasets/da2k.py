"""DA-2K: pictures with pairs of points of which one is nearer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from depth_anything_ros.errors import DatasetError, broken_form
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.lab.datasets.base import (
    require_folder,
    require_samples,
    require_split,
)
from depth_anything_ros.lab.datasets.files import read_bytes
from depth_anything_ros.lab.datasets.images import Picture, Pictures
from depth_anything_ros.lab.datasets.lists import inside, slashes
from depth_anything_ros.lab.datasets.truth import Truth
from depth_anything_ros.messages.limits import MAX_PIXELS

NAME = 'da2k'
ANNOTATIONS = 'annotations.json'
LAYOUT = f'{ANNOTATIONS} and the pictures it names, as images/SCENE_TYPE/NAME.jpg'
_POINTS = ('point1', 'point2')


def open_da2k(path: Path, split: str) -> Pictures:
    """
    Open the unpacked benchmark; a source is a type of scene, such as 'indoor'.

    Depth is unknown: a sample tells of pairs of points which one is nearer. `test` and `all` are
    the same.
    Source: github.com/DepthAnything/Depth-Anything-V2, DA-2K.md: `annotations.json` is an object
    from the path of an image to a list of {point1: [row, column], point2: [row, column],
    closer_point: the name of one of them}.

    :raises DatasetError: if the annotations are missing or damaged, name pictures outside of the
        folder, or the split is unknown.
    """
    require_split(NAME, split, ('test', 'all'))
    require_folder(path)
    file = path / ANNOTATIONS
    if not file.is_file():
        require_samples((), path, LAYOUT)
    pictures, place = [], ''
    try:
        content = parse_json(read_bytes(file).decode('utf-8-sig'))
        for name, pairs in content.items():
            place = f", in '{name}'"
            pictures.append(_picture(path, name, pairs))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DatasetError(
            f"'{file}' is damaged{place}: {broken_form(error)}; an object from the path of an "
            'image to a list of {point1: [row, column], point2: [row, column], closer_point} is '
            'needed'
        ) from error
    require_samples(pictures, path, LAYOUT)
    return Pictures(NAME, pictures, Truth.ORDER)


def _picture(root: Path, name: str, pairs: list[dict[str, Any]]) -> Picture:
    file = inside(root, slashes(name), f"'{root / ANNOTATIONS}'")
    if not pairs:
        raise ValueError(f"no points for '{name}'")
    points = tuple(_nearer_first(pair) for pair in pairs)
    return Picture(file.relative_to(root).as_posix(), file.parent.name, file, points)


def _nearer_first(pair: dict[str, Any]) -> tuple[int, ...]:
    points = {name: _pixel(pair[name]) for name in _POINTS}
    if pair['closer_point'] not in points:
        raise ValueError(f"closer_point '{pair['closer_point']}' is none of {', '.join(points)}")
    nearer = points.pop(pair['closer_point'])
    (farther,) = points.values()
    return *nearer, *farther


def _pixel(point: list[Any]) -> tuple[int, int]:
    row, column = (round(float(number)) for number in point)
    if not (0 <= row < MAX_PIXELS and 0 <= column < MAX_PIXELS):
        raise ValueError(f'point {point}')
    return row, column
