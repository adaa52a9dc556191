"""
The verb `refine`: measure what the optional refinements of the depth do and cost.

On images (simulated views, real frames) scale and shift are fitted to the truth of each; on
simulated drives the metres come from exact depth by `scale_source:=depth_image`, as the depth node
gives them, and points are followed from frame to frame. With odometry the
filter over time follows the camera: with exact odometry, and with one that tells 5 % too much, 50
ms too late. How far it lags behind a plain wall that comes nearer is measured apart. All other
figures are means over images;
`ratio` is AbsRel over that of the plain way, with its 95 % bootstrap interval by sources: a drive
is one source, so that many rooms tell more than many frames. `+ms` is the median over frames of
the time from the image to the cloud at 640×480 less that of the plain way, all options taking
turns on every frame.

`--wrong-odometry` asks another question: whether the filter finds out from the images that
odometry is wrong, and leaves right odometry alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    picture_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.cli.drive_options import add_drive_arguments, drive_seeds
from depth_anything_ros.cli.obstacle_options import (
    add_obstacle_arguments,
    chosen_mounting,
    chosen_obstacles,
)
from depth_anything_ros.cli.predictor_options import (
    add_predictor_arguments,
    count_argument,
    open_predictor,
)
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.table import Table, number

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.datasets import Dataset
    from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
    from depth_anything_ros.lab.trials.approach import Lag
    from depth_anything_ros.lab.trials.odometry_trial import OdometryResult
    from depth_anything_ros.lab.trials.refinement_trial import Option
    from depth_anything_ros.lab.trials.results import OptionResult, OptionsResult

_SPLIT = 'test'
_STILL_M_S, _MOVING_M_S = 0.0, 0.3
_SMOOTHING = 'temporal_smoothing_s'
_ODOMETRY_FRAMES = 40
_DRAWN_IMAGES = 3
_DRAWN_OPTIONS = ('none', 'edge_filter_px', 'cloud_edge_jump')
_TRIED_EDGE_FILTER_PX, _TRIED_SMOOTHING_S, _TRIED_EDGE_JUMP = 6, 0.3, 0.02
# Heading, format and number of each column.
_Column = tuple[str, str, 'Callable[[OptionResult], float | None]']
_COLUMNS: tuple[_Column, ...] = (
    ('abs_rel', '.4f', lambda result: result.values.get('abs_rel')),
    ('delta1', '.4f', lambda result: result.values.get('delta1')),
    ('at edges', '.4f', lambda result: result.values.get('edge_abs_rel')),
    ('flying', '.2%', lambda result: result.values.get('flying')),
    ('kept', '.2%', lambda result: result.values.get('kept')),
    ('missed', '.2%', lambda result: result.values.get('missed')),
    ('false', '.2%', lambda result: result.values.get('false')),
    ('false free', '.2%', lambda result: result.values.get('false_free')),
)
_DRIVE_COLUMNS: tuple[_Column, ...] = (
    *_COLUMNS,
    ('change cm', '.2f', lambda result: result.values.get('change_cm')),
    ('change', '.2%', lambda result: result.values.get('change')),
    ('+ms', '.1f', lambda result: result.added_ms),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_predictor_arguments(parser, model='tiny')
    add_data_argument(parser, required=False)
    add_drive_arguments(parser, 20, 6, 'at 10 Hz', what='rooms to stand in and to drive through')
    parser.add_argument(
        '--wrong-odometry', type=count_argument, default=0, metavar='N',
        help='rooms to drive through for 4 s with right and wrong odometry, to tell which the '
        'filter over time finds out (default: 0)',
    )  # fmt: skip
    parser.add_argument(
        '--edge-filter-px', type=int, default=_TRIED_EDGE_FILTER_PX, metavar='VALUE',
        help='what edge_filter_px is tried at (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--temporal-smoothing-s', type=float, default=_TRIED_SMOOTHING_S, metavar='VALUE',
        help='what temporal_smoothing_s is tried at (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--cloud-edge-jump', type=float, default=_TRIED_EDGE_JUMP, metavar='VALUE',
        help='what cloud_edge_jump is tried at (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--picture', type=picture_argument, metavar='FILE',
        help='draw the first three images of the first data: the image, its depth, filtered, and '
        'without flying pixels',
    )  # fmt: skip
    add_obstacle_arguments(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Try the options on all data, show tables and write the answer.

    :raises ConfigError: if an option is out of range, there is neither data nor a drive, or a
        picture has no data.
    :raises DatasetError: if data cannot be opened or read.
    :raises CheckpointError: if the weights cannot be had.
    """
    _check(args)
    check_outputs(args.picture)
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
    from depth_anything_ros.lab.trials.refinement_trial import make_options

    settings = {
        'flip_augmentation': True,
        'edge_filter_px': args.edge_filter_px,
        'temporal_smoothing_s': args.temporal_smoothing_s,
        'cloud_edge_jump': args.cloud_edge_jump,
    }
    options = make_options(settings)
    rule = ScoringRule(obstacles=chosen_obstacles(args), mounting=chosen_mounting(args))
    predictor = open_predictor(args)
    data = {word: parse_data(word, _SPLIT) for word in args.data}
    if args.picture:
        _draw(args.picture, data[args.data[0]], predictor, options)
    answers = [_try_images(word, data[word], predictor, options, rule) for word in args.data]
    approach: list[Lag] = []
    if args.drives:
        # How the camera of the robot hangs is known.
        own = replace(rule, mounting=None)
        answers += [
            _try_drives(speed_m_s, args, predictor, options, own)
            for speed_m_s in (_STILL_M_S, _MOVING_M_S)
        ]
        approach = _try_approach(options)
    seeds = range(args.first_drive, args.first_drive + args.wrong_odometry)
    odometry = _try_odometry(seeds, predictor) if seeds else []
    write_json(
        args.json,
        {
            'model': predictor.identity,
            'settings': settings,
            'obstacles': rule.obstacles,
            'threads': args.threads,
            'data': answers,
            'approach': approach,
            'odometry': odometry,
            'environment': environment(),
        },
    )
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.picture and not args.data:
        raise ConfigError('--picture draws images of --data, and there are none')
    if not (args.drives or args.data or args.wrong_odometry):
        raise ConfigError('nothing to try: --drives 0 and no --data')


