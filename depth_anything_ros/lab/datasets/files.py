"""Reading of image and depth files; whatever is wrong with one is a DatasetError naming it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import DatasetError, MessageError, MissingDependencyError
from depth_anything_ros.lab.datasets.numpy_files import load_npy
from depth_anything_ros.messages import KNOWN_FORMATS, metres_from_steps
from depth_anything_ros.messages.brightness import brightest
from depth_anything_ros.messages.limits import check_bytes
from depth_anything_ros.messages.pictures import decode_picture, picture_size
from depth_anything_ros.types import Float32Array, UInt8Array

_PICTURES = (*KNOWN_FORMATS, 'exr')
_NUMBERS = 'fiub'
_PFM_HEADER = re.compile(
    rb'Pf\s+(\d{1,9})\s+(\d{1,9})\s+(-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s'
)


def read_rgb(path: Path) -> UInt8Array:
    """
    Read a colour image, uint8 (H, W, 3), red first, as its pixels are stored.

    :raises DatasetError: if the file is missing or damaged.
    """
    # Depth has no orientation of its own: pixels pair with pixels.
    image = _read_image(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_size(path: Path) -> tuple[int, int]:
    """
    Return the (H, W) that a colour image says it has.

    :raises DatasetError: if the file is missing or damaged.
    """
    try:
        return picture_size(read_bytes(path), KNOWN_FORMATS)
    except MessageError as error:
        raise DatasetError(f"'{path}' is not an image that can be decoded: {error}") from error


def read_brightness(path: Path) -> int | None:
    """
    Return how bright an image of 16 bits is read, see `brightest`, None for one of other bits.

    :raises DatasetError: if the file is missing or damaged.
    """
    wide = _read_image(path, cv2.IMREAD_UNCHANGED).dtype == np.uint16
    return brightest(read_rgb(path)) if wide else None


def read_png_depth(path: Path, steps_per_m: float) -> Float32Array:
    """
    Read depth of 16 bits.

    :param steps_per_m: how many steps are a metre.
    :return: float32 (H, W) in metres; NaN where the file has 0.
    :raises DatasetError: if the file is missing, damaged or not of 16 bits.
    """
    steps = _read_image(path, cv2.IMREAD_UNCHANGED)
    if steps.dtype != np.uint16 or steps.ndim != 2:
        raise DatasetError(
            f"'{path}' is {steps.dtype} {steps.shape}; one channel of uint16 needed"
        )
    return metres_from_steps(steps, steps_per_m)


def read_npy(path: Path) -> Float32Array:
    """
    Read a NumPy file of floats, see `read_array`, as float32 (H, W).

    :raises DatasetError: if the file is missing, damaged or of another form.
    """
    return _plane(path, read_array(path))


def read_array(path: Path) -> NDArray[Any]:
    """
    Read a NumPy file of numbers of one channel, (H, W); one of (H, W, 1) holds that too.

    :raises DatasetError: if the file is missing, damaged or of another form.
    """
    _require_file(path)
    try:
        values = load_npy(path)
    except MessageError as error:
        raise DatasetError(f"'{path}' cannot be read: {error}") from error
    return _one_channel(path, values, _NUMBERS)


def read_tiff(path: Path) -> NDArray[Any]:
    """
    Read a TIFF picture of one channel, (H, W), of integers or floats.

    :raises DatasetError: if the file is missing, damaged or of another form.
    """
    return _one_channel(path, _read_image(path, cv2.IMREAD_UNCHANGED, ('tiff',)), _NUMBERS)


def read_pfm(path: Path) -> Float32Array:
    """
    Read a portable float map of one channel as float32 (H, W), first row on top.

    Source: https://www.pauldebevec.com/Research/HDR/PFM/: rows are stored bottom to top; a
    negative scale means little-endian.

    :raises DatasetError: if the file is missing, damaged or of another form.
    """
    data = read_bytes(path)
    header = _PFM_HEADER.match(data)
    if header is None:
        raise DatasetError(f"'{path}' is not a portable float map of one channel")
    width, height = int(header[1]), int(header[2])
    # The bytes are the file's, so that only an empty picture is a fault of the size alone.
    count = len(data) - header.end()
    if count != 4 * width * height or count == 0:
        raise DatasetError(
            f"'{path}' holds {count} bytes of pixels, {width}x{height} need {4 * width * height}"
        )
    order = '<f4' if float(header[3]) < 0 else '>f4'
    pixels: NDArray[Any] = np.ndarray((height, width), order, data, header.end())
    return np.flipud(pixels).astype(np.float32)


def read_exr(path: Path) -> Float32Array:
    """
    Read an OpenEXR image of one channel as float32 (H, W), or the green one of several.

    A file whose only channel is named G, as those of IRS, reaches us with zeros for red and blue.

    :raises DatasetError: if the file is missing or damaged, or OpenCV has no OpenEXR.
    """
    _require_file(path)
    # OpenCV asks for this switch when it meets the first EXR file, not when it is imported.
    os.environ.setdefault('OPENCV_IO_ENABLE_OPENEXR', '1')
    values = _read_image(path, cv2.IMREAD_UNCHANGED)
    if values.ndim == 3 and values.shape[2] >= 3:
        values = values[..., 1]
    return _plane(path, values)


def read_hdf5(path: Path, key: str) -> NDArray[Any]:
    """
    Read one array of an HDF5 file.

    :raises DatasetError: if the file is missing or damaged, or has no such array.
    :raises MissingDependencyError: if h5py is not installed.
    """
    h5py = import_h5py()
    _require_file(path)
    try:
        with h5py.File(path, 'r') as file:
            check_bytes(file[key].nbytes, f"'{key}'")
            return np.asarray(file[key])
    except (OSError, KeyError, AttributeError, MessageError) as error:
        raise DatasetError(f"'{path}' cannot be read: {error}") from error


def import_h5py() -> ModuleType:
    """
    Return the library that reads HDF5.

    :raises MissingDependencyError: if it is not installed.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingDependencyError('h5py', 'nyu') from error
    module: ModuleType = h5py
    return module


def read_bytes(path: Path) -> bytes:
    """
    Read a file as far as :mod:`depth_anything_ros.messages.limits` allows.

    :raises DatasetError: if it is missing, larger, or cannot be read.
    """
    _require_file(path)
    try:
        check_bytes(path.stat().st_size, 'the file')
        return path.read_bytes()
    except (OSError, MessageError) as error:
        raise DatasetError(f"'{path}' cannot be read: {error}") from error


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise DatasetError(f"no file '{path}'")


def _plane(path: Path, values: NDArray[Any]) -> Float32Array:
    return _one_channel(path, values, 'f').astype(np.float32)


def _one_channel(path: Path, values: NDArray[Any], kinds: str) -> NDArray[Any]:
    """Return numbers of some kinds, as NumPy's letters have them, as (H, W)."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.size == 0 or values.dtype.kind not in kinds:
        wanted = 'floats' if kinds == 'f' else 'numbers'
        raise DatasetError(
            f"'{path}' holds {values.dtype} {values.shape}; {wanted} (height, width) are needed"
        )
    return values


def _read_image(path: Path, flags: int, known: tuple[str, ...] = _PICTURES) -> NDArray[Any]:
    try:
        return decode_picture(read_bytes(path), flags, known)
    except MessageError as error:
        raise DatasetError(f"'{path}' is not an image that can be decoded: {error}") from error
