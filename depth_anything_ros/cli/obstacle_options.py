"""How verbs that score ask what an obstacle is, and how the camera hangs above the ground."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from depth_anything_ros.errors import ConfigError

if TYPE_CHECKING:
    from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
    from depth_anything_ros.types import CameraMounting

# Option → parameter of ObstacleRule.
_RULE = {
    'obstacle_min_height': 'obstacle_min_height_m',
    'obstacle_max_height': 'obstacle_max_height_m',
    'obstacle_reach': 'obstacle_reach_m',
    'braking_distance': 'braking_distance_m',
}
_MOUNTING = 'camera_height', 'camera_pitch', 'camera_roll'


def add_obstacle_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the metrics `obstacles`."""
    group = parser.add_argument_group('obstacles, of the metrics of that name')
    for option, default, text in (
        ('--obstacle-min-height', 0.05, 'what is lower is driven over'),
        ('--obstacle-max-height', 0.8, 'what is higher is driven below'),
        ('--obstacle-reach', 4, 'what is farther from the lens does not count'),
        ('--braking-distance', 1, 'within it, cells that are seen through are counted apart'),
    ):
        group.add_argument(
            option, type=float, metavar='M', help=f'{text} (metres; default: {default:g})'
        )
    group.add_argument(
        '--camera-height', type=float, metavar='M',
        help='height of the lens above level ground in metres, about: the ground that the true '
        'depth shows near it counts, and where that shows another one, nothing is scored '
        '(default: as the data knows it, as the simulator does, else of the ground that is found '
        'in the true depth)',
    )  # fmt: skip
    group.add_argument(
        '--camera-pitch', type=float, metavar='DEG',
        help='how far the camera looks down, with --camera-height (default: 0)',
    )  # fmt: skip
    group.add_argument(
        '--camera-roll', type=float, metavar='DEG',
        help='how far it leans to the right, with --camera-height (default: 0)',
    )  # fmt: skip


def chosen_obstacles(args: argparse.Namespace) -> ObstacleRule:
    """
    Return what an obstacle is.

    :raises ConfigError: if an option is out of range, or two do not go together.
    """
    from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
    from depth_anything_ros.parameters import from_mapping

    given = {name: getattr(args, option) for option, name in _RULE.items()}
    return from_mapping(
        ObstacleRule, {name: value for name, value in given.items() if value is not None}
    )


def chosen_mounting(args: argparse.Namespace) -> CameraMounting | None:
    """
    Return how the camera hangs, None where the options do not say.

    :raises ConfigError: if an option is out of range, or an angle has no height.
    """
    from depth_anything_ros.types import CameraMounting

    angles_deg = [args.camera_pitch, args.camera_roll]
    if args.camera_height is None:
        if angles_deg != [None, None]:
            raise ConfigError('--camera-pitch and --camera-roll need --camera-height')
        return None
    pitch_deg, roll_deg = (angle or 0.0 for angle in angles_deg)
    if not 0 < args.camera_height <= 10:
        raise ConfigError(f'--camera-height {args.camera_height:g}; allowed: above 0 to 10 m')
    for name, angle_deg, most_deg in (('pitch', pitch_deg, 85), ('roll', roll_deg, 180)):
        if not abs(angle_deg) <= most_deg:
            raise ConfigError(
                f'--camera-{name} {angle_deg:g}; allowed: −{most_deg} to {most_deg} degrees'
            )
    return CameraMounting(args.camera_height, math.radians(pitch_deg), math.radians(roll_deg))


def require_no_obstacle_options(args: argparse.Namespace) -> None:
    """
    Check that nothing of obstacles is given where none are looked for.

    :raises ConfigError: if it is.
    """
    for option in (*_RULE, *_MOUNTING):
        if getattr(args, option) is not None:
            name = option.replace('_', '-')
            raise ConfigError(f'--{name} is of the metrics of obstacles; add --metrics obstacles')
