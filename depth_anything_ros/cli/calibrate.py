"""
The verb `calibrate`: metres for a relative model from a tape measure.

Take a picture with the camera as it is mounted, measure from the lens to two to five things in it,
and say where they are in the picture. What comes out is one scale, and a shift where there are
three or more points at distances that differ by half, and points that are left out are found
better with it; how far off each point is, and how far off it is by the others alone; and the
parameters that use it. A point that contradicts all others, which agree, is refused.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_anything_ros.cli.camera_options import (
    add_camera_arguments,
    chosen_lens,
    number_argument,
)
from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    progress,
    write_json,
    write_line,
    write_lines,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.predictor_options import (
    add_predictor_arguments,
    count_argument,
    open_relative_predictor,
)
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.table import Table, number

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.prediction.cameras import Lens
    from depth_anything_ros.lab.tape import Reading, TapeFit
    from depth_anything_ros.types import UInt8Array

LENS, AXIS = 'lens', 'axis'
_READING_ERROR_M, _TOLERANCE = 0.02, 0.15
# No robot is scaled by points from here on; who measures in centimetres gets here.
_FARTHEST_M = 50.0
# Points nearer to each other than this share of the width say the same.
_APART = 1 / 40
# Inverse depth around a point on a surface varies by less than this share.
_EDGE_SPREAD = 0.15

EPILOG = """examples:
  calibrate --fov 60 --at a.jpg 320,260 0.84 --at a.jpg 102,300 1.31 --at a.jpg 560,40 2.55
  calibrate --camera ost.yaml --at a.jpg 320,260 0.84 --at b.jpg 300,200 2.10 --out scale.yaml
  predict photo.jpg --out depth --depth npy --params scale.yaml     metres of other pictures
  calibrate --trials 40             how far off four readings are in simulated rooms

