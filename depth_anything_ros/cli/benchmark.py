"""
The verb `benchmark`: how fast, how large and how good a copy networks are, on one machine.

A row is a model, a checkpoint, an input size, a backend and a precision. Rows at the same size
take turns in one run, whatever their model, with the same number of threads, so that ratios
between them hold on a machine that slows down meanwhile; only where the memory would not hold all
of them are they measured in several runs. Times are of the network alone, on one image, with its
output back on the CPU; pre- and post-processing take turns beside and are told apart.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.benchmark_node import (
    add_node_arguments,
    is_of_nodes,
    remember_defaults,
    run_nodes,
)
from depth_anything_ros.cli.benchmark_options import NO_MODEL, add_how, add_what
from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    progress,
    write_error,
    write_json,
    write_line,
    write_lines,
    write_table,
)
from depth_anything_ros.errors import ConfigError, DepthAnythingError
from depth_anything_ros.files import write_bytes, write_text
from depth_anything_ros.models.network_folder import is_network_folder

if TYPE_CHECKING:
    from depth_anything_ros.lab.benchmark.plan import Target
    from depth_anything_ros.lab.benchmark.rows import BenchmarkResult, BenchmarkRow, LayerRow

_EPILOG = """examples:
  what is fastest here, for the model you run:
    depth_anything_ros benchmark --model depth_anything_v2_vits --weights random
  Depth Anything V2 and both decoders of AnyDepth, Small to Large, at three sizes:
    depth_anything_ros benchmark --weights random --input-size 256,512,1024 \\
      --model depth_anything_v2_vits,depth_anything_v2_vitb,depth_anything_v2_vitl,\\
anydepth_vits,anydepth_vitb,anydepth_vitl,dinov3_dpt_vits,dinov3_dpt_vitb,dinov3_dpt_vitl \\
      --backend openvino --memory --csv table.csv --plots figures
  two decoders on a GPU, without the slow baseline:
    depth_anything_ros benchmark --model anydepth_vitl,dinov3_dpt_vitl --weights random \\
      --backend torch --precision fp32,fp16 --input-size 256x256,512x512,1024x1024 \\
      --baseline none --memory
  beside other people's networks (pip install 'depth_anything_ros[hub]'):
    depth_anything_ros benchmark --hub-model Intel/dpt-large --hub-model apple/DepthPro-hf
  what happens inside, layer by layer:
    depth_anything_ros benchmark --model tiny --layers layers.csv --plots figures

What a row says: parameters and multiply-accumulates (MACs) of encoder and decoder; load time,
export included; the first frame; how often it was timed; mean, std, CoV (std over mean), min, p50,
p95 (of 20 runs or more), p99 (of 50 or more), max; fps (1 / p50); speed-up over the baseline of
its model; how many times the p50 of the first model it takes, in the same library and precision;
share of the best rate that a convolution of torch reaches on this CPU (not for networks that
multiply integers, nor on a GPU, nor without torch); largest difference from the baseline over the
range of its output. Encoder and decoder are timed where torch runs the network; an exported one is
a single graph, of which only the whole can be timed.

Sizes are rounded to the nearest multiple of each model's patch, and the row says what was used.
A row that cannot run says why and leaves the others alone. Ctrl-C ends the run and keeps what was
timed. Exit status: 0 when some row was timed besides the eager baseline, else 1.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb; those in the plural take lists separated by commas."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_what(parser)
    add_how(parser)
    add_node_arguments(parser)
    output = parser.add_argument_group('output')
    output.add_argument(
        '--layers', nargs='?', const=True, type=path_argument, metavar='FILE',
        help='run each model once more, in fp32 on the CPU whatever --device says, and describe '
        'the output of every convolution and linear layer: range, mean, std, share of zeros; to '
        'FILE as CSV',
    )  # fmt: skip
    output.add_argument(
        '--csv', type=path_argument, metavar='FILE', help='also write all rows to FILE'
    )
    output.add_argument(
        '--plots', type=path_argument, metavar='FOLDER',
        help='draw latency against resolution, parameters and MACs, and the stages',
    )  # fmt: skip
    output.add_argument(
        '--page', type=path_argument, metavar='FILE',
        help='write parameters, MACs, latency and memory as a page in Markdown',
    )  # fmt: skip
    add_json_argument(parser)
    remember_defaults(parser)


