"""What the pipeline is asked for beside the network's depth, by what is to be published."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.stream.encoders import (
    FUSED,
    FUSED_INFO,
    FUSED_SOURCE,
    POINTS,
    SCAN,
    SIGMA,
)
from depth_anything_ros.types import DepthChoice


@dataclass(frozen=True)
class Asked:
    """Say whether depth is fused, and of which depth sigma is told, None for neither."""

    fuse: bool = False
    sigma: DepthChoice | None = None


def asked_for(topics: Collection[str], config: DepthNodeConfig) -> Asked:
    """Return what is to be computed for some outputs."""
    choice = DepthChoice(config.cloud_from)
    clouds = not {POINTS, SCAN}.isdisjoint(topics)
    sigma = SIGMA in topics or (clouds and config.uncertainty.leaves_out)
    fuse = not {FUSED, FUSED_SOURCE, FUSED_INFO}.isdisjoint(topics)
    fuse |= choice is DepthChoice.FUSED and (clouds or sigma)
    return Asked(fuse, choice if sigma else None)
