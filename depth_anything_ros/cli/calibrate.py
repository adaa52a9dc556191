"""
The verb `calibrate`: metres for a relative model from a tape measure.

Take a picture with the camera as it is mounted, measure from the lens to two to five things in it,
and say where they are in the picture. What comes out is one scale, and a shift where there are
three or more points at distances that differ by half, and none for a model up to scale; how far
off the scale is expected to be, and where one more point helps most; how far off each point is,
and how far off it is by the others alone; and the parameters that use it. A point that contradicts
all others, which agree, is refused.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from depth_anything_ros.cli.calibrate_answer import good_place, show_fit, show_trials
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
    write_lines,
    write_warning,
)
from depth_anything_ros.cli.predictor_options import (
    add_predictor_arguments,
    count_argument,
    open_relative_predictor,
)
from depth_anything_ros.errors import AlignmentError, ConfigError, DatasetError
from depth_anything_ros.models.spec import require_line_of_inverse_depth

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.prediction.cameras import Lens
    from depth_anything_ros.lab.tape.fit import TapeFit
    from depth_anything_ros.lab.tape.line import Reading
    from depth_anything_ros.types import Float32Array, UInt8Array

LENS, AXIS = 'lens', 'axis'
_READING_ERROR_M, _TOLERANCE, _REACH_M = 0.02, 0.15, 3.0
# No robot is scaled by points from here on; who measures in centimetres gets here.
_FARTHEST_M = 50.0
_BY_SENSOR = 'take a sensor or camera_height for its scale, or a model of inverse depth'
# Points nearer to each other than this share of the width say the same.
_APART = 1 / 40

EPILOG = """examples:
  calibrate --fov 60 --at a.jpg 320,260 0.84 --at a.jpg 102,300 1.31 --at a.jpg 560,40 2.55
  calibrate --camera ost.yaml --at a.jpg 320,260 0.84 --at b.jpg 300,200 2.10 --out scale.yaml
  predict photo.jpg --out depth --depth npy --params scale.yaml     metres of other pictures
  calibrate --trials 40             how far off four readings are in simulated rooms

Good points lie on flat things, not at edges. Begin with the farthest that the tape reaches and one
half a metre to a metre away; `calibrate` then says which is the best next one, and what it is
worth. Four are enough. The scale is that of the model, its weights and its input size, for this
camera. A relative model's own scale changes from scene to scene: where a sensor can give it, let
it.
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
    parser.add_argument(
        '--reach',
        type=number_argument('metres above 0.5', lambda metres: 0.5 < metres < _FARTHEST_M),
        default=_REACH_M,
        metavar='METRES',
        help='how far the tape reaches, for the advice which point is next (default: %(default)s)',
    )
    add_predictor_arguments(parser, model='tiny')
    parser.add_argument(
        '--input-size', type=count_argument, default=0, metavar='PIXELS',
        help='shorter side of the network input, the longer one for Depth Anything 3 and '
        "VGGT (0: the model's own)",
    )  # fmt: skip
    parser.add_argument(
        '--out', type=path_argument, metavar='FILE', help='parameter file to write'
    )
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
    from depth_anything_ros.lab.tape.advice import Planner
    from depth_anything_ros.lab.tape.fit import fit_tape

    predictor = open_relative_predictor(args, args.input_size)
    require_line_of_inverse_depth(predictor.spec, _BY_SENSOR)
    pictures: dict[str, Float32Array] = {}
    readings = _readings(args, predictor, chosen_lens(args), pictures)
    shifted = predictor.output_kind.has_shift
    try:
        fit = fit_tape(readings, args.reading_error, args.tolerance, fit_shift=shifted)
    except AlignmentError as error:
        planner = Planner(readings, args.reading_error, fit_shift=shifted)
        place = planner.best_next(pictures, args.reach)
        raise AlignmentError(f'{error}{good_place(place)}') from error
    planner = Planner(fit.kept, args.reading_error, fit.spread, fit_shift=shifted)
    place = planner.best_next(pictures, args.reach)
    show_fit(fit, planner.scale_error if shifted else None, place)
    text = _parameters(args, fit)
    write_lines(text.splitlines())
    if args.out:
        from depth_anything_ros.files import write_text

        write_text(args.out, text)
    write_json(args.json, {'model': predictor.identity, 'fit': fit, 'next': place})
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


def _readings(
    args: argparse.Namespace,
    predictor: Predictor,
    lens: Lens | None,
    pictures: dict[str, Float32Array],
) -> list[Reading]:
    """
    Return what the network says of each point and its depth along the optical axis.

    :param pictures: takes the network's inverse depth of each picture.
    """
    import numpy as np

    from depth_anything_ros.geometry.camera import rays_at
    from depth_anything_ros.lab.tape.line import EDGE_SPREAD, Reading, around
    from depth_anything_ros.types import RelativeInverseDepth

    readings: list[Reading] = []
    for picture, place, metres in args.at:
        column, row, distance_m = _point(place, metres)
        if picture not in pictures:
            prediction = predictor.predict(_read(picture))
            assert isinstance(prediction, RelativeInverseDepth), 'the model was checked'
            pictures[picture] = prediction.values
        relative = pictures[picture]
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
        at_edge = bool(np.ptp(patch) > EDGE_SPREAD * middle)
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
    from depth_anything_ros.lab.tape.fit import FEWEST, MOST
    from depth_anything_ros.lab.trials.tape_trial import TapeResult, try_tape

    if not FEWEST <= args.points <= MOST:
        raise ConfigError(f'--points {args.points}; allowed: {FEWEST} to {MOST}')
    seeds = range(args.trials)
    # Two trials of each room.
    trials = list(
        progress(
            try_tape(seeds, args.points, args.reading_error, args.tolerance, args.reach),
            2 * args.trials,
            'trials',
        )
    )
    results = [
        TapeResult.of(title, [trial for trial in trials if trial.outlier == outlier])
        for title, outlier in (('readings', False), ('one reading wrong by half', True))
    ]
    show_trials(results)
    write_line(
        f'{args.points} points, read to ± {100 * args.reading_error:g} cm, within {args.reach:g} m'
    )
    write_json(args.json, {'points': args.points, 'results': results})
    return 0
