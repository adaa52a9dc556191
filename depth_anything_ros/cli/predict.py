"""
The verb `predict`: depth of pictures, folders, videos and cameras, without ROS.

Each input NAME gets `NAME_depth.png` in the folder of the results, a video `NAME_depth.mp4`, and
what else is asked for: millimetres, numbers, points. One that is broken is named and left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.camera_options import number_argument
from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    progress,
    write_json,
    write_line,
    write_warning,
)
from depth_anything_ros.cli.data_argument import depth_range
from depth_anything_ros.cli.predict_metres import (
    add_metres_arguments,
    check_networks,
    chosen_metres,
    take_parameters,
)
from depth_anything_ros.cli.predictor_options import (
    NetworkChoice,
    add_predictors_arguments,
    chosen_networks,
    count_argument,
    count_from_one,
    open_predictors,
)
from depth_anything_ros.colormap import PREVIEW_COLORMAPS
from depth_anything_ros.inference.devices import runs_on
from depth_anything_ros.models.network_folder import is_network_folder
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
    add_metres_arguments(parser)
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
        take_parameters(args)
    check_networks(args)
    metres = chosen_metres(args)
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


def _backend(args: argparse.Namespace, sources: Sequence[Source]) -> str:
    """Return what runs the networks; an export takes longer than a few pictures without."""
    from depth_anything_ros.lab.prediction.sources import Kind

    few = len(sources) <= _FEW and all(source.kind is Kind.PICTURE for source in sources)
    few &= find_spec('torch') is not None and runs_on('torch', args.device)
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
