"""The verb `view`: image, depth, cloud, scan and scale in the viewer Rerun."""

from __future__ import annotations

import argparse
import math
import platform
import re
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    check_outputs,
    path_argument,
    progress,
    write_line,
    write_warning,
)
from depth_anything_ros.cli.predictor_options import count_argument
from depth_anything_ros.errors import ConfigError, MessageError
from depth_anything_ros.home import expand_user
from depth_anything_ros.parameters import DEPTH_UNITS, MILLIMETRES

if TYPE_CHECKING:
    from depth_anything_ros.bag import BagReader, BagTransforms
    from depth_anything_ros.bag.transforms import TransformTree
    from depth_anything_ros.bag.view_frames import ViewMessage
    from depth_anything_ros.bag.view_topics import Role
    from depth_anything_ros.lab.viewing.places import Transforms
    from depth_anything_ros.lab.viewing.recording import Target
    from depth_anything_ros.lab.viewing.scene import Scene

_MEMORY = '2GB'
_ENDING = '.rrd'
_MEMORY_FORM = re.compile(r'[1-9]\d*(\.\d+)?(MB|GB|%)')
_FASTEST_HZ = 1000.0
# For topics that are not there yet.
_WAIT_S = 10.0
# Of places of a moving frame.
_TF_KEPT = 1000
_TOLD = ('image', 'depth', 'sigma', 'confidence', 'points', 'scan', 'scale')

