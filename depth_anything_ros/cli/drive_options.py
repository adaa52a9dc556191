"""The options of verbs that drive through simulated rooms."""

from __future__ import annotations

import argparse

from depth_anything_ros.cli.predictor_options import count_argument, count_from_one


def add_drive_arguments(
    parser: argparse.ArgumentParser,
    drives: int,
    frames: int,
    apart: str,
    *,
    what: str = 'rooms that are driven through',
    alone: bool = False,
) -> None:
    """
    Add how many rooms are driven through, which, and how long.

    :param drives: how many, unless told; likewise `frames` of each.
    :param apart: in words, when one frame follows the other.
    :param what: the rooms are.
    :param alone: whether there is nothing else to try, so that none is an error.
    """
    rest = '' if alone or not drives else '; 0 leaves drives out'
    parser.add_argument(
        '--drives', type=count_from_one if alone else count_argument, default=drives,
        metavar='N', help=f'{what} (default: %(default)s{rest})',
    )  # fmt: skip
    parser.add_argument(
        '--frames', type=count_from_one, default=frames, metavar='N',
        help=f'frames of each drive, {apart} (default: %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--first-drive', type=count_argument, default=0, metavar='SEED',
        help='room of the first drive; the others follow (default: %(default)s)',
    )  # fmt: skip


def drive_seeds(args: argparse.Namespace) -> range:
    """Return the rooms that were asked for."""
    return range(args.first_drive, args.first_drive + args.drives)
