"""Packed checkpoints on disk: written here, read by `models.packed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depth_anything_ros.errors import CompressionError
from depth_anything_ros.evaluation.environment import environment
from depth_anything_ros.files import write_bytes
from depth_anything_ros.lab.compression.chain import chain_text
from depth_anything_ros.lab.compression.recipe import PackedState, Recipe, activation_ranges_of
from depth_anything_ros.models.checkpoint import Weights
from depth_anything_ros.models.metadata import HEADER_KEY
from depth_anything_ros.models.packed import MASK, SCALE, VALUES
from depth_anything_ros.models.packed_header import PackedHeader

SUFFIX = '.safetensors'
_VERSIONS = ('package', 'python', 'torch')
# An estimate of what one more entry costs in the header of the file, its shape included.
_ENTRY_BYTES = 128


@dataclass(frozen=True)
class Stored:
    """The entries of a packed file by their stored names, and the shapes for its header."""

    entries: dict[str, Tensor]
    shapes: dict[str, tuple[int, ...]]


def check_target(path: Path, overwrite: bool) -> None:
    """
    Check that a packed file can be written at a path.

    :raises CompressionError: if its name has another ending, or it exists and `overwrite` is
        false, or it is a folder.
    """
    if path.suffix != SUFFIX:
        raise CompressionError(f"'{path}' ends in '{path.suffix}'; needed: {SUFFIX}")
    if path.is_dir():
        raise CompressionError(f"'{path}' is a folder; give the file itself")
    if path.exists() and not overwrite:
        raise CompressionError(f"'{path}' exists; --force replaces it")


def write_packed(
    path: Path,
    state: PackedState,
    model: str,
    recipes: Sequence[Recipe],
    parent: Weights,
    calibration: str | None = None,
) -> None:
    """
    Write a packed file, the whole of it or nothing; folders on the way are made.

    The same tensors and versions give the same bytes.

    :param path: of the file.
    :param state: the tensors of the model.
    :param model: name of its row.
    :param recipes: that made them.
    :param parent: the weights they were made of, of whose kind and range the file is.
    :param calibration: the images that the recipes looked at, None if they need none.
    :raises OutputError: if it cannot be written.
    """
    from safetensors.torch import save

    stored = to_entries(state)
    found = environment()
    header = PackedHeader(
        model=model,
        max_depth_m=parent.spec.max_depth_m,
        recipe=chain_text(recipes),
        parent_sha256=parent.sha256,
        parent_origin=parent.origin,
        calibration=calibration,
        versions={name: str(found[name]) for name in _VERSIONS if name in found},
        shapes=stored.shapes,
        inputs=activation_ranges_of(state),
    )
    # One entry only: safetensors writes several in an order that changes from call to call.
    content = save(stored.entries, {HEADER_KEY: header.to_json()})
    write_bytes(path, content)


def to_entries(state: PackedState) -> Stored:
    """
    Return the tensors as they are stored.

    Those with many zeros have a mask where that is smaller; numbers that float16 holds exactly, as
    those of a parent in float16, are float16.
    """
    entries: dict[str, Tensor] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in state.items():
        values = _exact_half(tensor.values.detach())
        if _is_sparse(values):
            entries[f'{name}:{MASK}'], entries[f'{name}:{VALUES}'] = pack_mask(values)
            shapes[name] = tuple(values.shape)
        else:
            entries[name] = values.contiguous()
        if tensor.scale is not None:
            entries[f'{name}:{SCALE}'] = tensor.scale.contiguous()
    return Stored(entries, shapes)


def pack_mask(values: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return one bit a number, set where it is not zero, and the numbers that are not zero.

    A zero with a minus sign counts as not zero, so that every bit comes back.

    :param values: of any shape.
    :return: uint8 (⌈count / 8⌉,), the first number in the lowest bit, and (kept,).
    """
    flat = values.flatten()
    kept = (flat != 0) | flat.signbit()
    mask = np.packbits(kept.numpy(), bitorder='little')
    return torch.from_numpy(mask), flat[kept]


def _exact_half(values: Tensor) -> Tensor:
    """Return float32 numbers as float16 if every one comes back, else as they are."""
    if values.dtype != torch.float32:
        return values
    half = values.half()
    return half if torch.equal(half.float(), values) else values


def _is_sparse(values: Tensor) -> bool:
    """Return whether a mask pays; weights only, as what has one axis is small."""
    if values.ndim < 2:
        return False
    zeros = values.numel() - int(values.count_nonzero())
    return zeros * values.element_size() > (values.numel() + 7) // 8 + _ENTRY_BYTES


def nonzero_weights(state: PackedState, names: Sequence[str]) -> tuple[int, int]:
    """
    Count the weights of some tensors.

    :param names: of the tensors.
    :return: those that are not zero, and all.
    """
    weights = [state[name].values for name in names]
    nonzero = sum(int(values.count_nonzero()) for values in weights)
    return nonzero, sum(values.numel() for values in weights)
