"""Where the metres of the verb `predict` come from: its options, and what they ask for."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from depth_anything_ros.cli.camera_options import (
    add_camera_arguments,
    chosen_lens,
    number_argument,
)
from depth_anything_ros.cli.console import path_argument, write_warning
from depth_anything_ros.cli.data_argument import split_options
from depth_anything_ros.cli.predictor_options import NetworkChoice, asked_specs, chosen_networks
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.home import expand_user
from depth_anything_ros.lab.recording import DEPTH_NODE
from depth_anything_ros.models.spec import require_shift

if TYPE_CHECKING:
    from depth_anything_ros.lab.prediction.networks import Metres


def add_metres_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where metres come from."""
    group = parser.add_argument_group('metres')
    scale = group.add_mutually_exclusive_group()
    scale.add_argument(
        '--camera-height', type=_numbers(3), metavar='METRES[,PITCH[,ROLL]]',
        help='scale from level ground in the picture: height of the lens above it, and how many '
        'degrees it looks down and leans to the right; needs --camera or --fov',
    )  # fmt: skip
    scale.add_argument(
        '--reference', metavar='PATH[,unit=UNIT]',
        help='scale from measured depth of the same view: a file, or a folder of files named as '
        'the pictures; 16-bit PNG of UNIT (mm, or 5000/m, …), or .npy of metres',
    )  # fmt: skip
    scale.add_argument(
        '--scale', type=_numbers(2), metavar='SCALE[,SHIFT]',
        help='a scale that is known: 1 / metres = SCALE · output + SHIFT',
    )  # fmt: skip
    scale.add_argument(
        '--params', type=path_argument, metavar='FILE',
        help='model, input size and fixed scale out of a parameter file of the depth node, as '
        '`calibrate --out` writes it',
    )  # fmt: skip
    add_camera_arguments(group)
    group.add_argument(
        '--max-depth', metavar='METRES',
        type=number_argument('a depth above 0', lambda depth_m: 0 < depth_m < math.inf),
        help='depth beyond this is unknown (default: what a model of metres reaches, else 20)',
    )  # fmt: skip


def take_parameters(args: argparse.Namespace) -> None:
    """
    Take the network and its scale from the parameter file.

    :raises ConfigError: if its scale is measured by the node, or of another network than asked.
    """
    from depth_anything_ros.lab.recording.parameters import node_config
    from depth_anything_ros.scale.fixed import FixedScale

    config = node_config(args.params, {}, DEPTH_NODE, write_warning)
    network, source = config.network, config.scale.scale_source
    if source != FixedScale.name:
        raise ConfigError(
            f"--params '{args.params}': its scale_source is '{source}'; of a file pictures take "
            f"'{FixedScale.name}' only; --camera-height and --reference are options"
        )
    other = args.named and chosen_networks(args) != [
        NetworkChoice(network.model, network.checkpoint)
    ]
    if other or args.input_size not in (0, network.input_size):
        raise ConfigError(
            f"the scale of '{args.params}' is that of its own network, '{network.model}'; leave "
            '--model, --checkpoint and --input-size out'
        )
    checkpoint = (('checkpoint', network.checkpoint),) if network.checkpoint else ()
    args.named = (('model', network.model), *checkpoint)
    args.input_size = network.input_size
    fixed = config.scale.sources[FixedScale.name]
    args.scale = fixed.fixed_scale, fixed.fixed_shift


def check_networks(args: argparse.Namespace) -> None:
    """
    Check what is asked of the networks before they are loaded, which takes long.

    :raises ConfigError: if an option is out of range, or a shift is given that a model lacks.
    :raises CheckpointError: if a checkpoint is no file of weights, or a folder has no contract.
    """
    scale, shift = (*(args.scale or ()), 0.0, 0.0)[:2]
    given = f"--params '{args.params}'" if args.params else f'--scale {scale:g},{shift:g}'
    cure = 'set fixed_shift to 0' if args.params else 'leave SHIFT out'
    for spec in asked_specs(args, args.input_size):
        if shift:
            require_shift(spec, given, f'{cure} and measure the scale alone')


def chosen_metres(args: argparse.Namespace) -> Metres:
    """
    Return where metres come from, as the options say.

    :raises ConfigError: if they need a camera that is not given, or one is out of range.
    :raises CameraError: if the calibration file is none.
    """
    from depth_anything_ros.api import camera_height, fixed_scale
    from depth_anything_ros.lab.prediction.networks import MeasuredDepth, Metres
    from depth_anything_ros.parameters import steps_per_metre

    lens = chosen_lens(args)
    for option, given in (('--camera-height', args.camera_height), ('--ply', args.ply)):
        if given and lens is None:
            raise ConfigError(f'{option} needs the camera: --camera FILE|fx,fy,cx,cy or --fov')
    if args.camera_height:
        return Metres(camera_height(*args.camera_height), None, lens, args.max_depth)
    if args.scale:
        return Metres(fixed_scale(*args.scale), None, lens, args.max_depth)
    if not args.reference:
        return Metres(None, None, lens, args.max_depth)
    path, options = split_options(args.reference, ('unit',), '--reference')
    measured = MeasuredDepth(expand_user(path), steps_per_metre(options.get('unit', 'mm')))
    return Metres(None, measured, lens, args.max_depth)


def _numbers(most: int) -> Callable[[str], tuple[float, ...]]:
    """Return what reads one number, or several up to so many, separated by commas."""

    def read(text: str) -> tuple[float, ...]:
        words = text.split(',')
        try:
            found = tuple(map(float, words))
        except ValueError:
            found = ()
        if not 1 <= len(found) <= most or not all(map(math.isfinite, found)):
            raise argparse.ArgumentTypeError(f"'{text}' is not a list of 1 to {most} numbers")
        return found

    return read
