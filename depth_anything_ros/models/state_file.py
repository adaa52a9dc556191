"""Checkpoint files: their tensors, read safely and by the names of the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models.hf_layout import is_hf_layout, public_state
from depth_anything_ros.models.local_file import SAFETENSORS_SUFFIX
from depth_anything_ros.models.metadata import not_a_checkpoint
from depth_anything_ros.models.nesting import check_stored, plain_state, some
from depth_anything_ros.models.packed import read_header, unpack
from depth_anything_ros.models.pickles import load_pickle

# How files begin that are no checkpoints of the kind that their name says.
_STARTS = {
    b'version https://git-lfs': 'it is a pointer of Git LFS; run `git lfs pull` where it is from',
    b'<': 'it is a web page; download the file itself',
}
_ZIP = b'PK\x03\x04'


def read_state(path: Path) -> dict[str, Tensor]:
    """
    Return the tensors of a checkpoint, numbers in float32, under the public key names.

    Nothing in the file is executed. What training programs wrap around a state dict is taken off,
    the `-hf` layout is renamed, packed tensors are unpacked.

    :raises CheckpointError: if the file is damaged, holds no state dict of ordinary tensors or a
        weight that is not finite, is packed in a format that is not known, or cannot be read
        safely with this torch.
    """
    return float32_state(read_tensors(path), path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """
    Return the tensors of a checkpoint as they are stored, under the public key names.

    :raises CheckpointError: as :func:`read_state`; numbers are not looked at.
    """
    if path.suffix == SAFETENSORS_SUFFIX:
        state = _load_safetensors(path)
    else:
        try:
            content = load_pickle(path)
        except ValueError as error:
            raise not_a_checkpoint(path, _mistaken(path) or str(error)) from error
        state = plain_state(content, path)
        check_stored(state, path)
    return public_state(state) if is_hf_layout(state) else state


def float32_state(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """
    Return tensors with their numbers in float32, in memory of their own where they are pickled.

    :param path: of their file.
    :raises CheckpointError: if a number is not finite.
    """
    own = path.suffix != SAFETENSORS_SUFFIX
    found = {
        name: values.to(torch.float32, copy=own) if values.is_floating_point() else values.clone()
        for name, values in state.items()
    }
    spoilt = [name for name, values in found.items() if not bool(torch.isfinite(values).all())]
    if spoilt:
        raise CheckpointError(f"checkpoint '{path}' holds NaN or infinity in {some(spoilt)}")
    return found


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    mistaken = _mistaken(path)
    if mistaken:
        raise not_a_checkpoint(path, mistaken)
    header = read_header(path)
    try:
        tensors = load_file(path, device='cpu')
    except (SafetensorError, OSError, LookupError, RuntimeError, ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise not_a_checkpoint(path, reason) from error
    if header is not None:
        return unpack(tensors, header, path)
    return plain_state(tensors, path)


def _mistaken(path: Path) -> str:
    """Return what a file is instead of a checkpoint of the kind its name says, '' if not known."""
    try:
        with path.open('rb') as file:
            start = file.read(64)
    except OSError:
        return ''
    if not start:
        return 'it is empty'
    named = path.suffix == SAFETENSORS_SUFFIX
    if named and start.startswith(_ZIP):
        return "it is a file of torch.save; let its name end in '.pth'"
    if not named and start[8:10] == b'{"' and not start.startswith(_ZIP):
        return f"it is a safetensors file; let its name end in '{SAFETENSORS_SUFFIX}'"
    return next((what for mark, what in _STARTS.items() if start.startswith(mark)), '')
