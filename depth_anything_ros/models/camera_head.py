"""
What an encoder for any number of views says of the camera: its field of view.

Source: Lin et al., "Depth Anything 3: Recovering the Visual Space from Any Views" (arXiv
2511.10647); Wang et al., "VGGT: Visual Geometry Grounded Transformer" (arXiv 2503.11651);
parameter names of github.com/ByteDance-Seed/Depth-Anything-3 and github.com/facebookresearch/vggt.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depth_anything_ros.models.encoders.vit import Attention, Block, Mlp, sdpa_attention

_LEAST_TANGENT = 1e-6
_TRUNK_DEPTH = 4
_TRUNK_HEADS = 16
_TRUNK_NORM_EPS = 1e-5
_ADAPTED_NORM_EPS = 1e-6
_STEPS = 4
# Where a view is seen from (3), its rotation as a quaternion (4), field of view (2).
_POSE = 9


class CameraHead(nn.Module):
    """
    Read the field of view from the token of the reference view, as Depth Anything 3 does.

    The public head also gives where a view is seen from; with one view that says nothing.

    :param width: channels of the token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.fc_fov = nn.Sequential(nn.Linear(width, 2), nn.ReLU())

    def forward(self, token: Tensor) -> Tensor:
        """
        Return the field of view down and across the image, (B, 2) in radians, 0 or more.

        :param token: of the last layer, as the encoder gives it, (B, C).
        """
        angles: Tensor = self.fc_fov(self.backbone(token))
        return angles


class RefiningCameraHead(nn.Module):
    """
    Read the field of view from the token of the camera, refined step by step, as VGGT does.

    Each step reads what the last one found, with where the view is seen from, and adds to it.

    :param width: channels of the token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*(_trunk_block(width) for _ in range(_TRUNK_DEPTH)))
        self.token_norm = nn.LayerNorm(width, eps=_TRUNK_NORM_EPS)
        self.trunk_norm = nn.LayerNorm(width, eps=_TRUNK_NORM_EPS)
        self.empty_pose_tokens = nn.Parameter(torch.zeros(1, 1, _POSE))
        self.embed_pose = nn.Linear(_POSE, width)
        self.poseLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))
        self.adaln_norm = nn.LayerNorm(width, elementwise_affine=False, eps=_ADAPTED_NORM_EPS)
        self.pose_branch = Mlp(width, width // 2, _POSE)

    def forward(self, token: Tensor) -> Tensor:
        """
        Return the field of view down and across the image, (B, 2) in radians, 0 or more.

        :param token: of the last layer, as the encoder gives it, (B, C).
        """
        view = self.token_norm(token)[:, None]  # (B, 1, C)
        normalised = self.adaln_norm(view)
        pose = torch.zeros(len(token), 1, _POSE, dtype=token.dtype, device=token.device)
        found = self.empty_pose_tokens
        for _ in range(_STEPS):
            modulation = self.poseLN_modulation(self.embed_pose(found))
            shift, scale, gate = modulation.chunk(3, dim=-1)
            modulated = view + gate * (normalised * (1 + scale) + shift)
            pose = found = pose + self.pose_branch(self.trunk_norm(self.trunk(modulated)))
        return pose[:, 0, -2:].relu()


def _trunk_block(width: int) -> Block:
    attention = Attention(width, _TRUNK_HEADS, sdpa_attention, nn.Linear(width, 3 * width))
    return Block(width, attention, _TRUNK_NORM_EPS)


def focal_px(angles_rad: Tensor, height: int, width: int) -> Tensor:
    """
    Return the focal lengths of an image by its field of view, (B, 2): fy and fx in pixels.

    The principal point of such a camera is the middle of the image.

    :param angles_rad: field of view down and across the image, (B, 2).
    :param height: rows of the image.
    :param width: columns of the image.
    """
    sides_px = torch.tensor((height, width), dtype=angles_rad.dtype, device=angles_rad.device)
    return sides_px / 2 / (angles_rad / 2).tan().clamp(min=_LEAST_TANGENT)