_EPILOG = """examples:
  what a camera and the depth node publish now:
    depth_anything_ros view
  on a robot without a screen; open the address that it prints on another computer:
    depth_anything_ros view --web
  a bag, and a bag as a file to send to somebody, who opens it with `rerun run1.rrd`:
    depth_anything_ros view run1
    depth_anything_ros view run1 --save run1.rrd

Shown are the outputs of a depth node where there are any, else the depth of the camera; the
image, the cloud (of a bag that has the node's, that one, else one made of depth and image), the
laser scan, and how scale and shift move. TF
places them in the frame that the camera hangs from in the end (odom or map of a robot that
publishes it); without TF the camera is the origin. In the viewer, drag turns the cloud, the
wheel comes nearer, a double click looks at something, space plays, and pointing at the depth
image reads metres.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        'bag', nargs='?', metavar='BAG',
        help='ROS 1 or ROS 2 bag; without, what is published now is shown',
    )  # fmt: skip
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        '--web', action='store_true', help='show it in browsers, also on other computers'
    )
    place.add_argument(
        '--save',
        type=path_argument,
        metavar='FILE',
        help='write it to FILE.rrd, which `rerun` opens',
    )
    for role in _TOLD:
        parser.add_argument(
            f'--{role}', default='', metavar='TOPIC', help=f'topic of the {role} (default: found)'
        )
    parser.add_argument(
        '--frame', default='', metavar='NAME',
        help='frame of TF that stands still (default: the one that the camera hangs from)',
    )  # fmt: skip
    parser.add_argument(
        '--unit', choices=DEPTH_UNITS, default=MILLIMETRES,
        help='of depth images of integers (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--unrectified', action='store_true', help='images show the distortion of the lens'
    )
    parser.add_argument(
        '--rate', type=_rate, default=10.0, metavar='HZ',
        help='frames a second at most, by their stamps; 0 shows all (%(default)g)',
    )  # fmt: skip
    parser.add_argument(
        '--frames',
        type=count_argument,
        default=0,
        metavar='N',
        help='end after N frames (default: never)',
    )
    parser.add_argument(
        '--stride', type=int, choices=range(1, 65), default=2, metavar='N',
        help='every N-th pixel of rows and columns becomes a point (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--memory', type=_memory, metavar='LIMIT',
        help='memory of the viewer, as 2GB or 25%%; the oldest frames are forgotten (2GB)',
    )  # fmt: skip


def _rate(text: str) -> float:
    """Read a rate in Hz, 0 for all."""
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = math.nan
    if not 0 <= rate_hz <= _FASTEST_HZ:
        raise argparse.ArgumentTypeError(f"'{text}' is not a rate from 0 to {_FASTEST_HZ:g} Hz")
    return rate_hz


def _memory(text: str) -> str:
    """Read a limit of memory in the form that the viewer takes."""
    if not _MEMORY_FORM.fullmatch(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a limit; write it as 500MB, 2GB or 25%")
    return text


def run(args: argparse.Namespace) -> int:
    """
    Show a bag, or what is published until Ctrl-C ends it.

    :return: 0, or 1 if there was not one picture to show, or a sensor of which nothing can be.
    :raises ConfigError: if an option is out of range or has nothing to bound, or there is no
        display for a window.
    :raises MissingDependencyError: if the viewer is not installed, or no ROS 2 for live topics.
    :raises DatasetError: if the bag cannot be read, or there is no topic to show.
    :raises OutputError: if the file cannot be written.
    """
    from depth_anything_ros.lab.viewing import check_viewer

    check_viewer()
    if args.save and args.memory:
        raise ConfigError('--memory bounds a viewer; with --save there is none')
    if args.save and args.save.suffix != _ENDING and not args.save.exists():
        raise ConfigError(f"--save '{args.save}': the viewer opens files named *{_ENDING} only")
    check_outputs(args.save)
    with _target(args) as target:
        if args.web:
            write_line(f'open {_address()} in a browser')
        scene = _show_bag(args, target) if args.bag else _show_live(args, target)
        if args.web and args.bag:
            _serve()
    if args.save:
        write_line(f'wrote {args.save}; open it with `rerun {args.save}`')
    if not scene.pictures:
        write_warning('not one image or depth image came')
    for role in scene.unreadable:
        write_warning(f'not one message of the {role.value} could be shown')
    return int(not scene.pictures or bool(scene.unreadable))


def _target(args: argparse.Namespace) -> AbstractContextManager[Target]:
    from depth_anything_ros.lab.viewing import recording

    if args.save:
        return recording.in_file(args.save)
    if args.web:
        return recording.in_browsers(args.memory or _MEMORY)
    return recording.in_window(args.memory or _MEMORY)


def _address() -> str:
    """Return the address of the page, as other computers reach it."""
    from depth_anything_ros.lab.viewing.recording import WEB_PORT, WS_PORT

    host = platform.node()
    return f'http://{host}:{WEB_PORT}?url=ws://{host}:{WS_PORT}'


def _serve() -> None:
    """Keep what browsers look at until Ctrl-C."""
    write_line('all of the bag is there; Ctrl-C ends')
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _show_bag(args: argparse.Namespace, target: Target) -> Scene:
    """Show a bag; return what was made of it."""
    from depth_anything_ros.bag import BagReader, BagTransforms
    from depth_anything_ros.bag.view_frames import FrameGate
    from depth_anything_ros.bag.view_topics import Role, TopicList, find_view_topics
    from depth_anything_ros.lab.viewing.bag_messages import bag_messages

    with BagReader(expand_user(args.bag)) as reader:
        filled = {name: topic for name, topic in reader.topics.items() if topic.count}
        topics = find_view_topics(TopicList(f"bag '{reader.path}'", filled), _told(args))
        transforms = BagTransforms(reader, next(iter(topics)))
        if args.frame:
            _check_frame(args.frame, reader, transforms, topics)
        scene = _scene(args, target, transforms, Role.POINTS in topics.values())
        _begin(target, topics)
        gate = FrameGate(args.rate, topics.values())
        total = sum(filled[name].count for name, role in topics.items() if role is not Role.TF)
        for message in progress(bag_messages(reader, topics), total, 'view'):
            due = gate.add(message)
            if args.frames and gate.frames > args.frames:
                break
            for item in due:
                scene.add(item.role, partial(reader.deserialize, item), item.time_ns)
            target.drain()
        scene.close()
    return scene


def _check_frame(
    frame: str, reader: BagReader, transforms: BagTransforms, topics: Mapping[str, Role]
) -> None:
    """
    Check that a bag has a frame to show the others in.

    :raises ConfigError: if TF does not know it, and nothing that is shown has it.
    """
    from depth_anything_ros.bag import header_frame_id

    known = transforms.frames()
    for name in topics:
        message = next(reader.messages([name]))
        if reader.has_header(message.type_name):
            known.add(header_frame_id(message.cdr).removeprefix('/'))
    if frame.removeprefix('/') not in known:
        raise ConfigError(
            f"--frame '{frame}' is no frame of bag '{reader.path}'; known: "
            f'{", ".join(sorted(known - {""})) or "none"}'
        )


def _show_live(args: argparse.Namespace, target: Target) -> Scene:
    """Show what is published, until Ctrl-C; return what was made of it."""
    from depth_anything_ros.bag.transforms import TransformTree
    from depth_anything_ros.bag.view_frames import deserialize
    from depth_anything_ros.bag.view_topics import Role
    from depth_anything_ros.cli.live_messages import live_messages

    tree = TransformTree('TF', 'publish it with the images', _TF_KEPT)
    scene = _scene(args, target, tree, bool(args.points))
    told = {role.value: name for role, name in _told(args).items()}
    parameters = {**told, 'rate': args.rate, 'frames': args.frames, 'wait': _WAIT_S}
    try:
        with live_messages(parameters, partial(_begin, target)) as messages:
            for message in messages:
                if message.role is Role.TF:
                    _take_tf(tree, message)
                else:
                    scene.add(message.role, partial(deserialize, message), message.time_ns)
                target.drain()
    except KeyboardInterrupt:
        # How a view of what goes on and on ends.
        write_line()
    scene.close()
    return scene


def _take_tf(tree: TransformTree, message: ViewMessage) -> None:
    from depth_anything_ros.bag.view_frames import deserialize

    try:
        tree.add(message.topic, deserialize(message))
    except MessageError as error:
        write_warning(str(error))


def _told(args: argparse.Namespace) -> dict[Role, str]:
    """Return the topics that are given, by role."""
    from depth_anything_ros.bag.view_topics import TOLD_TYPES

    return {role: name for role in TOLD_TYPES if (name := getattr(args, role.value))}


def _scene(
    args: argparse.Namespace, target: Target, transforms: Transforms, has_cloud: bool
) -> Scene:
    from depth_anything_ros.lab.viewing.places import Places
    from depth_anything_ros.lab.viewing.scene import Scene, SceneOptions

    options = SceneOptions(args.stride, args.unit, not args.unrectified, has_cloud)
    return Scene(target.recording, Places(transforms, args.frame), options, write_warning)


def _begin(target: Target, topics: Mapping[str, Role]) -> None:
    """Say what is shown, and where it stands."""
    for topic, role in topics.items():
        write_line(f'{role.value:<18} {topic}')
    target.arrange(topics.values())
