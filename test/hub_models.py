"""Tiny models of transformers with random weights, one of each kind, in a folder."""

import json
from pathlib import Path
from typing import Any

import torch

_VIT = {
    'hidden_size': 32,
    'num_hidden_layers': 4,
    'num_attention_heads': 2,
    'intermediate_size': 64,
}
_NECK = {'neck_hidden_sizes': [16, 16, 32, 32], 'fusion_hidden_size': 16}
_STAGES = ['stage1', 'stage2', 'stage3', 'stage4']
_PROCESSOR = {
    'do_resize': True,
    'do_rescale': True,
    'do_normalize': True,
    'rescale_factor': 1 / 255,
    'image_mean': [0.5, 0.5, 0.5],
    'image_std': [0.5, 0.5, 0.5],
    'resample': 2,
}


def _dpt() -> tuple[Any, dict[str, Any]]:
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(**_VIT, **_NECK, image_size=64, patch_size=16, is_hybrid=False,
                       backbone_out_indices=[0, 1, 2, 3])  # fmt: skip
    return DPTForDepthEstimation(config), {
        'image_processor_type': 'DPTImageProcessor',
        'size': {'height': 64, 'width': 64},
    }


def _depth_anything() -> tuple[Any, dict[str, Any]]:
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(**_VIT, image_size=56, patch_size=14, out_features=_STAGES,
                            reshape_hidden_states=False)  # fmt: skip
    config = DepthAnythingConfig(**_NECK, backbone_config=backbone, patch_size=14,
                                 reassemble_hidden_size=32, head_hidden_size=8)  # fmt: skip
    return DepthAnythingForDepthEstimation(config), {
        'image_processor_type': 'DPTImageProcessor',
        'size': {'height': 56, 'width': 56},
        'keep_aspect_ratio': True,
        'ensure_multiple_of': 14,
    }


def _zoedepth() -> tuple[Any, dict[str, Any]]:
    from transformers import BeitConfig, ZoeDepthConfig, ZoeDepthForDepthEstimation

    backbone = BeitConfig(**_VIT, image_size=64, patch_size=16, out_features=_STAGES,
                          reshape_hidden_states=False,
                          use_relative_position_bias=True)  # fmt: skip
    config = ZoeDepthConfig(**_NECK, backbone_config=backbone, bottleneck_features=16,
                            num_relative_features=8, bin_embedding_dim=16,
                            backbone_hidden_size=32)  # fmt: skip
    return ZoeDepthForDepthEstimation(config), {
        'image_processor_type': 'ZoeDepthImageProcessor',
        'size': {'height': 64, 'width': 64},
        'ensure_multiple_of': 16,
    }


def _depth_pro() -> tuple[Any, dict[str, Any]]:
    from transformers import DepthProConfig, DepthProForDepthEstimation

    vit = {**_VIT, 'model_type': 'dinov2', 'image_size': 32, 'patch_size': 16,
           'use_mask_token': False}  # fmt: skip
    config = DepthProConfig(
        patch_size=32, image_model_config=vit, patch_model_config=vit, fov_model_config=vit,
        intermediate_hook_ids=[3, 1], intermediate_feature_dims=[16, 16],
        scaled_images_ratios=[0.5, 1], scaled_images_overlap_ratios=[0.0, 0.25],
        scaled_images_feature_dims=[16, 16], fusion_hidden_size=16, use_fov_model=True,
        num_fov_head_layers=0,
    )  # fmt: skip
    return DepthProForDepthEstimation(config), {
        'image_processor_type': 'DepthProImageProcessor',
        'size': {'height': 64, 'width': 64},
    }


def _glpn() -> tuple[Any, dict[str, Any]]:
    from transformers import GLPNConfig, GLPNForDepthEstimation

    config = GLPNConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16,
                        num_attention_heads=[1, 1, 1, 1])  # fmt: skip
    return GLPNForDepthEstimation(config), {
        'image_processor_type': 'GLPNImageProcessor',
        'size_divisor': 32,
    }


KINDS = {
    'dpt': _dpt,
    'depth_anything': _depth_anything,
    'zoedepth': _zoedepth,
    'depth_pro': _depth_pro,
    'glpn': _glpn,
}


def write_model(kind: str, folder: Path) -> Any:
    """Write a model with its processor into a folder, as the hub has them, and return it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, processor = KINDS[kind]()
    folder.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(folder)
    text = json.dumps({**_PROCESSOR, **processor})
    (folder / 'preprocessor_config.json').write_text(text)
    return network.eval()
