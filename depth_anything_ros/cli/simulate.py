"""The verb `simulate`: a robot's drive through a random room as a ROS 2 bag."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    path_argument,
    progress,
    write_json,
    write_line,
)
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.files import writing_folder
from depth_anything_ros.messages.limits import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from depth_anything_ros.lab.simulation.journey import RobotFrame
    from depth_anything_ros.lab.simulation.robot import Robot
    from depth_anything_ros.types import Camera

_STORAGES = ('mcap', 'sqlite3')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and options of the verb."""
    parser.add_argument(
        'out', type=path_argument, metavar='OUT', help='folder of the bag to write'
    )
    parser.add_argument('--frames', type=int, default=30, help='number of frames (default 30)')
    parser.add_argument(
        '--rate', type=float, default=10.0, metavar='HZ', help='frames a second (default 10)'
    )
    parser.add_argument(
        '--world', type=int, default=0, metavar='SEED', help='which room (default 0)'
    )
    parser.add_argument(
        '--world-version',
        type=int,
        choices=(1, 2),
        default=1,
        help='2 mends floors and ceilings that show the coat of the walls (default 1)',
    )
    parser.add_argument(
        '--camera-height',
        type=float,
        default=0.149,
        metavar='M',
        help='height of the lens above the floor, above 0 to 2 (default %(default)s)',
    )
    parser.add_argument(
        '--camera-pitch',
        type=float,
        default=0.0,
        metavar='DEG',
        help='how far the camera looks down, -68 to 68 (default 0)',
    )
    parser.add_argument(
        '--storage',
        choices=(*_STORAGES, 'both'),
        default='mcap',
        help='both writes the bags OUT/mcap and OUT/sqlite3 (default mcap)',
    )
    parser.add_argument(
        '--compressed', action='store_true', help='images as JPEG, depth as PNG: a tenth the size'
    )
    parser.add_argument(
        '--size',
        type=_size,
        default=(640, 480),
        metavar='WIDTHxHEIGHT',
        help='size of the images in pixels (default 640x480)',
    )
    parser.add_argument(
        '--force', action='store_true', help='replace OUT if it is a bag made before'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Write the bag and say what is in it.

    :raises DatasetError: if OUT exists and may not be replaced, or an option is out of range.
    :raises ConfigError: if the camera's height or pitch is out of range.
    :raises OutputError: if the bag cannot be written; what was at OUT stays then.
    """
    from depth_anything_ros.bag import RgbdTopics
    from depth_anything_ros.lab.simulation import robot_bag
    from depth_anything_ros.lab.simulation.robot import robot_camera

    camera = robot_camera(*args.size)
    frames, robot = _drive(args, camera)
    rgbd = RgbdTopics().compressed() if args.compressed else RgbdTopics()
    _check_replaceable(args.out, args.force)
    with writing_folder(args.out, replace=args.force) as folder:
        if args.storage != 'both':
            folder.rmdir()  # it is the bag itself
        fresh = _bag_paths(folder, args.storage)
        first_storage, first_path = next(iter(fresh.items()))
        robot_bag.write_robot_bag(first_path, frames, robot, first_storage, rgbd)
        for storage, path in list(fresh.items())[1:]:
            _copy_bag(first_path, path, storage)
    bags = _bag_paths(args.out, args.storage)
    answer: dict[str, object] = {
        'bags': [str(path) for path in bags.values()],
        'frames': args.frames,
        'rate_hz': args.rate,
        'seed': args.world,
        'room': 'random',
        'width': camera.width,
        'height': camera.height,
        'topics': {
            **vars(rgbd),
            'scan': robot_bag.SCAN_TOPIC,
            'odom': robot_bag.ODOM_TOPIC,
            'tf': robot_bag.TF_TOPIC,
            'tf_static': robot_bag.STATIC_TF_TOPIC,
        },
    }
    for path in bags.values():
        write_line(f'{path}: {args.frames} frames of {camera.width}x{camera.height}')
    write_json(args.json, answer)
    return 0


def _drive(args: argparse.Namespace, camera: Camera) -> tuple[Iterator[RobotFrame], Robot]:
    """Return what the robot asked for senses on its drive, rendered as it is asked for."""
    from depth_anything_ros.lab.simulation.journey import journey
    from depth_anything_ros.lab.simulation.robot import Robot

    robot = Robot(
        camera_height_m=args.camera_height, camera_pitch_rad=math.radians(args.camera_pitch)
    )
    driven = journey(args.world, args.frames, args.rate, camera, robot, version=args.world_version)
    return progress(driven, args.frames, 'rendering'), robot


def _bag_paths(out: Path, storage: str) -> dict[str, Path]:
    return {name: out / name for name in _STORAGES} if storage == 'both' else {storage: out}


def _copy_bag(source: Path, target: Path, storage: str) -> None:
    """Write the messages of one bag into another of a different storage."""
    from depth_anything_ros.bag import BagReader, BagWriter

    with BagReader(source) as reader, BagWriter(target, storage) as writer:
        for message in reader.messages():
            writer.write_cdr(message.topic, message.type_name, message.cdr, message.log_time_ns)


def _check_replaceable(out: Path, force: bool) -> None:
    """Check that what stands at OUT, if anything, is what an earlier call wrote."""
    if not out.exists():
        return
    if not force:
        raise DatasetError(f"'{out}' exists; --force replaces a bag")
    if not _holds_bags_only(out):
        raise DatasetError(f"'{out}' exists and is not only a bag; --force replaces bags only")


def _holds_bags_only(folder: Path) -> bool:
    """Return whether a folder is a bag, or holds a bag of each storage, and nothing more."""
    entries = list(folder.iterdir()) if folder.is_dir() else []
    if any(entry.name == 'metadata.yaml' for entry in entries):
        return all(entry.suffix in ('.yaml', '.mcap', '.db3') for entry in entries)
    return bool(entries) and all(
        entry.name in _STORAGES and _holds_bags_only(entry) for entry in entries
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; write it as 640x480")
    if int(width) * int(height) > MAX_PIXELS:
        raise argparse.ArgumentTypeError(
            f"'{text}' is too large; at most {MAX_PIXELS // 1_000_000} megapixels are rendered"
        )
    return int(width), int(height)
