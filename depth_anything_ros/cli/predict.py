"""
The verb `predict`: depth of pictures, folders, videos and cameras, without ROS.

Each input NAME gets `NAME_depth.png` in the folder of the results, a video `NAME_depth.mp4`, and
what else is asked for: millimetres, numbers, points. One that is broken is named and left out.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.camera_options import (
    add_camera_arguments,
    chosen_lens,
    number_argument,
)
from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    progress,
    write_json,
    write_line,
    write_warning,
)
from depth_anything_ros.cli.data_argument import depth_range, split_options
from depth_anything_ros.cli.predictor_options import (
    NetworkChoice,
    add_predictors_arguments,
    asked_specs,
    chosen_networks,
    count_argument,
    count_from_one,
    open_predictors,
)
from depth_anything_ros.colormap import PREVIEW_COLORMAPS
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.home import expand_user
from depth_anything_ros.lab.recording import DEPTH_NODE
from depth_anything_ros.models.network_folder import is_network_folder
from depth_anything_ros.models.spec import require_shift
from depth_anything_ros.progress import duration_text

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.prediction.making import Maker, Settings
    from depth_anything_ros.lab.prediction.networks import Metres, Network
    from depth_anything_ros.lab.prediction.records import Record
    from depth_anything_ros.lab.prediction.sources import Source

_MODEL = 'tiny'
# Points that float at edges are left out; see the node's parameter `cloud_edge_jump`.
_EDGE_JUMP = 0.02
# So few pictures are predicted by torch, which needs no export, unless told otherwise.
_FEW = 10
# Of predict.jsonl.
_FORMAT = 1
_SHOWN = 5
_EPILOG = """examples:
  predict photo.jpg --out depth                       the picture depth/photo_depth.png
  predict photos clip.mp4 --out depth --beside        all of a folder and a video, image beside
  predict photo.jpg --out depth --model tiny --model depth_anything_v2_vits
                                                      two models side by side
  predict robot.png --out depth --camera ost.yaml --camera-height 0.149 --depth png --ply
                                                      metres from the height of the camera
  predict room.jpg --out depth --depth npy --params scale.yaml
                                                      metres by what `calibrate` wrote
  predict 0 --out depth                               camera 0, until Ctrl-C

`tiny` and most others are relative: nearer and farther, without metres. Metres come from a model
that has them (`depth_anything_ros info` lists them) or from a scale.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT',
        help='picture or video (of at most 30 megapixels), folder of them (searched to the '
        'bottom), or number of a camera',
    )  # fmt: skip
    parser.add_argument(
        '--out', type=path_argument, required=True, metavar='FOLDER',
        help='folder for the results, made where it is missing; results of these names that are '
        'there already are replaced',
    )  # fmt: skip
    add_predictors_arguments(parser, _MODEL)
    parser.add_argument(
        '--input-size', type=count_argument, default=0, metavar='PX',
        help='shorter side of the network input, the longer one for Depth Anything 3 and '
        "VGGT (default: the model's own)",
    )  # fmt: skip
    _add_results(parser)
    _add_metres(parser)
    parser.add_argument(
        '--frames', type=count_from_one, metavar='N', help='first N frames of a video or camera'
    )
    parser.add_argument(
        '--batch', type=count_from_one, default=1, metavar='N',
        help='run the network on N pictures or frames of one size at once (%(default)s): for '
        '--backend torch on a GPU; a CPU gains little, and other backends take one at a time',
    )  # fmt: skip
    parser.add_argument(
        '--resume', action='store_true',
        help='go on from a run of the same options that was stopped: what predict.jsonl in '
        'FOLDER says is done, and has not changed since, is not done again',
    )  # fmt: skip
    add_json_argument(parser)


