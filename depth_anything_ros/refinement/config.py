"""The parameters that refine depth."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.motion import MotionConfig
from depth_anything_ros.parameters import Affects, group, parameter


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
