"""
The key names of DINOv3 on the Hugging Face hub (transformers' DINOv3ViTModel).

Source: `convert_dinov3_vit_to_hf.py` and `modeling_dinov3_vit.py` in
github.com/huggingface/transformers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from depth_anything_ros.models.encoders.dinov3 import MaskedKeyLinear, RotaryEmbedding

_MARK = 'embeddings.register_tokens'
# Files have `layer.0.`; from version 5 on the network itself has `model.layer.0.`.
_LAYER = re.compile(r'(?:model\.)?layer\.(\d{1,3})\.(.+)')
_HEAD_WIDTH = 64

_SINGLE = {
    'embeddings.cls_token': 'cls_token',
    'embeddings.register_tokens': 'storage_tokens',
    'embeddings.mask_token': 'mask_token',
    'embeddings.patch_embeddings.weight': 'patch_embed.proj.weight',
    'embeddings.patch_embeddings.bias': 'patch_embed.proj.bias',
}

_BLOCK_MODULES = {
    'attention.o_proj': 'attn.proj',
    'mlp.up_proj': 'mlp.fc1',
    'mlp.down_proj': 'mlp.fc2',
    'layer_scale1': 'ls1',
    'layer_scale2': 'ls2',
}


def is_dinov3_hub_layout(state: Mapping[str, Tensor]) -> bool:
    """Return whether the keys are those of a DINOv3 file of the hub."""
    return _MARK in state


def official_dinov3_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Return a DINOv3 state dict of the hub under the official key names.

    The official files keep query, key and value in one matrix, with a bias and its mask, and the
    periods of the rotary positions. Keys that are not known stay as they are, so that a check
    against the model reports them.
    """
    renamed: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for key, values in state.items():
        match = _LAYER.fullmatch(key)
        if match is None:
            renamed[_SINGLE.get(key, key)] = values
        elif match[2].split('.')[1] in ('q_proj', 'k_proj', 'v_proj'):
            parts.setdefault(f'blocks.{match[1]}.attn.qkv', {})[match[2][10:]] = values
        else:
            renamed[f'blocks.{match[1]}.{_block_key(match[2])}'] = values
    for name, group in parts.items():
        renamed.update(_joined(name, group))
    if 'mask_token' in renamed:
        renamed['mask_token'] = renamed['mask_token'].reshape(1, -1)
    renamed['rope_embed.periods'] = RotaryEmbedding(_HEAD_WIDTH).periods
    return renamed


def _block_key(key: str) -> str:
    module, _, kind = key.rpartition('.')
    return f'{_BLOCK_MODULES.get(module, module)}.{"gamma" if kind == "lambda1" else kind}'


def _joined(name: str, group: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weight, bias and mask of the one matrix; what is incomplete is left out."""
    joined: dict[str, Tensor] = {}
    weights = [group[f'{part}_proj.weight'] for part in 'qkv' if f'{part}_proj.weight' in group]
    if len(weights) == 3:
        joined[f'{name}.weight'] = torch.cat(weights)
    if 'q_proj.bias' in group and 'v_proj.bias' in group:
        query, value = group['q_proj.bias'], group['v_proj.bias']
        key = group.get('k_proj.bias', torch.zeros_like(query))
        joined[f'{name}.bias'] = torch.cat((query, key, value))
        joined[f'{name}.bias_mask'] = MaskedKeyLinear(query.numel()).bias_mask
    return joined
