"""
Pickled files of torch, read in one place and without executing what is in them.

Before torch 2.6 `weights_only` does not keep a file from executing code (CVE-2025-32434); there
none is opened.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import IO

import torch
from torch.torch_version import TorchVersion

from depth_anything_ros.errors import CheckpointError

_SAFE_TORCH = '2.6'
_ZIP = b'PK\x03\x04'
# The largest model with its optimiser takes less than 1 MB for what is no number.
_LARGEST_STRUCTURE = 1 << 25
# A file of the first format has five: three of its format, the content, the names of storages.
_MOST_PICKLES = 5
# What torch lets a pickle call and makes memory of any size.
_MAKERS = re.compile(r'(?:builtins|__builtin__)[ .]bytearray|torch[ .](?:\w+\.)*\w*Tensor')
_GLOBAL = re.compile(r'(?:GLOBAL|class|function) ([\w.]*\w)')
# What torch's reader and unpickler raise on bytes that are not a checkpoint.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, ValueError, TypeError, LookupError, AttributeError,
    AssertionError, EOFError, OSError, OverflowError, MemoryError, ImportError, struct.error,
    RecursionError, zipfile.BadZipFile, NotImplementedError,
)  # fmt: skip


def pickles_are_safe() -> bool:
    """Return whether this torch reads pickles without executing what is in them."""
    return bool(TorchVersion(torch.__version__) >= _SAFE_TORCH)


def load_pickle(path: Path) -> object:
    """
    Return what a pickled file holds, on the CPU; nothing in it is executed.

    :raises CheckpointError: if this torch cannot read it safely.
    :raises ValueError: if it is damaged, or holds what only running its code could restore; the
        message is one line.
    """
    if not pickles_are_safe():
        raise CheckpointError(
            f"'{path}' is a pickle, and torch {torch.__version__} would execute code that is in "
            f'it (CVE-2025-32434): install torch {_SAFE_TORCH} or later, or convert the file to '
            'safetensors on a machine that has it'
        )
    try:
        zipped = _is_zip(path)
        if zipped:
            _check_archive(path)
        else:
            with path.open('rb') as file:
                for _ in range(_MOST_PICKLES):
                    _check_calls(file)
        with warnings.catch_warnings():
            # Of pickles that torch.save did not write; what is wrong with them is told below.
            warnings.simplefilter('ignore', UserWarning)
            # Mapped, a declared size that the file does not have takes no memory.
            return torch.load(path, map_location='cpu', weights_only=True, mmap=zipped)
    except _UNREADABLE as error:
        raise ValueError(_reason(error)) from error


def _is_zip(path: Path) -> bool:
    with path.open('rb') as file:
        return file.read(len(_ZIP)) == _ZIP


def _check_archive(path: Path) -> None:
    """
    Check that an archive is one of `torch.save` and no larger than it looks.

    :raises ValueError: if it is not.
    """
    with zipfile.ZipFile(path) as archive:
        _check_entries(archive.infolist())
        name = next(name for name in archive.namelist() if name.endswith('/data.pkl'))
        with archive.open(name) as file:
            _check_calls(file)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename.partition('/')[2] for entry in entries]
    if 'constants.pkl' in names:
        raise ValueError(
            'it is a TorchScript program, not weights; save the state_dict() of the network that '
            'it was made of'
        )
    if 'data.pkl' not in names:
        raise ValueError('it is a zip archive that torch.save did not write')
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError('its entries are compressed, which torch.save never does; save it again')
    if entries[names.index('data.pkl')].file_size > _LARGEST_STRUCTURE:
        raise ValueError(f'its structure alone takes more than {_LARGEST_STRUCTURE} bytes')


def _check_calls(file: IO[bytes]) -> None:
    """
    Check, without executing it, that a pickle calls nothing that makes memory of any size.

    A pickle that cannot be parsed is left to torch, which says what is wrong with it.

    :raises ValueError: if it does.
    """
    start = file.tell()
    named: list[str] = []
    try:
        for code, argument, place in pickletools.genops(file):
            if place is not None and place - start > _LARGEST_STRUCTURE:
                break
            named += [argument] if isinstance(argument, str) and code.name == 'GLOBAL' else []
    except (ValueError, EOFError, OverflowError, struct.error):
        pass
    calls = [name for name in named if _MAKERS.fullmatch(name)]
    if calls:
        raise ValueError(
            f'it makes objects of {calls[0].replace(" ", ".")} instead of storing tensors; '
            'save model.state_dict() alone'
        )


def _reason(error: BaseException) -> str:
    """Return what went wrong in one line, with the cure where it is a known one."""
    text = str(error).strip()
    if isinstance(error, pickle.UnpicklingError):
        found = _GLOBAL.search(text)
        if found is not None:
            return (
                f'it holds an object of {found[1]}, which only running its code could restore; '
                'in the program that wrote it save the weights alone: '
                "torch.save(model.state_dict(), 'weights.pth')"
            )
    return (text or type(error).__name__).splitlines()[0]
