"""
Checkpoints with tensors packed small: how they are stored, and how they are read.

A packed file is a safetensors file with one metadata entry, HEADER_KEY, that holds JSON. The
tensor `name` of the model is stored in one of four ways:

- `name`: the numbers as they are, float32 or float16, or the integers of a counter;
- `name` int16 with `name:scale` float32, which broadcasts against it: number = integer · scale;
- `name:mask` uint8 and `name:values`: the numbers that are not zero, in the order of memory, and
  one bit a number, the first in the lowest bit of the first byte, set where it is not zero. The
  shape is in the header;
- `name:mask` and `name:values` int16 with `name:scale`.

Where int16 stands there may be int8. The header says which layers round what they read to 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depth_anything_ros.models import MODELS
from depth_anything_ros.models.activation import ActivationRange
from depth_anything_ros.models.metadata import damaged
from depth_anything_ros.models.packed_header import PackedHeader

SCALE, MASK, VALUES = 'scale', 'mask', 'values'
"""What follows the name of a tensor and a colon."""

_TYPES = (torch.float32, torch.float16, torch.int16, torch.int8, torch.int64)
_SCALED = (torch.int16, torch.int8)
_LAYOUTS = ({''}, {'', SCALE}, {MASK, VALUES}, {MASK, VALUES, SCALE})


@dataclass(frozen=True)
class PackedTensor:
    """
    The numbers of one tensor as they are stored.

    `values` has the shape of the tensor and is float32, float16 or, with a scale, int16 or int8;
    counters are integers without scale. `scale` is float32 and broadcasts against `values`.
    `activation_range` is set for the weight of a layer that rounds what it reads to 8 bits.
    """

    values: Tensor
    scale: Tensor | None = None
    activation_range: ActivationRange | None = None

    def numbers(self) -> Tensor:
        """Return the numbers of the tensor: float32, or the integers of a counter."""
        if self.scale is not None:
            return self.values.float() * self.scale
        return self.values.float() if self.values.is_floating_point() else self.values


def unpack(tensors: Mapping[str, Tensor], header: PackedHeader, path: Path) -> dict[str, Tensor]:
    """
    Return the tensors of a packed file under the names of the model.

    :param tensors: of the file, by their stored names.
    :param header: of the file.
    :param path: of the file, for messages.
    :raises CheckpointError: if a part of a tensor is missing, parts do not fit together, or they
        would make more numbers than the model has.
    """
    _check_size(header, path)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, values in tensors.items():
        name, _, part = key.partition(':')
        parts.setdefault(name, {})[part] = values
    return {name: _tensor(name, found, header, path).numbers() for name, found in parts.items()}


def _tensor(name: str, parts: dict[str, Tensor], header: PackedHeader, path: Path) -> PackedTensor:
    if set(parts) not in _LAYOUTS:
        found = ', '.join(f"'{name}:{part}'" if part else f"'{name}'" for part in sorted(parts))
        raise damaged(path, f'tensor {name} is not whole; the file has {found} of it')
    values = _dense(name, parts, header, path) if MASK in parts else parts['']
    scale = parts.get(SCALE)
    if values.dtype not in _TYPES:
        raise damaged(path, f'tensor {name} is {_word(values)}, which no recipe stores')
    if (scale is not None) != (values.dtype in _SCALED):
        has = 'a' if scale is not None else 'no'
        raise damaged(path, f'tensor {name} has {_word(values)} values and {has} scale')
    if scale is not None and not _fits(scale, values):
        raise damaged(
            path,
            f'the scale of {name} is {_word(scale)} {tuple(scale.shape)}, which does not fit '
            f'values {tuple(values.shape)}',
        )
    return PackedTensor(values, scale)


def _dense(name: str, parts: dict[str, Tensor], header: PackedHeader, path: Path) -> Tensor:
    """Return the numbers of a tensor in its shape, zeros where its mask has none."""
    mask, values = parts[MASK], parts[VALUES]
    shape = header.shapes.get(name)
    if shape is None:
        raise damaged(path, f'the header lacks the shape of {name}')
    count = math.prod(shape)
    if mask.dtype != torch.uint8 or tuple(mask.shape) != ((count + 7) // 8,):
        raise damaged(
            path, f'the mask of {name} is {_word(mask)} {tuple(mask.shape)} for {count} numbers'
        )
    bits = np.unpackbits(mask.numpy(), bitorder='little')
    kept = int(bits.sum())
    if bits[count:].any() or tuple(values.shape) != (kept,):
        raise damaged(path, f'the mask of {name} keeps {kept} numbers, not {values.numel()}')
    dense = torch.zeros(count, dtype=values.dtype)
    dense[torch.from_numpy(bits[:count]).bool()] = values
    return dense.reshape(shape)


def _check_size(header: PackedHeader, path: Path) -> None:
    """Check that tensors with a mask become no larger than the model, before any is made."""
    numbers = sum(math.prod(shape) for shape in header.shapes.values())
    known = [row.parameters for row in MODELS.values() if row.name == header.model]
    allowed = 2 * max(known or (row.parameters for row in MODELS.values()))
    if numbers > allowed:
        raise damaged(path, f'its header asks for {numbers} numbers; allowed: {allowed}')


def _fits(scale: Tensor, values: Tensor) -> bool:
    return (
        scale.dtype == torch.float32
        and scale.ndim == values.ndim
        and all(side in (1, full) for side, full in zip(scale.shape, values.shape, strict=True))
    )


def _word(values: Tensor) -> str:
    return str(values.dtype).removeprefix('torch.')
