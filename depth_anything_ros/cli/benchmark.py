"""
The verb `benchmark`: time models, sizes, backends and precisions against eager PyTorch.

Only the network is timed, on one image; pre- and post-processing are not. The baseline is the
network as the public code writes it (plain softmax attention) in torch fp32. All contenders of
one model and size take turns in one run, with the same number of threads. `gflop` counts the
operations of the network as written (two for a multiplication with addition);
`share_of_peak` is the rate they are done at over the best that a library reaches here, left out
where layers multiply integers.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from depth_anything_ros.cli.console import (
    add_json_argument,
    progress,
    write_json,
    write_line,
    write_table,
)
from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.models import MODELS
from depth_anything_ros.types import Precision

if TYPE_CHECKING:
    from depth_anything_ros.inference.timing import Timing
    from depth_anything_ros.models.estimator import DepthEstimator
    from depth_anything_ros.types import Float32Array

_IMAGE_SIZE = (480, 640)
_PRECISIONS = [item.value for item in Precision]
_COLUMNS = {
    'load_s': ('load s', '.2f'),
    'first_frame_ms': ('first ms', '.1f'),
    'mean_ms': ('mean ms', '.1f'),
    'p50_ms': ('p50', '.1f'),
    'p95_ms': ('p95', '.1f'),
    'p99_ms': ('p99', '.1f'),
    'max_ms': ('max', '.1f'),
    'fps': ('fps', '.2f'),
    'speedup': ('speedup', '.2f'),
    'gflop_per_s': ('GFLOP/s', '.0f'),
    'share_of_peak': ('of peak', '.0%'),
    'max_error': ('max error', '.1e'),
}


@dataclass
class Candidate:
    """
    Hold one combination that is timed: what runs it, what is known of it, its last output.

    `record` is its entry in the JSON answer; `output` is float32 (h, w).
    """

    record: dict[str, Any]
    run: Callable[[], Float32Array]
    output: Float32Array


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb; those in the plural take lists separated by commas."""
    parser.add_argument(
        '--model', type=_list_of(MODELS), default=['depth_anything_v2_vits'], metavar='NAMES',
        help='models to time (default: depth_anything_v2_vits)',
    )  # fmt: skip
    parser.add_argument('--checkpoint', default='', help='local weights, for a single model')
    parser.add_argument(
        '--compressed', action='append', default=[], metavar='FILE',
        help='packed checkpoint of that model to time beside it, see the verb compress; may be '
        'given more than once',
    )  # fmt: skip
    parser.add_argument(
        '--weights', choices=('pretrained', 'random'), default='pretrained',
        help='random weights take no download and cost the same time',
    )  # fmt: skip
    parser.add_argument(
        '--input-size', type=_input_sizes, default=[0], metavar='SIZES',
        help='network inputs, each HEIGHTxWIDTH or the shorter side for a 640x480 image '
        '(default: 0, what the model was trained at)',
    )  # fmt: skip
    parser.add_argument(
        '--backend', type=_list_of(BACKENDS), default=list(BACKENDS), metavar='NAMES',
        help=f'backends to time (default: {",".join(BACKENDS)})',
    )  # fmt: skip
    parser.add_argument(
        '--precision', type=_list_of(_PRECISIONS), default=['fp32', 'bf16'], metavar='NAMES',
        help=f'of {", ".join(_PRECISIONS)} (default: fp32,bf16)',
    )  # fmt: skip
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--runs', type=_positive, default=50, help='timed runs of each combination (default: 50)'
    )
    parser.add_argument(
        '--baseline-runs', type=_positive,
        help='timed runs of the slow baseline, spread evenly over the others (default: a fifth '
        'of --runs, at least 10)',
    )  # fmt: skip
    parser.add_argument(
        '--warmup', type=_positive, default=3, help='untimed runs of each first (default: 3)'
    )
    parser.add_argument(
        '--threads', type=_positive, help="CPU threads of all (default: torch's own choice)"
    )
    parser.add_argument('--cache-dir', default='', help='folder for exported networks')
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Time every combination, show tables and write the answer.

    :return: 0, or 1 if no combination could run.
    :raises CheckpointError: if the weights cannot be had.
    """
    import torch

    from depth_anything_ros.evaluation.environment import environment

    args.threads = args.threads or torch.get_num_threads()
    args.baseline_runs = args.baseline_runs or max(10, args.runs // 5)
    torch.set_num_threads(args.threads)
    results = [
        record
        for model in args.model
        for size in args.input_size
        for record in time_combinations(args, model, size)
    ]
    write_json(
        args.json,
        {
            'environment': environment(),
            'threads': args.threads,
            'runs': args.runs,
            'baseline_runs': args.baseline_runs,
            'warmup': args.warmup,
            'results': results,
        },
    )
    done = [record for record in results if record['status'] == 'ok' and not record['baseline']]
    return 0 if done else 1


def time_combinations(
    args: argparse.Namespace, model: str, input_size: int | tuple[int, int]
) -> list[dict[str, Any]]:
    """
    Time the baseline and every backend and precision for one model and size, and show a table.

    :param args: the options of the verb, with `threads` and `baseline_runs` filled in.
    :param input_size: the network's (height, width), or its shorter side for a 640x480 image;
        0 is the model's own.
    :return: one record a combination, the baseline first; `status` is 'ok' or 'failed'.
    """
    from depth_anything_ros.inference.preprocess import network_size
    from depth_anything_ros.inference.timing import Contender, measure_interleaved

    if isinstance(input_size, int):
        spec = MODELS[model]
        input_size = network_size(*_IMAGE_SIZE, input_size or spec.input_size, spec.patch)
    pixels = _example_input(model, input_size)
    baseline = _baseline(args, model, pixels)
    combinations = [
        (checkpoint, name, precision)
        for checkpoint in (args.checkpoint, *args.compressed)
        for name in args.backend
        for precision in args.precision
    ]
    loaded = [
        _load(args, baseline.record, pixels, *combination)
        for combination in progress(combinations, len(combinations), 'loading')
    ]
    candidates = [baseline, *(item for item in loaded if isinstance(item, Candidate))]
    contenders = [
        Contender(
            candidate.record['backend'],
            candidate.run,
            args.baseline_runs if candidate is baseline else args.runs,
        )
        for candidate in candidates
    ]
    timings = measure_interleaved(contenders, args.warmup, progress=_show_progress)
    for candidate, timing in zip(candidates, timings, strict=True):
        _complete(candidate, timing, baseline)
    records = [baseline.record]
    records += [item.record if isinstance(item, Candidate) else item for item in loaded]
    _show(records)
    return records


def _show_progress(turns: list[int]) -> Iterable[int]:
    return progress(turns, len(turns), 'timing')


def _baseline(args: argparse.Namespace, model: str, pixels: Float32Array) -> Candidate:
    import torch

    from depth_anything_ros.models.checkpoint import load_estimator

    start_s = time.perf_counter()
    estimator, weights = load_estimator(model, args.checkpoint, args.weights, attention='eager')
    load_s = time.perf_counter() - start_s
    gflop = _gflop(estimator, pixels)
    tensor = torch.from_numpy(pixels)

    def infer() -> Float32Array:
        with torch.inference_mode():
            values: Float32Array = estimator(tensor)[0].numpy()
        return values

    record = {
        'baseline': True,
        'model': model,
        'weights': weights.origin,
        'checkpoint': args.checkpoint,
        'recipe': weights.recipe,
        'sha256': weights.sha256,
        'input_size': list(pixels.shape[2:]),
        'backend': 'torch eager',
        'precision': 'fp32',
        'device': 'cpu',
        'threads': args.threads,
        'gflop': gflop,
        'integers': bool(estimator.inputs),
        'load_s': load_s,
    }
    return _first_frame(record, infer)


def _load(
    args: argparse.Namespace,
    baseline: dict[str, Any],
    pixels: Float32Array,
    checkpoint: str,
    backend: str,
    precision: str,
) -> Candidate | dict[str, Any]:
    """Return a combination ready to be timed, or the record that says why it cannot run."""
    from depth_anything_ros.inference import create_predictor
    from depth_anything_ros.types import ModelInput

    record = {**baseline, 'baseline': False, 'backend': backend, 'precision': precision}
    record.update(device=args.device, load_s=None, first_frame_ms=None, checkpoint=checkpoint)
    if checkpoint != args.checkpoint:
        record.update(dict.fromkeys(('weights', 'recipe', 'sha256', 'gflop', 'integers')))
    height, width = pixels.shape[2:]
    try:
        start_s = time.perf_counter()
        predictor = create_predictor(
            record['model'],
            checkpoint=checkpoint,
            weights='pretrained' if checkpoint else args.weights,
            backend=backend,
            precision=precision,
            device=args.device,
            input_size=(height, width),
            threads=args.threads,
            cache_dir=args.cache_dir,
        )
        predictor.build((height, width))
        record.update(load_s=time.perf_counter() - start_s, device=predictor.selection.device)
        identity = predictor.identity
        record.update(recipe=predictor.recipe, sha256=identity.sha256, weights=identity.weights)
        record.update(
            gflop=_gflop(predictor.estimator, pixels), integers=bool(predictor.estimator.inputs)
        )
        model_input = ModelInput(pixels, (height, width))
        return _first_frame(record, lambda: predictor.infer(model_input))
    except DepthAnythingError as error:
        return {**record, 'status': 'failed', 'reason': str(error)}


def _first_frame(record: dict[str, Any], infer: Callable[[], Float32Array]) -> Candidate:
    start_s = time.perf_counter()
    output = infer()
    record['first_frame_ms'] = (time.perf_counter() - start_s) * 1e3
    return Candidate(record, infer, output)


def _complete(candidate: Candidate, timing: Timing, baseline: Candidate) -> None:
    """Add times, rates and errors to a record; the baseline has to come first."""
    from depth_anything_ros.inference.peak import peak_gflop_per_s
    from depth_anything_ros.inference.timing import statistics

    record = candidate.record
    if timing.failure:
        record.update(status='failed', reason=timing.failure)
        return
    record.update(status='ok', runs=len(timing.durations_ms), **statistics(timing.durations_ms))
    record['speedup'] = baseline.record['p50_ms'] / record['p50_ms']
    record['gflop_per_s'] = record['gflop'] / record['p50_ms'] * 1e3
    record.update(peak_gflop_per_s=None, share_of_peak=None)
    if not record['integers']:
        peak = peak_gflop_per_s(Precision(record['precision']), record['device'])
        record.update(peak_gflop_per_s=peak, share_of_peak=record['gflop_per_s'] / peak)
    record.update(_errors(candidate.output, baseline.output))


def _gflop(estimator: DepthEstimator, pixels: Float32Array) -> float:
    """Return the operations of one image in 10⁹, two for a multiplication with addition."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from depth_anything_ros.models.checkpoint import build_estimator

    # On the meta device shapes are computed and values are not; rounding is no operation there.
    shapes = {name: values.to('meta') for name, values in estimator.state_dict().items()}
    network = build_estimator(estimator.spec, shapes, {}, attention='eager')
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(pixels.shape, device='meta'))
    return float(counter.get_total_flops()) * 1e-9


