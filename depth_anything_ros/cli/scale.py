"""
The verb `scale`: measure the scale sources on simulated drives with exact truth.

Depth errors are those that scale and shift cause, the median over the pixels of a frame;
`scale` is the relative error of the scale alone; times are those of one core for taking the
reference, fitting and filtering at 640×480. With `--model` the predictions are those of a
network: `abs_rel` is what a robot gets with each source, `best` what scale and shift fitted to
the exact depth of each frame would give, both means over the frames that had a scale from that
source, so that `best` differs a little between sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from depth_anything_ros.cli.console import (
    add_json_argument,
    progress,
    write_json,
    write_line,
    write_table,
)
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.table import Table

if TYPE_CHECKING:
    from depth_anything_ros.lab.trials.model_trial import ModelTrial
    from depth_anything_ros.lab.trials.scale_trial import Trial

_HEIGHTS_M = (0.115, 0.149)
_NOISE = 0.03
_MODEL_COLUMNS = ['source', 'height', 'abs_rel', 'best', 'ratio', 'without', 'refused']
_COLUMNS = ['source', 'height', 'depth p50', 'depth max', 'scale p50', 'refused', 'ms p50', 'p95']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument(
        '--drives', type=int, default=4, help='how many rooms are driven through (default: 4)'
    )
    parser.add_argument(
        '--frames', type=int, default=20, help='frames of each drive at 10 Hz (default: 20)'
    )
    parser.add_argument(
        '--noise', type=float,
        help=f'noise of the prediction as a share of inverse depth (default: {_NOISE}); not with '
        '--model, whose errors are its own',
    )  # fmt: skip
    parser.add_argument(
        '--height', type=float, action='append', metavar='METRES',
        help='height of the camera, may be given more than once (default: 0.115 and 0.149)',
    )  # fmt: skip
    parser.add_argument(
        '--first-drive', type=int, default=0, metavar='SEED',
        help='room of the first drive; the others follow (default: 0)',
    )  # fmt: skip
    parser.add_argument(
        '--model', choices=MODELS, metavar='NAME',
        help='take the predictions of this network, and score its depth against the exact one',
    )  # fmt: skip
    parser.add_argument('--checkpoint', help='local file of the weights of --model')
    parser.add_argument('--backend', choices=('auto', *BACKENDS), help='that runs --model')
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Try every source on every drive, show a table and write the answer.

    :raises DatasetError: if there are less than one frame, or a seed is negative.
    :raises ConfigError: if a height is out of range, the model gives metres, or an option has no
        meaning beside the others.
    :raises CheckpointError: if the weights of the model cannot be had.
    """
    _check_combination(args)
    seeds = range(args.first_drive, args.first_drive + args.drives)
    pairs = [(seed, height) for height in args.height or _HEIGHTS_M for seed in seeds]
    return _run_model(args, pairs) if args.model else _run_sources(args, pairs)


def _check_combination(args: argparse.Namespace) -> None:
    if args.model and args.noise is not None:
        raise ConfigError(f'--noise {args.noise:g} has no meaning with --model {args.model}')
    for option in ('checkpoint', 'backend'):
        value = getattr(args, option)
        if value is not None and not args.model:
            raise ConfigError(f'--{option} {value} has no meaning without --model')


def _run_sources(args: argparse.Namespace, pairs: Sequence[tuple[int, float]]) -> int:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.trials.scale_trial import try_sources

    noise = _NOISE if args.noise is None else args.noise
    trials: dict[tuple[str, float], list[Trial]] = {}
    for seed, height_m in progress(pairs, len(pairs), 'drives'):
        for trial in try_sources(seed, height_m, args.frames, noise=noise):
            trials.setdefault((trial.name, height_m), []).append(trial)
    results = [summary(group) for group in trials.values()]
    write_table(Table(_COLUMNS, [_row(result) for result in results]))
    write_line(f'{args.drives} drives of {args.frames} frames, noise {noise:g}')
    write_json(
        args.json,
        {
            'environment': environment(),
            'drives': args.drives,
            'first_drive': args.first_drive,
            'frames': args.frames,
            'noise': noise,
            'results': results,
        },
    )
    return 0


def _run_model(args: argparse.Namespace, pairs: Sequence[tuple[int, float]]) -> int:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.inference.predictor import create_predictor
    from depth_anything_ros.lab.trials.model_trial import try_model

    options = NetworkOptions(
        args.model, checkpoint=args.checkpoint or '', backend=args.backend or 'auto'
    )
    predictor = create_predictor(options)
    trials: dict[tuple[str, float], list[ModelTrial]] = {}
    for seed, height_m in progress(pairs, len(pairs), 'drives'):
        for trial in try_model(predictor, seed, height_m, args.frames):
            trials.setdefault((trial.name, height_m), []).append(trial)
    results = [model_summary(group) for group in trials.values()]
    write_table(Table(_MODEL_COLUMNS, [_model_row(result) for result in results]))
    write_line(f'{args.drives} drives of {args.frames} frames, {args.model}')
    write_json(
        args.json,
        {
            'environment': environment(),
            'model': asdict(predictor.identity),
            'drives': args.drives,
            'first_drive': args.first_drive,
            'frames': args.frames,
            'results': results,
        },
    )
    return 0


def model_summary(trials: Sequence[ModelTrial]) -> dict[str, Any]:
    """Return the figures of a network with one source at one height over all its drives."""
    import numpy as np

    found = [value for trial in trials for value in trial.abs_rel]
    best = [value for trial in trials for value in trial.best_abs_rel]
    online, optimum = (float(np.mean(values)) if values else None for values in (found, best))
    return {
        'source': trials[0].name,
        'height_m': trials[0].height_m,
        'abs_rel': online,
        'best_abs_rel': optimum,
        'ratio': online / optimum if online and optimum else None,
        'frames': sum(trial.frames for trial in trials),
        'without_scale': sum(trial.frames for trial in trials) - len(found),
        'refused': sum(len(trial.refusals) for trial in trials),
    }


def _model_row(result: dict[str, Any]) -> list[str]:
    return [
        result['source'],
        f'{result["height_m"]:.3f}',
        *(
            '' if result[key] is None else f'{result[key]:.{digits}f}'
            for key, digits in (('abs_rel', 4), ('best_abs_rel', 4), ('ratio', 2))
        ),
        str(result['without_scale']),
        str(result['refused']),
    ]


def summary(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the figures of one source at one height over all its drives."""
    import numpy as np

    from depth_anything_ros.lab.benchmark.timing import statistics

    depth = [error for trial in trials for error in trial.depth_errors]
    scale = [error for trial in trials for error in trial.scale_errors]
    timing = statistics([duration for trial in trials for duration in trial.durations_ms])
    return {
        'source': trials[0].name,
        'height_m': trials[0].height_m,
        'depth_error_p50': float(np.median(depth)) if depth else None,
        'depth_error_max': max(depth) if depth else None,
        'scale_error_p50': float(np.median(scale)) if scale else None,
        'refused': sum(len(trial.refusals) for trial in trials),
        'p50_ms': timing.p50_ms,
        'p95_ms': timing.p95_ms,
    }


def _row(result: dict[str, Any]) -> list[str]:
    shares = [
        '' if result[key] is None else f'{result[key]:.2%}'
        for key in ('depth_error_p50', 'depth_error_max', 'scale_error_p50')
    ]
    return [
        result['source'],
        f'{result["height_m"]:.3f}',
        *shares,
        str(result['refused']),
        f'{result["p50_ms"]:.2f}',
        f'{result["p95_ms"]:.2f}',
    ]
