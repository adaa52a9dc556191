"""The parameters of uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.parameters import Affects, parameter


@dataclass(frozen=True)
class UncertaintyConfig:
    """What uncertainty in metres goes by."""

    sigma_table: str = parameter(
        '',
        'File of what is known of the errors of the network, made by calibrate-uncertainty; empty '
        'takes the one beside its weights, else a generic one, which diagnostics tell.',
        affects=Affects.MODEL,
    )
    max_sigma: float = parameter(
        0.0,
        'Leave out of ~/points, ~/scan and saved clouds what one standard deviation is more than '
        'this share of its depth; 0.3 is a start, 0 keeps all.',
        minimum=0.0,
        maximum=3.0,
        affects=Affects.FRAME,
    )