def _errors(output: Float32Array, reference: Float32Array) -> dict[str, float | None]:
    """Return the largest and the mean error over the reference's range; None without a range."""
    span = float(reference.max() - reference.min())
    if not (span > 0 and math.isfinite(span)):
        return {'max_error': None, 'mean_error': None}
    difference = abs(output - reference)
    return {
        'max_error': float(difference.max()) / span,
        'mean_error': float(difference.mean()) / span,
    }


def _example_input(model: str, size: tuple[int, int]) -> Float32Array:
    """Return network input (1, 3, h, w) of a smooth, colourful, always equal image."""
    import cv2
    import numpy as np

    from depth_anything_ros.inference.preprocess import Preprocessor

    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    rgb = cv2.resize(coarse, _IMAGE_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return Preprocessor(MODELS[model], size)(np.asarray(rgb, np.uint8)).pixels


def _show(records: list[dict[str, Any]]) -> None:
    first = records[0]
    height, width = first['input_size']
    write_line(
        f'{first["model"]}, {first["weights"]} weights, input {height}x{width} (height x width), '
        f'{first["threads"]} threads; p50 over {first["runs"]} runs of the baseline'
    )
    rows = [
        [record['backend'], record['precision'], record['device'], record['recipe'] or '-']
        + [_cell(record[key], form) for key, (_, form) in _COLUMNS.items()]
        for record in records
        if record['status'] == 'ok'
    ]
    headings = [heading for heading, _ in _COLUMNS.values()]
    write_table(['backend', 'precision', 'device', 'recipe', *headings], rows)
    for record in records:
        if record['status'] == 'failed':
            name = ' '.join((record['backend'], record['precision'], record['checkpoint']))
            write_line(f'{name.rstrip()}: {record["reason"]}')
    write_line()


def _cell(value: float | None, form: str) -> str:
    return '-' if value is None else format(value, form)


def _list_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(',')
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"unknown name '{name}'; known: {', '.join(known)}"
                )
        return names

    return parse


def _input_sizes(text: str) -> list[int | tuple[int, int]]:
    sizes: list[int | tuple[int, int]] = []
    for item in text.split(','):
        sides = item.split('x')
        if len(sides) > 2 or not all(side.isdigit() for side in sides):
            raise argparse.ArgumentTypeError(
                f"'{item}' is no input size; examples: 518, 518x686 (height x width)"
            )
        numbers = [int(side) for side in sides]
        sizes.append((numbers[0], numbers[1]) if len(numbers) == 2 else numbers[0])
    return sizes


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
    return int(text)
