"""
The key names of the published file of VGGT.

Source: `models/vggt.py` and `models/aggregator.py` in github.com/facebookresearch/vggt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

_MARK = 'aggregator.frame_blocks.0.attn.qkv.weight'
_PAIRS = {'frame_blocks': 'within', 'global_blocks': 'across'}
_PAIR = re.compile(rf'aggregator\.({"|".join(_PAIRS)})\.(\d+)\.')
_AGGREGATOR = 'aggregator.'
# Points of the scene, points followed from view to view, and what only pretraining reads.
_LEFT_OUT = ('point_head.', 'track_head.', 'aggregator.patch_embed.mask_token')


def is_vggt_layout(state: Mapping[str, Tensor]) -> bool:
    """Return whether the keys are those of a published file of VGGT."""
    return _MARK in state


def vggt_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Return a published state dict under our key names, without the heads that are not read.

    The heads for depth and camera have the same names here. Keys that are not known stay as they
    are, so that a check against the model reports them.
    """
    return {_own_key(key): value for key, value in state.items() if not key.startswith(_LEFT_OUT)}


def _own_key(key: str) -> str:
    pair = _PAIR.match(key)
    if pair:
        return f'pretrained.blocks.{pair[2]}.{_PAIRS[pair[1]]}.{key[pair.end() :]}'
    if key.startswith(_AGGREGATOR):
        return f'pretrained.{key.removeprefix(_AGGREGATOR)}'
    return key
