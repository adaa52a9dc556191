"""
The verb `scale`: measure the scale sources on simulated drives with exact truth.

Depth errors are those that scale and shift cause, the median over the pixels of a frame;
`scale` is the relative error of the scale alone; times are those of one core for taking the
reference, fitting and filtering at 640×480. With `--model` the predictions are those of a
network: `abs_rel` is what a robot gets with each source, `best` what scale and shift fitted to
the exact depth of each frame would give, both means over the frames that had a scale from that
source, so that `best` differs a little between sources. `field` is `abs_rel` with the local scale
field (`scale_field:=true`), `of it` its share of `abs_rel` with the 95 % bootstrap interval over
drives, and `worst` that of the drive where it did worst. Pixels that gave a frame's own reference
are not scored.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.drive_options import add_drive_arguments, drive_seeds
from depth_anything_ros.cli.predictor_options import create_relative_predictor
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.network_folder import is_network_folder
from depth_anything_ros.table import Table, number
from depth_anything_ros.types import ConfidenceSource, OutputKind

if TYPE_CHECKING:
    from depth_anything_ros.lab.trials.model_trial import ModelTrial
    from depth_anything_ros.lab.trials.results import ModelResult, SourceResult
    from depth_anything_ros.lab.trials.scale_trial import Trial

_HEIGHTS_M = (0.115, 0.149)
_NOISE = 0.03
_REASONS = 3
_MODEL_COLUMNS = [
    'source', 'height', 'abs_rel', 'best', 'ratio', 'field', 'of it', '95 %', 'worst', 'without',
    'refused',
]  # fmt: skip
_COLUMNS = ['source', 'height', 'depth p50', 'depth max', 'scale p50', 'refused', 'ms p50', 'p95']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    add_drive_arguments(parser, 4, 20, 'at 10 Hz', alone=True)
    parser.add_argument(
        '--noise', type=float,
        help=f'noise of the prediction as a share of depth (default: {_NOISE}); not with '
        '--model, whose errors are its own',
    )  # fmt: skip
    parser.add_argument(
        '--kind', choices=[kind.value for kind in OutputKind if kind.is_relative],
        help='what the predictions lack: scale and shift of inverse depth (default), its scale '
        'alone, as of Depth Anything 3, or scale and shift of depth; not with --model',
    )  # fmt: skip
    parser.add_argument(
        '--height', type=float, action='append', metavar='METRES',
        help='height of the camera, may be given more than once (default: 0.115 and 0.149)',
    )  # fmt: skip
    parser.add_argument(
        '--model', choices=MODELS, metavar='NAME',
        help='take the predictions of this network, and score its depth against the exact one',
    )  # fmt: skip
    parser.add_argument(
        '--checkpoint',
        help='local file of the weights of --model, or a folder with a network of your own, which '
        'needs no --model',
    )
    parser.add_argument('--backend', choices=('auto', *BACKENDS), help='that runs --model')
    parser.add_argument(
        '--points', type=int, action='append', metavar='N', default=[],
        help='try depth images of N random pixels as well, as from a sensor of so many points; '
        'with --model, may be given more than once',
    )  # fmt: skip
    parser.add_argument(
        '--motion', action='store_true',
        help='try the source motion instead, with odometry right and wrong, standing, and turning '
        'on the spot; 100 frames are 3 metres; with --model',
    )  # fmt: skip
    parser.add_argument(
        '--by-confidence', choices=[source.value for source in ConfidenceSource],
        help='let points count by how sure the network of --model is of them, as '
        'align_by_confidence does: by what it tells itself, or by the mirrored image',
    )  # fmt: skip
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Try every source on every drive, show a table and write the answer.

    :return: 0, or 1 if no frame of a network had a scale that could be scored.
    :raises DatasetError: if a room has no way to drive.
    :raises ConfigError: if a height is out of range, the model gives metres, or an option has no
        meaning beside the others.
    :raises CheckpointError: if the weights of the model cannot be had.
    """
    _check_combination(args)
    pairs = [(seed, height) for height in args.height or _HEIGHTS_M for seed in drive_seeds(args)]
    return _run_model(args, pairs) if _network_name(args) else _run_sources(args, pairs)


def _network_name(args: argparse.Namespace) -> str:
    """Return the model, or the folder that takes its place, '' where neither is asked for."""
    checkpoint = args.checkpoint or ''
    return checkpoint if is_network_folder(checkpoint) else args.model or ''


def _check_combination(args: argparse.Namespace) -> None:
    name = _network_name(args)
    if name and args.noise is not None:
        raise ConfigError(f'--noise {args.noise:g} has no meaning with --model {name}')
    if name and args.kind:
        raise ConfigError(f'--kind {args.kind} has no meaning with --model {name}')
    for option in ('checkpoint', 'backend'):
        value = getattr(args, option)
        if value is not None and not name:
            raise ConfigError(f'--{option} {value} has no meaning without --model')
    if args.by_confidence and not name:
        raise ConfigError(f'--by-confidence {args.by_confidence} has no meaning without --model')
    if args.motion and not name:
        raise ConfigError('--motion has no meaning without --model')
    if args.motion and args.points:
        raise ConfigError(f'--points {args.points[0]} has no meaning with --motion')
    for count in args.points:
        if not name:
            raise ConfigError(f'--points {count} has no meaning without --model')
        if count < 1:
            raise ConfigError(f'--points {count} is out of range; allowed: 1 and more')


