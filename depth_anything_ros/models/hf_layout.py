"""
The key names of the `-hf` checkpoints (transformers' DepthAnythingForDepthEstimation).

Source: `convert_depth_anything_to_hf.py` and `modeling_depth_anything.py` in
github.com/huggingface/transformers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from depth_anything_ros.models.dinov3_layout import is_dinov3_hub_layout, official_dinov3_state

_MARK = 'backbone.embeddings.patch_embeddings.projection.weight'
_BLOCK = 'pretrained.blocks.{}.'
_LAYER = 'backbone.encoder.layer.{}.'
_NUMBERED_LAYER = re.compile(r'backbone\.encoder\.layer\.(\d{1,3})\.')
_REFINE = 'depth_head.scratch.refinenet{}.'
_FUSION = 'neck.fusion_stage.layers.{}.'

_SINGLE = {
    'pretrained.cls_token': 'backbone.embeddings.cls_token',
    'pretrained.mask_token': 'backbone.embeddings.mask_token',
    'pretrained.pos_embed': 'backbone.embeddings.position_embeddings',
}

_MODULES = {
    'pretrained.patch_embed.proj': 'backbone.embeddings.patch_embeddings.projection',
    'pretrained.norm': 'backbone.layernorm',
    'depth_head.scratch.output_conv1': 'head.conv1',
    'depth_head.scratch.output_conv2.0': 'head.conv2',
    'depth_head.scratch.output_conv2.2': 'head.conv3',
}

_BLOCK_MODULES = {
    'norm1': 'norm1',
    'norm2': 'norm2',
    'attn.proj': 'attention.output.dense',
    'mlp.fc1': 'mlp.fc1',
    'mlp.fc2': 'mlp.fc2',
}

_REFINE_MODULES = {
    'out_conv': 'projection',
    'resConfUnit1.conv1': 'residual_layer1.convolution1',
    'resConfUnit1.conv2': 'residual_layer1.convolution2',
    'resConfUnit2.conv1': 'residual_layer2.convolution1',
    'resConfUnit2.conv2': 'residual_layer2.convolution2',
}


def is_hf_layout(state: Mapping[str, Tensor]) -> bool:
    """Return whether the keys are transformers' rather than the public ones."""
    return _MARK in state or is_dinov3_hub_layout(state)


def hf_key_map(depth: int) -> dict[str, tuple[str, ...]]:
    """
    Return public key → `-hf` keys; several are concatenated along the first axis.

    The public code keeps query, key and value in one matrix, and counts its fusion blocks from
    the shallow end where transformers counts from the deep end.

    :param depth: number of encoder blocks.
    """
    modules = dict(_MODULES)
    keys: dict[str, tuple[str, ...]] = {public: (hf,) for public, hf in _SINGLE.items()}
    for index in range(depth):
        block, layer = _BLOCK.format(index), _LAYER.format(index)
        modules.update({block + ours: layer + hf for ours, hf in _BLOCK_MODULES.items()})
        for scale in (1, 2):
            keys[f'{block}ls{scale}.gamma'] = (f'{layer}layer_scale{scale}.lambda1',)
        for kind in ('weight', 'bias'):
            keys[f'{block}attn.qkv.{kind}'] = tuple(
                f'{layer}attention.attention.{part}.{kind}' for part in ('query', 'key', 'value')
            )
    for index in range(4):
        stage = f'neck.reassemble_stage.layers.{index}'
        modules[f'depth_head.projects.{index}'] = f'{stage}.projection'
        if index != 2:  # the third layer keeps its size
            modules[f'depth_head.resize_layers.{index}'] = f'{stage}.resize'
        keys[f'depth_head.scratch.layer{index + 1}_rn.weight'] = (f'neck.convs.{index}.weight',)
        refine, fusion = _REFINE.format(4 - index), _FUSION.format(index)
        modules.update({refine + ours: fusion + hf for ours, hf in _REFINE_MODULES.items()})
    for public, hf in modules.items():
        for kind in ('weight', 'bias'):
            keys[f'{public}.{kind}'] = (f'{hf}.{kind}',)
    return keys


def public_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Return a state dict in `-hf` layout under the public key names.

    Keys that the map does not know stay as they are, and keys that it misses are left out, so
    that a check against the model reports both. A file of DINOv3 alone gets the names of its
    official one.
    """
    if is_dinov3_hub_layout(state):
        return official_dinov3_state(state)
    layers = [int(match[1]) for match in map(_NUMBERED_LAYER.match, state) if match]
    depth = 1 + max(layers, default=-1)
    renamed = dict(state)
    for public, sources in hf_key_map(depth).items():
        if all(source in state for source in sources):
            parts = [renamed.pop(source) for source in sources]
            renamed[public] = parts[0] if len(parts) == 1 else torch.cat(parts)
    return renamed
