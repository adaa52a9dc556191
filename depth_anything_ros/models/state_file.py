"""Checkpoint files: read them safely, and tell which model they belong to."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.hf_layout import is_hf_layout, public_state
from depth_anything_ros.models.packed import PackedHeader, read_header, unpack
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.units import narrow

_TORCH_SUFFIXES = ('.pth', '.pt', '.bin')
_SAFETENSORS_SUFFIX = '.safetensors'
# What torch's reader and unpickler raise on bytes that are not a checkpoint.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, ValueError, TypeError, LookupError, AttributeError,
    AssertionError, EOFError, OSError, OverflowError, MemoryError, ImportError, struct.error,
)  # fmt: skip

_COUNTER = 'num_batches_tracked'
Shapes = dict[str, tuple[int, ...]]


def local_file(text: str) -> Path:
    """
    Return the path of a checkpoint given by the user; ~ is the home folder.

    :raises CheckpointError: if it is not a file, or of a kind that cannot be read.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        raise CheckpointError(f"checkpoint '{path}' is a folder; give the file itself")
    if not path.is_file():
        raise CheckpointError(f"checkpoint '{path}' does not exist")
    known = (*_TORCH_SUFFIXES, _SAFETENSORS_SUFFIX)
    if path.suffix not in known:
        raise CheckpointError(
            f"checkpoint '{path}' ends in '{path.suffix}'; known: {', '.join(known)}"
        )
    return path


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


def read_state(path: Path) -> dict[str, Tensor]:
    """
    Return the tensors of a checkpoint, numbers in float32, under the public key names.

    Nothing in the file is executed. The `-hf` layout is renamed, packed tensors are unpacked.

    :raises CheckpointError: if the file is damaged, is not a flat state dict of tensors, holds
        a weight that is not finite, or is packed in a format that is not known.
    """
    try:
        content = _load_safetensors(path) if _is_safetensors(path) else _load_torch(path)
    except _UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"checkpoint '{path}' is damaged or not a checkpoint ({path.stat().st_size} bytes): "
            f'{reason}'
        ) from error
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"checkpoint '{path}' holds no state dict of tensors")
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(
            f"checkpoint '{path}' is not a plain state dict; not tensors: {_some(others)}"
        )
    state = {
        str(key): value.float() if value.is_floating_point() else value
        for key, value in content.items()
    }
    spoilt = [key for key, value in state.items() if not bool(torch.isfinite(value).all())]
    if spoilt:
        raise CheckpointError(f"checkpoint '{path}' holds NaN or infinity in {_some(spoilt)}")
    return public_state(state) if is_hf_layout(state) else state


def packed_header(path: Path) -> PackedHeader | None:
    """
    Return what a readable checkpoint was packed from and how, None for an ordinary one.

    :raises CheckpointError: if its header is damaged, or of a format that is not known.
    """
    return read_header(path) if _is_safetensors(path) else None


def check_fits(spec: ModelSpec, state: Mapping[str, Tensor], path: Path) -> None:
    """
    Check that a state dict has exactly the tensors of a model.

    Units that are left out, as by structured pruning, are left out of the model too. Relative and
    metric models of one size have the same tensors and cannot be told apart here.

    :raises CheckpointError: if it has not; the message names the model it looks like.
    """
    given: Shapes = {key: tuple(value.shape) for key, value in state.items()}
    wanted = model_shapes(spec, given)
    if given == wanted:
        integers = [
            key
            for key, value in state.items()
            if not value.is_floating_point() and not key.endswith(_COUNTER)
        ]
        if integers:
            raise CheckpointError(f"checkpoint '{path}' has integers in {_some(integers)}")
        return
    alike = [row.name for row in MODELS.values() if model_shapes(row) == given]
    if alike:
        raise CheckpointError(
            f"checkpoint '{path}' does not belong to model '{spec.name}'; "
            f'its tensors are those of {" or ".join(alike)}'
        )
    missing = [key for key in wanted if key not in given]
    unknown = [key for key in given if key not in wanted]
    differing = [
        f'{key} {given[key]} instead of {wanted[key]}'
        for key in given
        if key in wanted and given[key] != wanted[key]
    ]
    found = (('missing', missing), ('unknown', unknown), ('of another shape', differing))
    details = '; '.join(f'{len(keys)} {word}: {_some(keys)}' for word, keys in found if keys)
    raise CheckpointError(
        f"checkpoint '{path}' does not belong to model '{spec.name}' nor to another known "
        f'model; of {len(wanted)} tensors {details}'
    )


def model_shapes(spec: ModelSpec, like: Shapes | None = None) -> Shapes:
    """
    Return the shape of every tensor of a model, by its public name.

    :param like: shapes of tensors that may lack some units of the model.
    """
    with torch.device('meta'):
        estimator = create_model(spec)
    narrow(estimator, like or {})
    return {key: tuple(value.shape) for key, value in estimator.state_dict().items()}


def _is_safetensors(path: Path) -> bool:
    return path.suffix == _SAFETENSORS_SUFFIX


def _load_torch(path: Path) -> object:
    return torch.load(path, map_location='cpu', weights_only=True)


def _load_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    try:
        tensors = load_file(path, device='cpu')
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return tensors if header is None else unpack(tensors, header, path)


def _some(names: Iterable[str], count: int = 3) -> str:
    names = list(names)
    return ', '.join(names[:count]) + (', …' if len(names) > count else '')