def _run_sources(args: argparse.Namespace, pairs: Sequence[tuple[int, float]]) -> int:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.trials.results import SourceResult
    from depth_anything_ros.lab.trials.scale_trial import try_sources

    noise = _NOISE if args.noise is None else args.noise
    kind = OutputKind(args.kind) if args.kind else OutputKind.RELATIVE_INVERSE_DEPTH
    trials: dict[tuple[str, float], list[Trial]] = {}
    for seed, height_m in progress(pairs, len(pairs), 'drives'):
        for trial in try_sources(seed, height_m, args.frames, noise=noise, kind=kind):
            trials.setdefault((trial.name, height_m), []).append(trial)
    results = [SourceResult.of(group) for group in trials.values()]
    write_table(Table(_COLUMNS, [_row(result) for result in results]))
    write_line(f'{args.drives} drives of {args.frames} frames, noise {noise:g}, {kind.value}')
    write_json(
        args.json,
        {
            'environment': environment(),
            'drives': args.drives,
            'first_drive': args.first_drive,
            'frames': args.frames,
            'noise': noise,
            'kind': kind.value,
            'results': results,
        },
    )
    return 0


def _run_model(args: argparse.Namespace, pairs: Sequence[tuple[int, float]]) -> int:
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.trials.model_trial import try_model
    from depth_anything_ros.lab.trials.motion_trial import try_motion
    from depth_anything_ros.lab.trials.results import ModelResult

    options = NetworkOptions(
        args.model or '', checkpoint=args.checkpoint or '', backend=args.backend or 'auto'
    )
    predictor = create_relative_predictor(options)
    sure = ConfidenceSource(args.by_confidence) if args.by_confidence else None
    if sure is ConfidenceSource.MODEL and not predictor.spec.confidence:
        raise ConfigError(
            f"--by-confidence model: model '{predictor.spec.name}' does not tell how sure it is; "
            'take --by-confidence flip, which any model can, or a model that tells, as '
            'depth_anything_3_small'
        )
    trials: dict[tuple[str, float], list[ModelTrial]] = {}
    for seed, height_m in progress(pairs, len(pairs), 'drives'):
        if args.motion:
            found = try_motion(predictor, seed, height_m, args.frames, by_confidence=sure)
        else:
            found = try_model(
                predictor, seed, height_m, args.frames, scattered=args.points, by_confidence=sure
            )
        for trial in found:
            trials.setdefault((trial.name, height_m), []).append(trial)
    results = [ModelResult.of(group) for group in trials.values()]
    write_table(Table(_MODEL_COLUMNS, [_model_row(result) for result in results]))
    write_line(f'{args.drives} drives of {args.frames} frames, {_network_name(args)}')
    _tell_refusals(trial for group in trials.values() for trial in group)
    write_json(
        args.json,
        {
            'environment': environment(),
            'model': predictor.identity,
            'drives': args.drives,
            'first_drive': args.first_drive,
            'frames': args.frames,
            'points': args.points,
            'by_confidence': args.by_confidence,
            'results': results,
        },
    )
    if any(result.abs_rel is not None for result in results):
        return 0
    write_warning(
        'no frame has depth in metres to be scored: the sources gave no scale, or what the '
        'network gives fits the true depth of no frame'
    )
    return 1


def _tell_refusals(trials: Iterable[ModelTrial]) -> None:
    """Tell why frames had no fit of their own, the most frequent reasons once each."""
    from depth_anything_ros.stream.kinds import Kinds

    reasons = Kinds()
    for trial in trials:
        for reason in trial.refusals:
            reasons.add(f'{trial.name}: {reason}')
    for reason, count in reasons.counts.most_common(_REASONS):
        write_warning(f'{reason} ({count} frames)')


def _model_row(result: ModelResult) -> list[str]:
    interval = result.field_interval
    return [
        result.source,
        f'{result.height_m:.3f}',
        number(result.abs_rel, '.4f', ''),
        number(result.best_abs_rel, '.4f', ''),
        number(result.ratio, '.2f', ''),
        number(result.field_abs_rel, '.4f', ''),
        number(result.field_ratio, '.3f', ''),
        f'{interval[0]:.3f}-{interval[1]:.3f}' if interval else '',
        number(result.field_worst, '.3f', ''),
        str(result.without_scale),
        str(result.refused),
    ]


def _row(result: SourceResult) -> list[str]:
    return [
        result.source,
        f'{result.height_m:.3f}',
        number(result.depth_error_p50, '.2%', ''),
        number(result.depth_error_max, '.2%', ''),
        number(result.scale_error_p50, '.2%', ''),
        str(result.refused),
        number(result.p50_ms, '.2f', ''),
        number(result.p95_ms, '.2f', ''),
    ]
