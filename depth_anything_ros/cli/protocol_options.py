"""How verbs that score ask for a protocol, and what a user sets otherwise."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from depth_anything_ros.cli.data_argument import depth_range
from depth_anything_ros.cli.obstacle_options import (
    add_obstacle_arguments,
    chosen_mounting,
    chosen_obstacles,
    require_no_obstacle_options,
)
from depth_anything_ros.parameters import split_names

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets.protocols import Protocol

_ALIGNMENTS = ('none', 'median', 'scale', 'scale_shift', 'robust')
_CONFIDENCES = ('model', 'flip')


def add_named_protocol(parser: argparse.ArgumentParser) -> None:
    """Add `--protocol`, and `--range` that sets a part of it otherwise."""
    parser.add_argument(
        '--protocol', metavar='NAME',
        help='what is scored and how, as papers do it: robot (default), nyu_eigen, kitti_garg, …; '
        '`info --protocols` lists all with their sources',
    )  # fmt: skip
    parser.add_argument(
        '--range', type=depth_range, metavar='MIN:MAX',
        help='truth in metres that is scored, instead of that of the protocol (robot: 0.2:8)',
    )  # fmt: skip


def add_protocol_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what :func:`add_named_protocol` does, `--align`, `--metrics` and those of obstacles."""
    add_named_protocol(parser)
    parser.add_argument(
        '--align', choices=_ALIGNMENTS,
        help='how a prediction becomes metres, instead of the way of the protocol: as it is, or '
        'fitted to the truth of each image',
    )  # fmt: skip
    parser.add_argument(
        '--metrics', type=split_names, default=(), metavar='all|NAMES',
        help='what is scored beside the usual metrics, with commas: edge_f1, chamfer, cloud_f1, '
        'planarity_error, plane_angle, obstacles, ause, aurg, sigma (whether uncertainty is as '
        'large as it says), or all of them; slower, and clouds, planes and obstacles need data '
        'that knows its camera',
    )  # fmt: skip
    parser.add_argument(
        '--confidence', choices=_CONFIDENCES,
        help='how sure a model is, by itself (model: Depth Anything 3, VGGT) or by how well its '
        'depth agrees with that of the mirrored image (flip: twice the work): scores `ause` and '
        '`aurg` and draws the curve of sparsification',
    )  # fmt: skip
    add_obstacle_arguments(parser)


def named_protocol(args: argparse.Namespace) -> Protocol:
    """
    Return the protocol that the options of :func:`add_named_protocol` ask for.

    :raises UnknownNameError: if there is none of that name; the message lists the known ones.
    """
    from depth_anything_ros.lab.datasets.protocols import DEFAULT, PROTOCOLS

    return PROTOCOLS[args.protocol or DEFAULT].changed_by(None, args.range)


def chosen_protocol(args: argparse.Namespace) -> Protocol:
    """
    Return the protocol that the options of :func:`add_protocol_arguments` ask for.

    :raises UnknownNameError: if there is none of that name, or no such metric; the message lists
        the known ones.
    :raises ConfigError: if what is told of obstacles is out of range, or not looked for.
    """
    from depth_anything_ros.evaluation.metrics import asked_metrics
    from depth_anything_ros.evaluation.obstacle_metrics import of_obstacles
    from depth_anything_ros.evaluation.protocol import AlignmentMode

    alignment = AlignmentMode(args.align) if args.align else None
    protocol = named_protocol(args).changed_by(alignment, None)
    told = ('ause', 'aurg') if args.confidence else ()
    metrics = asked_metrics((*args.metrics, *told)) or None
    rule = replace(protocol.rule, metrics=metrics, confidence=args.confidence)
    if of_obstacles(metrics or ()):
        rule = replace(rule, obstacles=chosen_obstacles(args), mounting=chosen_mounting(args))
    else:
        require_no_obstacle_options(args)
    return replace(protocol, rule=rule)


def protocol_doubts(args: argparse.Namespace, protocol: Protocol, dataset: str) -> list[str]:
    """Return why another protocol may be meant for a data set of some name, if one may."""
    from depth_anything_ros.lab.datasets.protocols import published_for

    meant = published_for(dataset)
    if not meant or protocol.name in meant or (args.protocol and not protocol.data):
        return []
    names = ' or '.join(meant)
    return [f'scored by protocol {protocol.name}; papers score {dataset} by --protocol {names}']
