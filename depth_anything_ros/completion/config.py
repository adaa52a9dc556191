"""The parameters of fused depth."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.completion.fusion import DEFAULT_REFUSAL
from depth_anything_ros.parameters import Affects, parameter


@dataclass(frozen=True)
class CompletionConfig:
    """How far the sensor is believed where its depth is fused with that of the network."""

    fused_refusal: float = parameter(
        DEFAULT_REFUSAL,
        'For fused depth a measured pixel that its neighbours contradict is refused if the '
        'network is off it by more than this share of depth, too; 0 believes every pixel.',
        minimum=0.0,
        maximum=100.0,
        affects=Affects.FRAME,
    )
