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
    ground_sigmas: float = parameter(
        0.0,
        'Leave out of the same what is higher above the ground than ground_clearance_m by less '
        'than so many standard deviations: it may be the ground. Goes by camera_height_m, '
        'camera_pitch_deg and camera_roll_deg; 1 is a start, 0 keeps all.',
        minimum=0.0,
        maximum=10.0,
        affects=Affects.FRAME,
    )
    ground_clearance_m: float = parameter(
        0.05,
        'For ground_sigmas: how high above the ground things are no obstacle, as '
        'min_obstacle_height of a costmap.',
        unit='m',
        minimum=0.0,
        maximum=1.0,
        affects=Affects.FRAME,
    )

    @property
    def leaves_out(self) -> bool:
        """Return whether uncertain depth is left out."""
        return self.max_sigma > 0 or self.ground_sigmas > 0
