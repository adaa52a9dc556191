"""The parameters that refine depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from depth_anything_ros.motion import MOTION_TOPICS, MotionConfig
from depth_anything_ros.parameters import Affects, group, parameter
from depth_anything_ros.references import ReferenceTopic


@dataclass(frozen=True)
class RefinementConfig:
    """Which steps refine depth on its way; all are off by default."""

    flip_augmentation: bool = parameter(
        False,
        'Run the network on the mirrored image too and average; twice the time of inference.',
        affects=Affects.REFINEMENT,
    )
    edge_filter_px: int = parameter(
        0,
        'Radius of the guided filter that brings edges of the depth to edges of the image; 6 is '
        'a start for 640x480, 0 is off.',
        unit='px',
        minimum=0,
        maximum=64,
        affects=Affects.REFINEMENT,
    )
    temporal_smoothing_s: float = parameter(
        0.0,
        'Time constant of the filter of metric depth over time, pixel by pixel where image and '
        'depth stay alike; where the motion of the camera is not known, depth lags by up to as '
        'much. 0.3 is a start, 0 is off.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        affects=Affects.REFINEMENT,
    )
    motion: MotionConfig = group(MotionConfig)

    def topics(self) -> Iterator[tuple[ReferenceTopic, Any]]:
        """Return the topics that the steps listen to, with the parameters of their intakes."""
        if self.temporal_smoothing_s:
            yield from ((one, self.motion) for one in MOTION_TOPICS if one.needed(self.motion))