def _try_images(
    word: str,
    dataset: Dataset,
    predictor: Predictor,
    options: Sequence[Option],
    rule: ScoringRule,
) -> OptionsResult:
    from depth_anything_ros.lab.datasets.scoring_rule import MOUNTING_OPTIONS
    from depth_anything_ros.lab.trials.refinement_trial import try_on_images
    from depth_anything_ros.lab.trials.results import compare_options

    samples = ((dataset.source(index), dataset[index]) for index in range(len(dataset)))
    # Nothing is known of the past of a single image.
    single = [option for option in options if not option.name.startswith(_SMOOTHING)]
    shown = progress(samples, len(dataset), dataset.name)
    results = compare_options(list(try_on_images(shown, predictor, single, rule)))
    answer = _shown(word, len(dataset), results, _COLUMNS)
    if share := results[0].values.get('contradicted'):
        write_warning(
            f'{word}: in {share:.0%} of the images the truth shows another ground than '
            f'{rule.ground}; these have no figures of obstacles: correct {MOUNTING_OPTIONS}'
        )
    return answer


def _try_drives(
    speed_m_s: float,
    args: argparse.Namespace,
    predictor: Predictor,
    options: Sequence[Option],
    rule: ScoringRule,
) -> OptionsResult:
    from depth_anything_ros.lab.trials.refinement_trial import try_on_drive
    from depth_anything_ros.lab.trials.results import compare_options

    title = f'{args.drives} drives of {args.frames} frames at {speed_m_s:g} m/s'
    records = [
        record
        for seed in progress(drive_seeds(args), args.drives, title)
        for record in try_on_drive(seed, args.frames, speed_m_s, predictor, options, rule=rule)
    ]
    return _shown(title, args.drives * args.frames, compare_options(records), _DRIVE_COLUMNS)


def _try_approach(options: Sequence[Option]) -> list[Lag]:
    """Show how far options lag behind a plain wall that comes nearer, and return it."""
    from depth_anything_ros.lab.trials.approach import wall_lag

    over_time = [option for option in options if option.config.refinement.temporal_smoothing_s]
    lags = [wall_lag(option, _MOVING_M_S) for option in over_time]
    write_line(f'a plain wall approached at {_MOVING_M_S:g} m/s')
    # Without a minus before zero.
    rows = [
        [lag.option, f'{round(lag.lag_s, 3) + 0.0:.3f}', f'{round(lag.frames, 2) + 0.0:.2f}']
        for lag in lags
    ]
    write_table(Table(['option', 'lag s', 'lag frames'], rows))
    return lags


def _try_odometry(seeds: range, predictor: Predictor) -> list[OdometryResult]:
    """Show which odometry the filter over time finds out to be wrong, and return it."""
    from depth_anything_ros.lab.trials.odometry_trial import summarise_odometry, try_odometry

    title = f'{len(seeds)} drives of {_ODOMETRY_FRAMES} frames, with right and wrong odometry'
    results = summarise_odometry(
        [
            verdict
            for seed in progress(seeds, len(seeds), title)
            for verdict in try_odometry(seed, _ODOMETRY_FRAMES, predictor)
        ]
    )
    write_line(title)
    rows = [
        [
            result.odometry,
            f'{result.doubted} of {result.drives}',
            f'{result.left_out:.1%}',
            number(result.after_s, '.1f', ''),
            result.told,
        ]
        for result in results
    ]
    write_table(Table(['odometry', 'found out', 'frames left out', 'after s', 'told'], rows))
    return results


def _draw(path: Path, dataset: Dataset, predictor: Predictor, options: Sequence[Option]) -> None:
    from depth_anything_ros.lab.trials.refinement_picture import write_picture

    samples = [dataset[index] for index in range(min(_DRAWN_IMAGES, len(dataset)))]
    drawn = [option for option in options if option.name in _DRAWN_OPTIONS]
    write_picture(path, samples, predictor, drawn)


def _shown(
    title: str, images: int, results: list[OptionResult], columns: Sequence[_Column]
) -> OptionsResult:
    """Show a table of results and return them with their title."""
    from depth_anything_ros.lab.trials.results import OptionsResult

    write_line(f'{title}, {images} images')
    rows = []
    for result in results:
        low, high = result.interval or (None, None)
        rows.append(
            [
                result.option,
                *(number(value(result), form, '') for _, form, value in columns),
                number(result.ratio, '.3f', ''),
                '' if low is None else f'{low:.3f} … {high:.3f}',
            ]
        )
    headings = [heading for heading, _, _ in columns]
    write_table(Table(['option', *headings, 'ratio', '95% interval'], rows))
    return OptionsResult(title, images, results)
