"""How verbs that judge ask for a gate."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import path_argument, write_warning

if TYPE_CHECKING:
    from depth_anything_ros.evaluation.comparable import Protocol
    from depth_anything_ros.evaluation.gate import Figures, Gate, Naming


def add_gate_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--gate FILE`."""
    parser.add_argument(
        '--gate', type=path_argument, metavar='FILE',
        help='YAML file of bounds as `abs_rel <= 0.12`, also relative to the summary.json of an '
        'earlier run; where one is broken, tell each breach and by how much, and exit with 3',
    )  # fmt: skip


def open_gate(
    args: argparse.Namespace, known: Figures, naming: Naming, protocol: Protocol
) -> Gate | None:
    """
    Return the gate that is asked for, None where none is.

    :param known: the figures that there will be.
    :param naming: what they are called.
    :param protocol: how they are scored.
    :raises ConfigError: if it cannot be read, names what is not known, or its baseline does not
        compare.
    """
    from depth_anything_ros.evaluation.gate import Gate

    return None if args.gate is None else Gate(args.gate, known, naming, protocol)


def check_gate(gate: Gate | None, figures: Figures) -> None:
    """
    Compare figures with the bounds of a gate, where there is one, and tell what no bound sees.

    :raises GateError: if a bound is broken.
    """
    for text in gate.check(figures) if gate is not None else ():
        write_warning(text)
