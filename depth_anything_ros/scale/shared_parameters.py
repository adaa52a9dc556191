"""Parameters that several scale sources have in common."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.parameters import Affects, check_order, parameter


@dataclass(frozen=True)
class ReferenceRange:
    """Which reference depths count; the base of a source's own parameters."""

    reference_min_depth_m: float = parameter(
        0.2,
        'Reference depth, or a scan point, nearer than this is ignored.',
        unit='m',
        minimum=0.01,
        maximum=100.0,
        affects=Affects.SCALE,
    )
    reference_max_depth_m: float = parameter(
        8.0,
        'Reference depth, or a scan point, farther than this is ignored.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
        affects=Affects.SCALE,
    )

    def __post_init__(self) -> None:
        """
        Check what involves two parameters.

        :raises ConfigError: if the range is empty.
        """
        check_order(self, 'reference_min_depth_m', 'reference_max_depth_m')


def camera_height() -> float:
    """Return a field for the height of the lens."""
    height: float = parameter(
        0.15,
        'Height of the lens above the ground, for camera_height, and for laser_scan with '
        'scan_with_ground.',
        unit='m',
        minimum=0.01,
        maximum=10.0,
        affects=Affects.SCALE,
    )
    return height