def run(args: argparse.Namespace) -> int:
    """
    Measure every row, show tables and write what was asked for.

    :return: 0, or 1 if no row could run besides the eager baseline.
    :raises ConfigError: if options exclude each other, or a file asked for cannot be written.
    :raises KeyboardInterrupt: if it was interrupted, after writing what was timed.
    """
    if is_of_nodes(args):
        return run_nodes(args)
    from depth_anything_ros.cli.benchmark_targets import planned_groups
    from depth_anything_ros.lab.benchmark.group import (
        Measuring,
        mark_interrupted,
        measure_group,
    )
    from depth_anything_ros.lab.benchmark.tables import group_lines

    args.threads = _take_threads(args.threads)
    args.baseline_runs = args.baseline_runs or max(10, args.runs // 5)
    _check(args)
    measuring = Measuring(args.runs, args.baseline_runs, args.warmup, args.memory)
    planned = planned_groups(args)
    groups = _planned_rows(planned)
    _prepare_outputs(args)
    if args.count:
        return _count(args, groups)
    layers: list[LayerRow] = []
    complete = False
    try:
        with _each_said_once():
            for targets, rows in zip(planned, groups, strict=True):
                try:
                    measure_group(targets, rows, measuring, progress)
                finally:
                    write_lines(group_lines(rows))
                    _write(args, _result(args, groups, layers))
            if args.layers:
                _describe_layers(args, planned, layers)
        complete = True
    except KeyboardInterrupt:
        for rows in groups:
            mark_interrupted(rows)
        raise
    finally:
        result = _result(args, groups, layers, complete)
        _write(args, result)
        if args.page:
            from depth_anything_ros.lab.benchmark.networks_page import networks_page

            write_text(args.page, networks_page(result))
        if args.plots:
            _draw(args.plots, result)
    return 0 if any(map(_counts, result.results)) else 1


def _take_threads(count: int | None) -> int:
    """Let torch, where it is installed, compute with so many threads, and return how many."""
    if find_spec('torch') is None:
        return count or len(os.sched_getaffinity(0))
    import torch

    if count:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def _count(args: argparse.Namespace, groups: list[list[BenchmarkRow]]) -> int:
    """Count what every network holds and does, and write what was asked for."""
    from depth_anything_ros.lab.benchmark.networks_page import (
        COUNTED,
        counted,
        networks_page,
        networks_table,
    )

    planned = [row for rows in groups for row in rows]
    rows = [
        replace(counted(row), reason=COUNTED) for row in progress(planned, len(planned), 'counted')
    ]
    write_table(networks_table(rows))
    result = _result(args, [rows], [], complete=True)
    _write(args, result)
    if args.page:
        write_text(args.page, networks_page(result))
    return 0


def _planned_rows(planned: Sequence[Sequence[Target]]) -> list[list[BenchmarkRow]]:
    """Return the rows of each group before they are measured, their files told apart."""
    from depth_anything_ros.lab.benchmark.rows import BenchmarkRow, file_names

    groups = [[BenchmarkRow.planned(target, number) for target in targets]
              for number, targets in enumerate(planned)]  # fmt: skip
    names = file_names(row.checkpoint for rows in groups for row in rows)
    return [[replace(row, file=names[row.checkpoint]) for row in rows] for rows in groups]


def _check(args: argparse.Namespace) -> None:
    args.model = [name for name in args.model if name != NO_MODEL]
    if is_network_folder(args.checkpoint):
        args.folder, args.model, args.checkpoint = [args.checkpoint, *args.folder], [], ''
    if args.checkpoint and len(args.model) != 1:
        raise ConfigError(
            f'--checkpoint {args.checkpoint} belongs to one model; --model names '
            f'{len(args.model)}: {", ".join(args.model) or NO_MODEL}'
        )
    if not (args.model or args.folder or args.hub_model or args.detector):
        raise ConfigError('nothing to time: give --model, --folder, --hub-model or --detector')


def _prepare_outputs(args: argparse.Namespace) -> None:
    """
    Check what is to be written: an hour of timing later is too late to find out.

    :raises ConfigError: if two options name the same.
    :raises OutputError: if a file cannot be written.
    :raises MissingDependencyError: if the library that draws the plots is not installed.
    """
    from depth_anything_ros.evaluation.plots import check_plots

    asked = (args.json, args.csv, args.layers, args.page)
    files = [path for path in asked if isinstance(path, Path)]
    for path in files:
        if files.count(path) > 1:
            raise ConfigError(
                f"'{path}' is asked for twice, of --json, --csv, --layers and --page"
            )
    check_outputs(*files, args.plots / 'plot.png' if args.plots else None)
    if args.plots:
        check_plots()


def _result(
    args: argparse.Namespace,
    groups: list[list[BenchmarkRow]],
    layers: list[LayerRow],
    complete: bool = False,
) -> BenchmarkResult:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.benchmark.rows import BenchmarkResult

    return BenchmarkResult(
        environment={**environment(), **_tf32()},
        threads=args.threads,
        runs=args.runs,
        baseline_runs=args.baseline_runs,
        warmup=args.warmup,
        complete=complete,
        results=[row for rows in groups for row in rows],
        layers=layers,
    )


def _tf32() -> dict[str, bool]:
    """Return whether fp32 products and convolutions of torch may round to 10 bits on a GPU."""
    if find_spec('torch') is None:
        return {}
    import torch

    return {
        'tf32_products': torch.backends.cuda.matmul.allow_tf32,
        'tf32_convolutions': torch.backends.cudnn.allow_tf32,
    }


def _counts(row: BenchmarkRow) -> bool:
    from depth_anything_ros.lab.benchmark.plan import EAGER

    return row.status == 'ok' and row.backend != EAGER


def _describe_layers(
    args: argparse.Namespace, planned: list[list[Target]], layers: list[LayerRow]
) -> None:
    """Run every model once more at every size, and show and write what its layers give."""
    from depth_anything_ros.lab.benchmark.layers import describe_network, fp32_requests
    from depth_anything_ros.lab.benchmark.rows import file_names, rows_table
    from depth_anything_ros.lab.benchmark.tables import layer_lines

    requests = fp32_requests([target for group in planned for target in group])
    try:
        for request in progress(requests, len(requests), 'layers'):
            try:
                layers += describe_network(request)
            except DepthAnythingError as error:
                write_error(f'layers of {request.options.model}: {error}')
    finally:
        names = file_names(row.checkpoint for row in layers)
        layers[:] = [replace(row, file=names[row.checkpoint]) for row in layers]
        write_lines(layer_lines(layers))
        if isinstance(args.layers, Path):
            write_text(args.layers, rows_table(layers).csv())


def _write(args: argparse.Namespace, result: BenchmarkResult) -> None:
    from depth_anything_ros.lab.benchmark.rows import rows_table

    write_json(args.json, result)
    if args.csv:
        write_text(args.csv, rows_table(result.results).csv())


def _draw(folder: Path, result: BenchmarkResult) -> None:
    from depth_anything_ros.lab.benchmark.plots import draw

    for name, picture in draw(result.results, result.layers).items():
        write_bytes(folder / name, picture)
        write_line(f'drawn: {folder / name}')


@contextmanager
def _each_said_once() -> Iterator[None]:
    """Log no message twice: every row loads the weights of its model anew, and says the same."""
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        known = message in said
        said.add(message)
        return not known

    logger = logging.getLogger('depth_anything_ros.models.stored_weights')
    logger.addFilter(is_new)
    try:
        yield
    finally:
        logger.removeFilter(is_new)
