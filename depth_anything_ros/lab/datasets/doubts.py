"""What is odd about the files of a data set, found by looking at a few of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.plausibility import FRAMES, DepthUnit, unit_warning
from depth_anything_ros.lab.datasets.base import DARK_CURE, FilePair
from depth_anything_ros.lab.datasets.depth_files import read_stored_depth
from depth_anything_ros.lab.datasets.files import read_brightness
from depth_anything_ros.messages import MM_PER_M
from depth_anything_ros.messages.brightness import PICTURES, dark_warning
from depth_anything_ros.types import Float32Array

# A median needs no more than this many rows and columns of a picture.
_SIDE = 256


def thinned(count: int, wanted: int | None) -> list[int]:
    """Return at most `wanted` of the numbers 0 to count - 1, evenly spaced with both ends."""
    if wanted is None or count <= wanted:
        return list(range(count))
    return sorted({round(float(place)) for place in np.linspace(0, count - 1, wanted)})


def unit_doubt(
    place: str,
    pairs: Sequence[FilePair],
    read_depth: Callable[[FilePair], Float32Array],
    unit: DepthUnit,
    option: str = '',
) -> str:
    """
    Return what is odd about the median depth of some frames, see `unit_warning`.

    Frames that cannot be read do not count: they are told where they are asked for.

    :param place: where the data set lies.
    :param option: what the name of a unit is written behind; '' where none can be told.
    """
    depths_m = []
    for number in thinned(len(pairs), FRAMES):
        try:
            depth_m = read_depth(pairs[number])
        except DatasetError:
            continue
        rows, columns = (max(1, side // _SIDE) for side in depth_m.shape)
        depths_m.append(depth_m[::rows, ::columns])
    return unit_warning(place, depths_m, unit, option)


def dark_doubt(place: str, images: Sequence[Path]) -> str:
    """Return what is odd about images of 16 bits that are all almost black."""
    found: list[int] = []
    for number in thinned(len(images), PICTURES):
        try:
            brightness = read_brightness(images[number])
        except DatasetError:
            continue  # told where the sample is asked for
        if brightness is None:
            return ''
        found.append(brightness)
    return dark_warning(place, found, DARK_CURE)


def stored_doubt(
    place: str,
    pairs: Sequence[FilePair],
    read_depth: Callable[[FilePair], Float32Array],
    steps_per_m: float | None,
) -> str:
    """
    Return what is odd about depth whose unit goes by how it is stored, integers first.

    :param steps_per_m: what the user told; None is millimetres for integers, metres for floats.
    :raises DatasetError: if one unit is told for integers and floats.
    """
    integers, floats = _by_storage(pairs)
    told = steps_per_m is not None
    if told and floats and integers:
        raise DatasetError(
            f"'{place}' has depth as integers, as '{integers[0].depth}', and as floats, as "
            f"'{floats[0].depth}', which one unit= cannot be of; leave it out, or keep them apart"
        )
    unit = DepthUnit(steps_per_m or (MM_PER_M if integers else None), told)
    return unit_doubt(place, integers or floats, read_depth, unit, ',unit=')


def _by_storage(pairs: Sequence[FilePair]) -> tuple[list[FilePair], list[FilePair]]:
    """Return those stored as integers and as floats, by the first whole file of each kind."""
    kinds: dict[str, bool] = {}
    for pair in pairs:
        suffix = pair.depth.suffix.lower()
        if suffix not in kinds:
            with suppress(DatasetError):
                kinds[suffix] = read_stored_depth(pair.depth, None).integers
    integers = [pair for pair in pairs if kinds.get(pair.depth.suffix.lower(), True)]
    floats = [pair for pair in pairs if not kinds.get(pair.depth.suffix.lower(), True)]
    return integers, floats