def _add_results(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('results')
    group.add_argument(
        '--depth', action='append', choices=('png', 'npy'), default=[],
        help='also the numbers: png is 16-bit millimetres with 0 where unknown (metres only, to '
        '65.535 m); npy is float32, metres with NaN where unknown, or inverse depth without unit, '
        'larger is nearer, of a relative model without a scale. May be given twice',
    )  # fmt: skip
    group.add_argument(
        '--ply', action='store_true',
        help='also a coloured point cloud; needs metres, and --camera or --fov',
    )  # fmt: skip
    group.add_argument(
        '--edge-jump', default=_EDGE_JUMP, metavar='SHARE',
        type=number_argument('a share from 0 to 1', lambda share: 0 <= share <= 1),
        help='leave points out of the cloud that float at edges, where inverse depth changes by '
        'more than this share (%(default)s); 0 keeps all',
    )  # fmt: skip
    group.add_argument(
        '--beside', action='store_true',
        help='show the image beside its depth, with a bar of colours; always so with several '
        'models',
    )  # fmt: skip
    group.add_argument(
        '--colormap', choices=PREVIEW_COLORMAPS, default=PREVIEW_COLORMAPS[0],
        help='of the pictures (%(default)s: near is red)',
    )  # fmt: skip
    group.add_argument(
        '--range', type=depth_range, metavar='MIN:MAX',
        help='metres that the colours span, the same in all pictures (default: those of each '
        'picture)',
    )  # fmt: skip


def _add_metres(parser: argparse.ArgumentParser) -> None:
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


def run(args: argparse.Namespace) -> int:
    """
    Predict all inputs and tell what became of them.

    :return: 0, or 1 if one has no results.
    :raises ConfigError: if two options do not go together, or one is out of range.
    :raises DatasetError: if an input is not there, holds nothing to predict, or a result would
        take its place.
    :raises CameraError: if the calibration file is none.
    :raises CheckpointError: if the weights cannot be had.
    :raises OutputError: if a result cannot be written.
    """
    from depth_anything_ros.lab.prediction.making import Maker
    from depth_anything_ros.lab.prediction.networks import check_wishes
    from depth_anything_ros.lab.prediction.records import JOURNAL
    from depth_anything_ros.lab.prediction.sources import Kind, find_sources

    if args.params:
        _take_parameters(args)
    _check_networks(args)
    metres = _metres(args)
    sources = find_sources(args.inputs, args.out, write_warning)
    check_outputs(args.out / JOURNAL)
    args.backend = _backend(args, sources)
    networks = _networks(args, metres)
    check_wishes(networks, metres, '--ply' if args.ply else '--depth png' * ('png' in args.depth))
    settings = _settings(args)
    maker = Maker(networks, settings, write_warning)
    maker.check_places(sources)
    for network in networks:
        write_line(network.described)
    if any(source.kind is not Kind.PICTURE for source in sources):
        write_line(f'videos: {settings.encoder.words}')
    start_s = time.monotonic()
    now, before = _predict(args, sources, maker)
    return _tell(args, networks, now, before, time.monotonic() - start_s)


def _take_parameters(args: argparse.Namespace) -> None:
    """Take the network and its scale from the parameter file."""
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


def _check_networks(args: argparse.Namespace) -> None:
    """Check what is asked of the networks before they are loaded, which takes long."""
    scale, shift = (*(args.scale or ()), 0.0, 0.0)[:2]
    given = f"--params '{args.params}'" if args.params else f'--scale {scale:g},{shift:g}'
    cure = 'set fixed_shift to 0' if args.params else 'leave SHIFT out'
    for spec in asked_specs(args, args.input_size):
        if shift:
            require_shift(spec, given, f'{cure} and measure the scale alone')


def _metres(args: argparse.Namespace) -> Metres:
    """Return where metres come from, as the options say."""
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


def _backend(args: argparse.Namespace, sources: Sequence[Source]) -> str:
    """Return what runs the networks; an export takes longer than a few pictures without."""
    from depth_anything_ros.lab.prediction.sources import Kind

    few = len(sources) <= _FEW and all(source.kind is Kind.PICTURE for source in sources)
    folders = any(is_network_folder(choice.checkpoint) for choice in chosen_networks(args))
    asked: str = args.backend
    return 'torch' if asked == 'auto' and few and not folders else asked


def _networks(args: argparse.Namespace, metres: Metres) -> list[Network]:
    from depth_anything_ros.lab.prediction.networks import Network, labels_of

    opened = open_predictors(args, args.input_size)
    labels = labels_of([_name(choice, predictor) for choice, predictor in opened])
    return [
        Network(label, predictor, metres)
        for label, (_, predictor) in zip(labels, opened, strict=True)
    ]


def _name(choice: NetworkChoice, predictor: Predictor) -> str:
    """Return what names a network: its contract, the file of its weights, or its row."""
    if is_network_folder(choice.checkpoint):
        return predictor.spec.name
    return Path(choice.checkpoint or choice.model).stem


def _settings(args: argparse.Namespace) -> Settings:
    from depth_anything_ros.lab.prediction.making import Settings
    from depth_anything_ros.lab.prediction.painting import Look
    from depth_anything_ros.lab.prediction.results import Wanted
    from depth_anything_ros.lab.prediction.video_output import find_encoder

    wanted = Wanted(sorted(set(args.depth)), args.ply, args.edge_jump)
    look = Look(args.colormap, args.beside, args.range)
    return Settings(args.out, look, wanted, find_encoder(), args.frames, args.batch)


def _predict(
    args: argparse.Namespace, sources: Sequence[Source], maker: Maker
) -> tuple[list[Record], list[Record]]:
    """Return what became of the inputs now, and what an earlier run has done."""
    from depth_anything_ros.lab.journal import Journal
    from depth_anything_ros.lab.prediction.records import JOURNAL, Record, left_to_do
    from depth_anything_ros.lab.prediction.run import predict

    now = []
    with Journal(
        args.out / JOURNAL, Record, _header(args, maker), not args.resume, 'without --resume'
    ) as journal:
        left, before = left_to_do(sources, journal, args.out)
        try:
            for record in progress(predict(left, maker, journal), len(left), 'predict'):
                now.append(record)
                if record.failure:
                    write_warning(record.failure)
        except KeyboardInterrupt:
            write_warning('stopped; the same call with --resume goes on from here')
            raise
    return now, before


def _header(args: argparse.Namespace, maker: Maker) -> dict[str, object]:
    """Return all that the results depend on besides the inputs."""
    settings = maker.settings
    asked = (
        'input_size', 'camera', 'fov', 'rectified', 'camera_height', 'reference', 'scale',
        'max_depth',
    )  # fmt: skip
    identities = [network.predictor.identity for network in maker.networks]
    return {
        'format': _FORMAT,
        'models': [
            [one.name, one.weights, one.sha256, one.backend, one.precision] for one in identities
        ],
        'look': settings.look,
        'wanted': settings.wanted,
        'frames': settings.frames,
        **{name: getattr(args, name) for name in asked},
    }


def _tell(
    args: argparse.Namespace,
    networks: Sequence[Network],
    now: Sequence[Record],
    before: Sequence[Record],
    taken_s: float,
) -> int:
    from depth_anything_ros.evaluation.environment import environment

    failed = [record for record in now if record.failure]
    frames = sum(record.frames for record in now)
    write_json(
        args.json,
        {
            'environment': environment(),
            'models': [network.predictor.identity for network in networks],
            'inputs': [*before, *now],
            'failed': len(failed),
            'frames': frames,
            'seconds': round(taken_s, 3),
        },
    )
    rate = f' in {duration_text(taken_s)}, {frames / taken_s:.3g} a second' if frames else ''
    earlier = f'; {len(before)} were done before' if before else ''
    write_line(
        f'{len(now) - len(failed)} of {len(now)} inputs, frames: {frames}{rate}{earlier}; '
        f'results in {args.out}'
    )
    if not failed:
        return 0
    named = ', '.join(record.input for record in failed[:_SHOWN])
    more = f' and {len(failed) - _SHOWN} more' if len(failed) > _SHOWN else ''
    write_warning(f'{len(failed)} without results: {named}{more}')
    return 1


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
