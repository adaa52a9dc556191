"""Files of depth of any common kind, for which a user may name the unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets.files import (
    read_array,
    read_exr,
    read_pfm,
    read_png_depth,
    read_tiff,
)
from depth_anything_ros.messages import MM_PER_M
from depth_anything_ros.types import Float32Array

_PNG = '.png'
_READERS: Mapping[str, Callable[[Path], NDArray[Any]]] = {
    '.npy': read_array,
    '.tif': read_tiff,
    '.tiff': read_tiff,
    '.pfm': read_pfm,
    '.exr': read_exr,
}
DEPTH_SUFFIXES = (_PNG, *_READERS)


@dataclass(frozen=True)
class StoredDepth:
    """Depth float32 (H, W) in metres, NaN where unknown; `integers` says how it was stored."""

    depth_m: Float32Array
    integers: bool


def read_stored_depth(path: Path, steps_per_m: float | None) -> StoredDepth:
    """
    Read depth of one channel; 0 and less, infinite and NaN are unknown.

    :param steps_per_m: of the numbers in the file; None takes integers as millimetres and floats
        as metres.
    :raises DatasetError: if the file is missing, damaged, of 8 bits or of an unknown kind.
    """
    suffix = path.suffix.lower()
    if suffix == _PNG:
        return StoredDepth(read_png_depth(path, steps_per_m or MM_PER_M), integers=True)
    if suffix not in _READERS:
        raise DatasetError(
            f"'{path}' is not a known kind of depth file: {', '.join(DEPTH_SUFFIXES)}; files "
            'that a published data set has of its own are read with like=NAME'
        )
    values = _READERS[suffix](path)
    integers = values.dtype.kind != 'f'
    if values.dtype.itemsize == 1:
        raise DatasetError(f"'{path}' has 8 bits, which show depth but do not hold it")
    steps = np.float32(steps_per_m or (MM_PER_M if integers else 1.0))
    depth_m = values.astype(np.float32) / steps
    known = np.isfinite(depth_m) & (depth_m > 0)
    return StoredDepth(np.where(known, depth_m, np.float32(np.nan)), integers)
