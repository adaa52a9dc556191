"""
The verb `calibrate-uncertainty`: find out how far off a model's depth is, and tell nodes.

Of images whose depth is known, depth is made as a robot gets it: by each scale source, with few
points and many, held from an earlier image, with the local field, fused with a sensor that has
holes, with the mirrored image and without. How far off it is goes into a table of errors, by what
the frame shows (edges, distance, how near a reference is, …). The table lies beside the weights,
where nodes, `record` and Python find it; a node's sigma is one standard deviation in metres.

A fourth of the groups of images is kept out of the table, and judges it: shares of pixels within
the intervals that should hold 50, 68, 90 and 95 % of them, by source and by distance, and how sure
the third of these is, by a bootstrap over groups of images; AUSE, the
area between leaving out what is most uncertain and leaving out what is worst, of AbsRel by sigma
as a share of depth and of errors in metres by sigma, beside that by the disagreement with the
mirrored image alone; and what becomes of obstacle cells when what is more
uncertain than `max_sigma` is left out, and what by `ground_sigmas` may be the ground.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.cli.drive_options import add_drive_arguments, drive_seeds
from depth_anything_ros.cli.predictor_options import (
    add_predictors_arguments,
    chosen_networks,
    open_predictors,
)
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.table import Table, number

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor
    from depth_anything_ros.lab.trials.sigma_cases import TrialImage
    from depth_anything_ros.lab.trials.sigma_judge import Reliability
    from depth_anything_ros.lab.trials.sigma_trial import Entry, SigmaReport
    from depth_anything_ros.uncertainty import ErrorTable

_SPLIT = 'test'
# Images that a table takes.
_MANY = 100
_UNLIKE = 'the table is of other images than these; fit one on such images'
_SPLIT_UNLIKE = (
    'those kept out differ from those it was fitted to; give more images, of more places'
)
# The interval of 90 % should hold so many.
_HOLDS = (0.85, 0.95)

EPILOG = """examples:
  calibrate-uncertainty --model tiny --drives 12 --data simulator:51000:60
  calibrate-uncertainty --model tiny --checkpoint own.safetensors --data rgbd_folder:my_rooms
  calibrate-uncertainty --model tiny --data rgbd_folder:other_rooms --check
  calibrate-uncertainty --model tiny --model tiny_sdt_lite --drives 12 --out generic.json

