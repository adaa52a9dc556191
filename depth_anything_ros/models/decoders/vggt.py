"""
The depth head of VGGT.

Source: Wang et al., "VGGT: Visual Geometry Grounded Transformer" (arXiv 2503.11651); parameter
names of github.com/facebookresearch/vggt.
"""

from __future__ import annotations

from typing import ClassVar

from depth_anything_ros.models.decoders.depth_anything_3 import DualDPTHead
from depth_anything_ros.models.decoders.dpt import HeadForm


class VggtDPTHead(DualDPTHead):
    """
    The same head as that of Depth Anything 3 but for its residual units.

    It gives depth and confidence, (B, 2, h, w), before their activations.
    """

    form: ClassVar[HeadForm] = HeadForm(rectified=True, outputs=2)
