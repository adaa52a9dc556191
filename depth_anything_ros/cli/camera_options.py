"""What verbs that need the camera of pictures ask alike."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from depth_anything_ros.errors import ConfigError

if TYPE_CHECKING:
    from depth_anything_ros.lab.prediction.cameras import Lens


def add_camera_arguments(group: argparse._ArgumentGroup) -> None:
    """Add the options that name the camera, which :func:`chosen_lens` reads."""
    camera = group.add_mutually_exclusive_group()
    camera.add_argument(
        '--camera', metavar='FILE|fx,fy,cx,cy',
        help='the camera: YAML of camera_calibration or of `ros2 topic echo --once camera_info`, '
        'or four numbers in pixels of the pictures',
    )  # fmt: skip
    camera.add_argument(
        '--fov',
        type=number_argument('an angle from 1 to 170 degrees', lambda angle: 1 <= angle <= 170),
        metavar='DEGREES',
        help='horizontal angle that the pictures span',
    )
    group.add_argument(
        '--rectified', action='store_true',
        help='the pictures are rectified: of FILE take the projection matrix, not the distortion',
    )  # fmt: skip


def chosen_lens(args: argparse.Namespace) -> Lens | None:
    """
    Return the camera that the options name, or None.

    :raises ConfigError: if it is none, or two options do not go together.
    :raises CameraError: if the calibration file is none.
    """
    from depth_anything_ros.lab.prediction.cameras import ViewAngle, lens_of

    if args.rectified and not args.camera:
        raise ConfigError('--rectified has no meaning without --camera FILE')
    if args.fov:
        return ViewAngle(args.fov)
    return lens_of(args.camera, args.rectified) if args.camera else None


def number_argument(words: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """Return what reads a number that fits; `words` say which do."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not fits(found):
            raise argparse.ArgumentTypeError(f"'{text}' is not {words}")
        return found

    return read
