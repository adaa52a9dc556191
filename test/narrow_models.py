"""The models of the table with few and narrow layers, so that all of them run in no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.encoders.depth_anything_3 import ANY_VIEW_SIZES, AnyViewSize
from depth_anything_ros.models.encoders.vit import SIZES, VitSize
from depth_anything_ros.models.spec import ModelSpec

NARROW = 'narrow'
_VIT = VitSize(48, 4, 3)
_START = 2
_CONVOLUTIONAL = 'efficientnet_lite'


def narrow(row: ModelSpec) -> ModelSpec:
    """Return a row with four layers of 48 channels; convolutional ones are small as they are."""
    if row.encoder == _CONVOLUTIONAL:
        return row
    any_view = row.encoder == 'dinov2_any_view'
    size = f'{NARROW}_{ANY_VIEW_SIZES[row.encoder_size].mlp.__name__}' if any_view else NARROW
    return replace(
        row,
        encoder_size=size,
        layers=(0, 1, 2, 3),
        features=16,
        out_channels=(8, 8, 12, 16),
        sha256='',
        metric=narrow(row.metric) if row.metric else None,
    )


def network_names() -> list[str]:
    """Return the names of rows whose narrow networks are all there are, each once."""
    names: dict[tuple[object, ...], str] = {}
    for name, row in MODELS.items():
        small = narrow(row)
        shape = (small.encoder, small.encoder_size, small.decoder, small.out_channels, small.patch)
        meaning = (small.output_kind, small.sky, small.camera, small.metric)
        names.setdefault((*shape, *meaning), name)
    return list(names.values())


def network_cases(fast: str) -> list[object]:
    """Return the names of networks as parameters; all but the fast one are slow together."""
    return [
        name if name == fast else pytest.param(name, marks=pytest.mark.slow)
        for name in network_names()
    ]


@contextmanager
def narrow_models() -> Iterator[None]:
    """Let MODELS hold the narrow rows under their names, while it lasts."""
    rows = {name: narrow(row) for name, row in MODELS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES._entries, NARROW, _VIT)
        for size in list(ANY_VIEW_SIZES.values()):
            own = f'{NARROW}_{size.mlp.__name__}'
            patch.setitem(ANY_VIEW_SIZES._entries, own, AnyViewSize(_VIT, _START, size.mlp))
        for name, row in rows.items():
            patch.setitem(MODELS._entries, name, counted(row))
        yield


def counted(row: ModelSpec) -> ModelSpec:
    """Return a row that says how many parameters it has."""
    with torch.device('meta'):
        model = create_model(row)
    return replace(row, parameters=sum(values.numel() for values in model.parameters()))
