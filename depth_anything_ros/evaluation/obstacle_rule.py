"""What counts as an obstacle of a robot."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.parameters import check_order, parameter


@dataclass(frozen=True)
class ObstacleRule:
    """What stands in a robot's way, and how far away it counts; for the metrics `obstacles`."""

    obstacle_min_height_m: float = parameter(
        0.05,
        'What is lower above the ground is no obstacle: the robot drives over it.',
        unit='m',
        minimum=0.005,
        maximum=10.0,
        read_only=True,
    )
    obstacle_max_height_m: float = parameter(
        0.8,
        'What is higher above the ground is no obstacle: the robot drives below it.',
        unit='m',
        minimum=0.01,
        maximum=10.0,
        read_only=True,
    )
    obstacle_reach_m: float = parameter(
        4.0,
        'Obstacles farther from the lens, along the ground, do not count.',
        unit='m',
        minimum=0.5,
        maximum=20.0,
        read_only=True,
    )
    braking_distance_m: float = parameter(
        1.0,
        'Within this distance of the lens, obstacles that the prediction sees through are counted '
        'apart.',
        unit='m',
        minimum=0.1,
        maximum=20.0,
        read_only=True,
    )

    @property
    def text(self) -> str:
        """Return in words what counts."""
        return (
            f'from {self.obstacle_min_height_m:g} to {self.obstacle_max_height_m:g} m above the '
            f'ground and up to {self.obstacle_reach_m:g} m away'
        )

    def __post_init__(self) -> None:
        """
        Check what involves two parameters.

        :raises ConfigError: if nothing is between the heights, or braking is beyond the reach.
        """
        check_order(self, 'obstacle_min_height_m', 'obstacle_max_height_m')
        check_order(self, 'braking_distance_m', 'obstacle_reach_m')
