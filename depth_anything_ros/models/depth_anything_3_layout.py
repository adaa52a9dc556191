"""
The key names of the published files of Depth Anything 3.

Source: `model/da3.py`, `dualdpt.py`, `dpt.py` and `cam_dec.py` in
github.com/ByteDance-Seed/Depth-Anything-3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# What is left when all names of a file have lost the prefix that they share.
_MARK = 'backbone.pretrained.patch_embed.proj.weight'
_PREFIXES = {
    'backbone.pretrained.': 'pretrained.',
    'head.': 'depth_head.',
    'cam_dec.': 'camera_head.',
}
# The same of the nested model, which holds two networks.
_NESTED_MARK = f'da3.{_MARK}'
_NESTED_PREFIXES = {
    'da3.backbone.pretrained.': 'pretrained.any_view.',
    'da3.head.': 'depth_head.any_view.',
    'da3.cam_dec.': 'camera_head.',
    'da3_metric.backbone.pretrained.': 'pretrained.metric.',
    'da3_metric.head.': 'depth_head.metric.',
}
# Where other views are and what they are told of it, rays, Gaussians: nothing for one image.
_FOR_VIEWS = re.compile(
    r'(da3\.)?(cam_enc\..+|gs_(head|adapter)\..+|cam_dec\.fc_(t|qvec)\.(weight|bias)'
    r'|head\.scratch\.(refinenet[1-4]|output_conv[12])_aux\..+)'
)


def is_depth_anything_3_layout(state: Mapping[str, Tensor]) -> bool:
    """Return whether the keys are those of a published file of Depth Anything 3."""
    return _MARK in state or _NESTED_MARK in state


def depth_anything_3_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Return a published state dict under our key names, without what serves several views.

    Keys that are not known stay as they are, so that a check against the model reports them.
    """
    prefixes = _NESTED_PREFIXES if _NESTED_MARK in state else _PREFIXES
    return {
        _own_key(key, prefixes): value
        for key, value in state.items()
        if not _FOR_VIEWS.fullmatch(key)
    }


def _own_key(key: str, prefixes: Mapping[str, str]) -> str:
    for theirs, ours in prefixes.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key
