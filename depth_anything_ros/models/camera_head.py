"""
What an encoder for any number of views says of the camera: its field of view.

Source: Lin et al., "Depth Anything 3: Recovering the Visual Space from Any Views" (arXiv
2511.10647); parameter names of github.com/ByteDance-Seed/Depth-Anything-3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEAST_TANGENT = 1e-6


class CameraHead(nn.Module):
    """
    Read the field of view from the token of the reference view.

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
