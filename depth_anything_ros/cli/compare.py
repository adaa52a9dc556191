"""
The verb `compare`: whether one run is worse than another, image by image.

Runs are folders of the verb `evaluate` (images.csv) or of the evaluator node (frames.csv).
"""

from __future__ import annotations

import argparse

from depth_anything_ros.cli.console import (
    add_json_argument,
    path_argument,
    write_json,
    write_line,
    write_lines,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.gate_option import add_gate_argument, check_gate, open_gate

_EPILOG = """What a row says: the means of a run over the images that all runs have a score for;
how much its metric of the answer is above that of the first run, image by image; and the interval
of that, from bootstrap draws of sources (scenes, sequences), then of images within them. The last
line answers: worse, better, equal, where no image differs, or open, where the interval holds 0."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        'runs', nargs='+', type=path_argument, metavar='RUN',
        help='folder that `evaluate --out` or the evaluator node wrote; others are compared with '
        'the first, and the models of one folder with each other; its summary.json will do too',
    )  # fmt: skip
    parser.add_argument(
        '--metric', metavar='NAME',
        help='metric of the answer (default: abs_rel, and pair_accuracy where only the order of '
        'points is known)',
    )  # fmt: skip
    add_gate_argument(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Compare the runs and tell.

    :return: 0, whatever the answer is.
    :raises UnknownNameError: if the metric is not known.
    :raises DatasetError: if a run cannot be read, or the runs cannot be compared.
    :raises ConfigError: if the gate cannot be used.
    :raises GateError: if it is not met.
    """
    from depth_anything_ros.evaluation.metrics import require_one_metric
    from depth_anything_ros.lab.datasets.comparison_report import source_table
    from depth_anything_ros.lab.evaluation.figures import EVALUATION, evaluation_figures
    from depth_anything_ros.lab.evaluation.finished import compare_runs, read_runs

    if args.metric is not None:
        require_one_metric(args.metric)
    compared = compare_runs(read_runs(args.runs), args.metric)
    figures = evaluation_figures(compared.data)
    gate = open_gate(args, figures, EVALUATION, compared.protocol)
    for data in compared.data:
        write_line(data.word)
        write_table(source_table(data))
        for warning in data.warnings:
            write_warning(warning)
        write_lines(data.verdicts)
    for warning in compared.warnings:
        write_warning(warning)
    write_json(args.json, compared)
    check_gate(gate, figures)
    return 0
