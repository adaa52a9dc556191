"""Checkpoint files of the user: found, and told apart by their sha256, without torch."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from depth_anything_ros.errors import CheckpointError, ConfigError
from depth_anything_ros.models.contract_file import FILE, SUFFIXES

PICKLE_SUFFIXES = ('.pth', '.pt', '.bin', '.ckpt')
SAFETENSORS_SUFFIX = '.safetensors'
_ARCHIVES = ('.zip', '.tar', '.gz', '.tgz', '.7z', '.rar')
# The largest model with the state of its optimiser and an average takes half of it.
LARGEST_BYTES = 1 << 34
_SHOWN = 200


def check_origin(weights: str, checkpoint: str) -> None:
    """
    Check that weights are to come from one place.

    :raises ConfigError: if random ones and a checkpoint are asked for.
    """
    if weights == 'random' and checkpoint:
        raise ConfigError(
            f"parameters 'weights' (random) and 'checkpoint' ({checkpoint}) exclude each other"
        )


def local_file(text: str) -> Path:
    """
    Return the path of a checkpoint given by the user; ~ is the home folder.

    :raises CheckpointError: if it is not a file, cannot be reached, is larger than any model, or
        is of a kind that cannot be read.
    """
    shown = text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'
    try:
        path = Path(text).expanduser()
        if text.startswith('~'):
            shown = str(path)
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"checkpoint '{shown}' does not exist") from error
    except (OSError, ValueError, RuntimeError) as error:
        # A name that is too long, a loop of links, no leave; a NUL; ~ of an unknown user.
        reason = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(f"checkpoint '{shown}' cannot be reached: {reason}") from error
    if stat.S_ISDIR(found.st_mode):
        raise CheckpointError(
            f"checkpoint '{shown}' is a folder; a network in a folder is run as it is, and has no "
            'weights to train or compress: give a file of weights'
        )
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(f"checkpoint '{shown}' is not a regular file")
    known = (*PICKLE_SUFFIXES, SAFETENSORS_SUFFIX)
    if path.suffix not in known:
        raise CheckpointError(
            f"checkpoint '{shown}' ends in '{path.suffix}'; known: {', '.join(known)}"
            + _cure(path)
        )
    check_size(path)
    return path


def _cure(path: Path) -> str:
    """Return what to do about a file of a network in a folder, or an archive, else ''."""
    if path.suffix in SUFFIXES or path.name == FILE:
        return f"; a network of your own is given by its folder: '{path.parent}'"
    return '; unpack it first' if path.suffix in _ARCHIVES else ''


def check_size(path: Path) -> None:
    """
    Check that a file is no larger than a checkpoint can be.

    :raises CheckpointError: if it is.
    """
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise CheckpointError(
            f"checkpoint '{path}' has {size} bytes; allowed: {LARGEST_BYTES}, more than the "
            'largest model and its optimiser need'
        )


def written_at(path: Path) -> tuple[int, int] | None:
    """Return size and time of writing of a file, which change with it; None if it is not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def file_sha256(path: Path) -> str:
    """
    Return the SHA-256 of a file in hexadecimal, read in pieces.

    :raises CheckpointError: if it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open('rb') as file:
            while piece := file.read(1 << 22):
                digest.update(piece)
    except OSError as error:
        raise CheckpointError(f"checkpoint '{path}' cannot be read: {error.strerror}") from error
    return digest.hexdigest()
