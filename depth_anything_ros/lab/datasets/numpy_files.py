"""NumPy files, read only as far as what they say of themselves fits them and our limits."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.limits import check_bytes

_MAGIC_BYTES = 8
# NumPy evaluates the header as Python; a true one has less than 200 characters.
_MAX_HEADER_BYTES = 10_000
_VERSIONS: dict[tuple[int, int], tuple[str, Callable[[IO[bytes]], Any]]] = {
    (1, 0): ('<H', npy_format.read_array_header_1_0),
    (2, 0): ('<I', npy_format.read_array_header_2_0),
}
_BAD_HEADER = (
    ValueError, TypeError, SyntaxError, TokenError, MemoryError, RecursionError,
)  # fmt: skip
_UNREADABLE = (
    OSError, EOFError, ValueError, struct.error, BadZipFile, NotImplementedError, RuntimeError,
)  # fmt: skip


def load_npy(path: Path) -> NDArray[Any]:
    """
    Read a `.npy` file; the array is read-only.

    :raises MessageError: if the file is missing, damaged, of Python objects, shorter than it says
        or larger than :mod:`depth_anything_ros.messages.limits` allows.
    """
    try:
        with path.open('rb') as file:
            return _load(file)
    except _UNREADABLE as error:
        raise MessageError(str(error)) from error


def load_npz(path: Path) -> Mapping[str, NDArray[Any]]:
    """
    Read all arrays of a `.npz` file.

    :raises MessageError: as :func:`load_npy`; the limit is that of all arrays together.
    """
    try:
        with ZipFile(path) as archive:
            check_bytes(sum(member.file_size for member in archive.infolist()), 'the archive')
            arrays = {}
            for name in archive.namelist():
                with archive.open(name) as file:
                    arrays[name.removesuffix('.npy')] = _load(file)
            return arrays
    except _UNREADABLE as error:
        raise MessageError(str(error)) from error


def _load(file: IO[bytes]) -> NDArray[Any]:
    magic = file.read(_MAGIC_BYTES)
    version = npy_format.read_magic(BytesIO(magic))  # type: ignore[no-untyped-call]
    if version not in _VERSIONS:
        raise ValueError(f'its version {version} is not one of {sorted(_VERSIONS)}')
    layout, read_header = _VERSIONS[version]
    length = file.read(struct.calcsize(layout))
    (header_bytes,) = struct.unpack(layout, length)
    if header_bytes > _MAX_HEADER_BYTES:
        raise ValueError(
            f'its header has {header_bytes} bytes; at most {_MAX_HEADER_BYTES} are read'
        )
    header = BytesIO(length + file.read(header_bytes))
    try:
        shape, fortran, dtype = read_header(header)
    except _BAD_HEADER as error:
        # NumPy's own message repeats all of it.
        raise ValueError('its header is damaged') from error
    if dtype.hasobject or any(side < 0 for side in shape):
        raise ValueError(f'it holds {dtype} {shape}; numbers are needed')
    wanted = prod(shape) * dtype.itemsize
    check_bytes(wanted, f'the array {shape} of {dtype}')
    body = file.read(wanted)
    if len(body) < wanted:
        raise ValueError(f'it holds {len(body)} bytes, {dtype} {shape} needs {wanted}')
    return np.ndarray(shape, dtype, body, order='F' if fortran else 'C')