Good points lie on flat things, not at edges, at distances from near to far; four of them are
better than two. The scale is that of the model, its weights and its input size, for this camera.
A relative model's own scale changes from scene to scene: where a sensor can give it, let it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        '--at', nargs=3, action='append', default=[], metavar=('PICTURE', 'X,Y', 'METRES'),
        help='a point: picture file, column and row of the pixel, and the distance measured; two '
        'to five times',
    )  # fmt: skip
    parser.add_argument(
        '--measured', choices=(LENS, AXIS), default=LENS,
        help='from where: straight from the lens, which needs --camera or --fov, or along the '
        'optical axis, as from the wall that the camera looks away from (default: %(default)s)',
    )  # fmt: skip
    add_camera_arguments(parser.add_argument_group('the camera'))
    parser.add_argument(
        '--reading-error',
        type=number_argument('metres above 0', lambda metres: 0 < metres < math.inf),
        default=_READING_ERROR_M,
        metavar='METRES',
        help='how far off a reading may be (default: %(default)s)',
    )
    parser.add_argument(
        '--tolerance',
        type=number_argument('a share above 0', lambda share: 0 < share < math.inf),
        default=_TOLERANCE,
        metavar='SHARE',
        help='how far off a point may be by the others alone (default: %(default)s)',
    )
    add_predictor_arguments(parser, model='tiny')
    parser.add_argument(
        '--input-size', type=count_argument, default=0, metavar='PIXELS',
        help="shorter side of the network input (0: the model's own)",
    )  # fmt: skip
    parser.add_argument('--out', type=Path, metavar='FILE', help='parameter file to write')
    parser.add_argument(
        '--trials', type=count_argument, default=0, metavar='N',
        help='instead: try readings by random errors in N simulated rooms',
    )  # fmt: skip
    parser.add_argument(
        '--points', type=int, default=4, metavar='N', help='readings of each trial (%(default)s)'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Fit the scale and tell it, or try readings in simulated rooms.

    :return: 0, or 1 if a point was refused.
    :raises ConfigError: if options do not go together, or the model gives metres.
    :raises AlignmentError: if the points give no scale.
    :raises DatasetError: if a picture cannot be read or a point lies outside it.
    :raises CheckpointError: if the weights cannot be had.
    """
    _check(args)
    if args.trials:
        return _try(args)
    check_outputs(args.out)
    from depth_anything_ros.lab.tape import fit_tape

    predictor = open_relative_predictor(args, args.input_size)
    readings = _readings(args, predictor, chosen_lens(args))
    fit = fit_tape(readings, args.reading_error, args.tolerance)
    _show(fit)
    text = _parameters(args, fit)
    write_lines(text.splitlines())
    if args.out:
        from depth_anything_ros.files import write_text

        write_text(args.out, text)
    write_json(args.json, {'model': predictor.identity, 'fit': fit})
    return int(any(point.refused for point in fit.points))


def _check(args: argparse.Namespace) -> None:
    if args.trials and args.at:
        raise ConfigError('--trials simulates its readings; leave --at out')
    if not (args.trials or args.at):
        raise ConfigError('no points: give --at PICTURE X,Y METRES two to five times')
    if args.at and args.measured == LENS and not (args.camera or args.fov):
        raise ConfigError(
            'how far something is from the lens needs the camera: --camera FILE|fx,fy,cx,cy or '
            '--fov DEGREES; or measure along the optical axis and say --measured axis'
        )


def _readings(args: argparse.Namespace, predictor: Predictor, lens: Lens | None) -> list[Reading]:
    """Return what the network says of each point and its depth along the optical axis."""
    import numpy as np

    from depth_anything_ros.geometry.camera import rays_at
    from depth_anything_ros.lab.tape import Reading, around
    from depth_anything_ros.types import RelativeInverseDepth

    values: dict[str, Any] = {}
    readings: list[Reading] = []
    for picture, place, metres in args.at:
        column, row, distance_m = _point(place, metres)
        if picture not in values:
            prediction = predictor.predict(_read(picture))
            assert isinstance(prediction, RelativeInverseDepth), 'the model was checked'
            values[picture] = prediction.values
        relative = values[picture]
        height, width = relative.shape
        if not (column < width and row < height):
            raise DatasetError(
                f'--at {picture} {place}: the picture is {width}x{height}; columns are 0 to '
                f'{width - 1}, rows 0 to {height - 1}'
            )
        if args.measured == LENS and lens is not None:
            camera = lens.camera(height, width)
            ((x, y),) = rays_at(camera, np.array([column]), np.array([row]))[0]
            distance_m /= math.sqrt(1.0 + x * x + y * y)
        patch = around(relative, column, row)
        middle = float(np.median(patch))
        if middle <= 0:
            raise DatasetError(
                f'--at {picture} {place}: the network sees it infinitely far away, as sky; choose '
                'another place'
            )
        at_edge = bool(np.ptp(patch) > _EDGE_SPREAD * middle)
        if at_edge:
            write_warning(f'{picture} at {place} is at an edge of the depth; choose a flat place')
        reading = Reading(picture, column, row, middle, distance_m, at_edge)
        _check_apart(reading, readings, _APART * width)
        readings.append(reading)
    return readings


def _check_apart(reading: Reading, others: Sequence[Reading], apart_px: float) -> None:
    for other in others:
        away_px = max(abs(other.column - reading.column), abs(other.row - reading.row))
        if other.picture == reading.picture and away_px < apart_px:
            raise ConfigError(
                f'--at {reading.place} is next to {other.column:g},{other.row:g}: they say the '
                'same; take places that are apart, from near to far'
            )


def _point(place: str, metres: str) -> tuple[int, int, float]:
    """Return column and row of a point, and how far away it was measured to be."""
    try:
        column, row = map(int, place.split(','))
        distance_m = float(metres)
    except ValueError:
        column, row, distance_m = -1, -1, math.nan
    if column < 0 or row < 0 or not 0 < distance_m < math.inf:
        raise ConfigError(
            f'--at … {place} {metres}: a point is column,row in whole pixels and metres above 0, '
            'as 320,240 1.52'
        )
    if distance_m >= _FARTHEST_M:
        raise ConfigError(
            f'--at … {place} {metres}: {distance_m:g} m is beyond a tape measure '
            f'({_FARTHEST_M:g} m); give metres, not centimetres'
        )
    return column, row, distance_m


def _read(picture: str) -> UInt8Array:
    from depth_anything_ros.errors import MessageError
    from depth_anything_ros.home import expand_user
    from depth_anything_ros.messages.picture_file import read_picture

    try:
        return read_picture(expand_user(picture))
    except (OSError, MessageError) as error:
        raise DatasetError(f"picture '{picture}' cannot be read: {error}") from error


def _show(fit: TapeFit) -> None:
    rows = [
        [
            point.reading.place,
            f'{point.reading.depth_m:.3f}',
            f'{point.found_m:.3f}',
            f'{point.error:+.1%}',
            number(point.left_out_m, '.3f', ''),
            'refused' if point.refused else '',
        ]
        for point in fit.points
    ]
    headings = ['point', 'depth m', 'found m', 'off by', 'by the others m', '']
    write_table(Table(headings, rows))
    alignment = fit.alignment
    share = math.sqrt(alignment.covariance[0]) / alignment.scale
    left_out = number(fit.leave_one_out, '.1%', 'an unknown share')
    write_line(
        f'scale {alignment.scale:.6g} 1/m (± {share:.1%}), shift {alignment.shift:.6g} 1/m; by '
        f'the others alone a point is off by {left_out}'
    )
    if not fit.has_shift:
        write_line('no shift: it takes three or more points at distances that differ by half')
    for point in fit.points:
        if point.refused:
            write_warning(
                f'{point.reading.place} says {point.reading.depth_m:.2f} m where the others say '
                f'{point.found_m:.2f} m: refused; measure it again'
            )


def _parameters(args: argparse.Namespace, fit: TapeFit) -> str:
    """Return the parameter file that uses the fit."""
    import json

    network: dict[str, object] = {'model': args.model}
    network |= {'checkpoint': args.checkpoint} if args.checkpoint else {}
    network |= {'input_size': args.input_size} if args.input_size else {}
    values = {
        **network,
        'scale_source': 'fixed',
        'fixed_scale': float(f'{fit.alignment.scale:.6g}'),
        'fixed_shift': float(f'{fit.alignment.shift:.6g}'),
    }
    lines = [f'    {name}: {json.dumps(value)}' for name, value in values.items()]
    return '\n'.join(['/**:', '  ros__parameters:', *lines, ''])


def _try(args: argparse.Namespace) -> int:
    """Try readings with random errors in simulated rooms, and with one that is grossly wrong."""
    from depth_anything_ros.lab.tape import FEWEST, MOST
    from depth_anything_ros.lab.trials.tape_trial import TapeResult, try_tape

    if not FEWEST <= args.points <= MOST:
        raise ConfigError(f'--points {args.points}; allowed: {FEWEST} to {MOST}')
    seeds = range(args.trials)
    # Two trials of each room.
    trials = list(
        progress(
            try_tape(seeds, args.points, args.reading_error, args.tolerance),
            2 * args.trials,
            'trials',
        )
    )
    results = [
        TapeResult.of(title, [trial for trial in trials if trial.outlier == outlier])
        for title, outlier in (('readings', False), ('one reading wrong by half', True))
    ]
    headings = ['trial', 'fitted', 'scale p50', 'p90', 'depth p50', 'p90', 'left out', 'found']
    forms = ('.1%', '.1%', '.1%', '.1%', '.1%')
    rows = [
        [
            result.title,
            f'{result.fitted} of {result.rooms}',
            *(
                number(value, form, '')
                for value, form in zip(result.figures(), forms, strict=True)
            ),
            f'{result.found} of {result.fitted}' if result.outlier else '',
        ]
        for result in results
    ]
    write_table(Table(headings, rows))
    write_line(f'{args.points} points, read to ± {100 * args.reading_error:g} cm')
    write_json(args.json, {'points': args.points, 'results': results})
    return 0