Without --out the table is written beside the weights as WEIGHTS.sigma.json, in the place of
the one that came with weights that ship. Take images like those that the robot will see, of the
same camera and from its height: a hundred from ten places are better than a thousand from one.
Sensors measure nothing of glass and little beyond their range; what they do not measure is not
judged.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add_predictors_arguments(parser, model='tiny')
    add_data_argument(parser, required=False)
    add_drive_arguments(
        parser, 0, 5, 'half a second apart',
        what='simulated rooms that are driven through, beside the data, as only they tell how a '
        'scale ages',
    )  # fmt: skip
    parser.add_argument(
        '--out', type=path_argument, metavar='FILE',
        help='table to write, instead of the one beside the weights; of several models, whose '
        'table then holds for any weights, it must be told',
    )  # fmt: skip
    parser.add_argument(
        '--check', action='store_true', help='judge the table that there is; fit and write none'
    )
    parser.add_argument(
        '--table', default='', metavar='FILE',
        help='with --check: the table to judge, instead of the one that nodes take',
    )  # fmt: skip
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Fit a table and judge it, or judge the one there is, and write table and answer.

    :raises ConfigError: if options do not go together, or there is nothing to go by.
    :raises DatasetError: if data cannot be opened or read, or tells nothing.
    :raises CheckpointError: if weights cannot be had, or a table is of other ones.
    :raises OutputError: if the table cannot be written.
    """
    _check(args)
    from depth_anything_ros.home import expand_user
    from depth_anything_ros.lab.trials.sigma_trial import split
    from depth_anything_ros.uncertainty import read_table

    if args.table:
        # A file that is none is refused before a network is loaded.
        read_table(expand_user(args.table))
    entries = _entries(args)
    predictors = [predictor for _, predictor in open_predictors(args)]
    if args.check:
        return _judge(args, predictors, None, entries)
    out = _place(args, predictors)
    check_outputs(out)
    fitted, judged = split(entries)
    if not judged:
        raise ConfigError(
            f'{len(entries)} images are too few to fit a table to some and judge it by others; a '
            f'good one takes {_MANY} and more'
        )
    images = sum(entry.images for entry in fitted)
    if images < _MANY:
        write_warning(f'{images} images are few for a table of errors; it takes {_MANY} and more')
    table = _fit(args, predictors, fitted)
    from depth_anything_ros.uncertainty.files import write_table as write_errors

    before = ', in the place of the one there was' * out.exists()
    write_errors(table, out)
    write_line(f'table of errors written to {out}{before}')
    return _judge(args, predictors, table, judged)


def _check(args: argparse.Namespace) -> None:
    if not (args.data or args.drives):
        raise ConfigError('nothing to go by: give --data, --drives, or both')
    if args.table and not args.check:
        raise ConfigError(f'--table {args.table} is judged with --check; --out is what is written')
    if args.check and args.out:
        raise ConfigError(f'--out {args.out} has no meaning with --check, which writes no table')
    if len(chosen_networks(args)) > 1 and not (args.out or args.check):
        raise ConfigError(
            'the table of several models lies beside none; say where with --out FILE'
        )


def _place(args: argparse.Namespace, predictors: Sequence[Predictor]) -> Path:
    """Return where the table is to be written."""
    from depth_anything_ros.uncertainty import table_beside

    if args.out:
        return Path(args.out)
    weights = predictors[0].weights_path
    if weights is None:
        raise ConfigError('a table of random weights lies beside none; say where with --out FILE')
    return table_beside(weights)


def _entries(args: argparse.Namespace) -> list[Entry]:
    from depth_anything_ros.lab.trials.sigma_trial import entries_of, entries_of_drives

    entries = [entry for word in args.data for entry in entries_of(parse_data(word, _SPLIT))]
    return [*entries, *entries_of_drives(drive_seeds(args), args.frames)]


def _shown(entries: Sequence[Entry], title: str) -> Iterable[TrialImage]:
    from depth_anything_ros.lab.trials.sigma_trial import images_of

    return progress(images_of(entries), sum(entry.images for entry in entries), title)


def _fit(
    args: argparse.Namespace, predictors: Sequence[Predictor], entries: Sequence[Entry]
) -> ErrorTable:
    from importlib.metadata import version

    from depth_anything_ros.lab.trials.sigma_fit import fit_table
    from depth_anything_ros.lab.trials.sigma_trial import gather
    from depth_anything_ros.uncertainty.table import Calibration

    rows = gather(predictors, _shown(entries, 'errors of images'))
    drives = f'{args.drives} drives of {args.frames} frames from {args.first_drive}'
    data = [*args.data, *([drives] if args.drives else [])]
    images = sum(entry.images for entry in entries)
    calibration = Calibration(data, images, version('depth_anything_ros'))
    only = predictors[0] if len(predictors) == 1 else None
    return fit_table(
        rows,
        calibration,
        None if only is None else only.identity,
        None if only is None else only.output_kind,
    )


def _judge(
    args: argparse.Namespace,
    predictors: Sequence[Predictor],
    table: ErrorTable | None,
    entries: Sequence[Entry],
) -> int:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.trials.sigma_trial import judged_by
    from depth_anything_ros.uncertainty import Uncertainty, find_table

    judged = [
        (
            predictor,
            Uncertainty(
                table
                or find_table(
                    predictor.identity, predictor.output_kind, predictor.weights_path, args.table
                )
            ),
        )
        for predictor in predictors
    ]
    for _, uncertainty in judged:
        if uncertainty.doubt and args.check:
            write_warning(uncertainty.doubt)
    report = judged_by(judged, _shown(entries, 'judging'))
    if report is None:
        raise DatasetError('no image has depth from 0.2 to 8 m that could be judged')
    _show(report, _UNLIKE if args.check else _SPLIT_UNLIKE)
    write_json(
        args.json,
        {
            'models': [predictor.identity for predictor in predictors],
            'calibration': judged[0][1].table.calibration,
            'report': report,
            'environment': environment(),
        },
    )
    return 0


def _show(report: SigmaReport, cause: str) -> None:
    from depth_anything_ros.lab.trials.sigma_judge import AT_90

    shares = ['50 %', '68 %', '90 %', '95 %']
    headings = [
        'depth by',
        'depths',
        'AbsRel',
        *shares,
        '90 %: from … to',
        'σ / p',
        'AUSE',
        'by flip',
        'ratio',
    ]
    headings += ['AUSE, m', 'by flip', 'ratio']
    rows = [[*_row(found), *_sparsified(found)] for found in report.by_name]
    write_line(f'judged on {report.images} images: pixels within intervals, by source')
    write_table(Table(headings, rows))
    write_line('by true distance')
    write_table(Table(headings[:7], [_row(found) for found in report.by_distance]))
    if report.obstacles:
        write_line('obstacle cells, where what is more uncertain is left out')
        rows = [
            [
                *(each.name, f'{each.max_sigma:g}', f'{each.ground_sigmas:g}'),
                *(f'{each.missed:.2%}', number(each.false, '.3f', '')),
            ]
            for each in report.obstacles
        ]
        columns = ['depth by', 'max_sigma', 'ground_sigmas', 'missed', 'false / all kept']
        write_table(Table(columns, rows))
    held = report.by_name[-1].coverage
    if held is not None and not _HOLDS[0] <= held[AT_90] <= _HOLDS[1]:
        write_warning(f'the interval of 90 % holds {held[AT_90]:.1%} of the pixels: {cause}')


def _row(found: Reliability) -> list[str]:
    coverage = found.coverage or (None,) * 4
    return [
        found.name,
        str(found.depths),
        number(found.abs_rel, '.3f', ''),
        *(number(share, '.1%', '') for share in coverage),
    ]


def _sparsified(found: Reliability) -> list[str]:
    interval = found.interval
    return [
        '' if interval is None else f'{interval.low:.1%} … {interval.high:.1%}',
        number(found.sigma_share, '.3f', ''),
        *_areas(found.ause, found.flip_ause),
        *_areas(found.ause_m, found.flip_ause_m),
    ]


def _areas(own: float | None, by_flip: float | None) -> list[str]:
    ratio = own / by_flip if own is not None and by_flip else None
    return [number(own, '.4f', ''), number(by_flip, '.4f', ''), number(ratio, '.2f', '')]
