"""What the pipeline is asked for beside the network's depth, by what is to be published."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.stream.encoders import (
    COMPRESSED_FUSED,
    CONFIDENCE,
    FUSED,
    FUSED_INFO,
    FUSED_SOURCE,
    POINTS,
    SCAN,
    SIGMA,
)
from depth_anything_ros.types import ConfidenceSource, DepthChoice


@dataclass(frozen=True)
class Asked:
    """
    Say whether depth is fused, of which depth sigma is told, and by what confidence is.

    None is neither of these two. `lens`: where there is no camera_info, the network is asked for
    the camera of clouds and scans; `focal_length`: likewise for that of a model whose metres need
    it.
    """

    fuse: bool = False
    sigma: DepthChoice | None = None
    confidence: ConfidenceSource | None = None
    lens: bool = False
    focal_length: bool = False


def asked_for(topics: Collection[str], config: DepthNodeConfig) -> Asked:
    """Return what is to be computed for some outputs."""
    choice = DepthChoice(config.cloud_from)
    clouds = not {POINTS, SCAN}.isdisjoint(topics)
    sigma = SIGMA in topics or (clouds and config.uncertainty.leaves_out)
    fuse = not {FUSED, FUSED_SOURCE, FUSED_INFO, COMPRESSED_FUSED}.isdisjoint(topics)
    fuse |= choice is DepthChoice.FUSED and (clouds or sigma)
    tells = CONFIDENCE in topics or config.scale.align_by_confidence
    sure = ConfidenceSource(config.confidence) if tells else None
    lens = clouds and config.predicted_camera
    return Asked(fuse, choice if sigma else None, sure, lens, config.predicted_camera)
