"""Checkpoint files: their tensors, read safely and by the names of the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.depth_anything_3_layout import (
    depth_anything_3_state,
    is_depth_anything_3_layout,
)
from depth_anything_ros.models.hf_layout import is_hf_layout, public_state
from depth_anything_ros.models.local_file import SAFETENSORS_SUFFIX
from depth_anything_ros.models.metadata import mistaken_for, not_a_checkpoint
from depth_anything_ros.models.nesting import check_stored, plain_state, some
from depth_anything_ros.models.packed import unpack
from depth_anything_ros.models.pickles import load_pickle
from depth_anything_ros.models.vggt_layout import is_vggt_layout, vggt_state


def read_state(path: Path) -> dict[str, Tensor]:
    """
    Return the tensors of a checkpoint, numbers in float32, under the public key names.

    Nothing in the file is executed. What training programs wrap around a state dict is taken off,
    other layouts are renamed, packed tensors are unpacked.

    :raises CheckpointError: if the file is damaged, holds no state dict of ordinary tensors or a
        weight that is not finite, is packed in a format that is not known, or cannot be read
        safely with this torch.
    """
    return float32_state(read_tensors(CheckpointFile.read(path)), path)


def read_tensors(checkpoint: CheckpointFile) -> dict[str, Tensor]:
    """
    Return the tensors of a checkpoint as they are stored, under the public key names.

    :raises CheckpointError: as :func:`read_state`; numbers are not looked at.
    """
    path = checkpoint.path
    if path.suffix == SAFETENSORS_SUFFIX:
        state = _load_safetensors(checkpoint)
    else:
        try:
            content = load_pickle(path)
        except ValueError as error:
            raise not_a_checkpoint(path, mistaken_for(path) or str(error)) from error
        state = plain_state(content, path)
        check_stored(state, path)
    if is_depth_anything_3_layout(state):
        return depth_anything_3_state(state)
    if is_vggt_layout(state):
        return vggt_state(state)
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


def _load_safetensors(checkpoint: CheckpointFile) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path, header = checkpoint.path, checkpoint.packed
    try:
        tensors = load_file(path, device='cpu')
    except (SafetensorError, OSError, LookupError, RuntimeError, ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise not_a_checkpoint(path, reason) from error
    if header is not None:
        return unpack(tensors, header, path)
    return plain_state(tensors, path)
