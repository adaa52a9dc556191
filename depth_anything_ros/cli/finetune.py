"""The verb `finetune`: teach the decoder of a trained model metres, the encoder frozen."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import check_outputs, write_line
from depth_anything_ros.cli.training_options import (
    Plan,
    add_run_options,
    check_held_out,
    check_numbers,
    check_trainable,
    input_size,
    make_augmentation,
    open_source,
    run_training,
    size_argument,
)
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.training.config import METRIC_LOSSES
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.meaning import spec_of_checkpoint
from depth_anything_ros.models.spec import LARGEST_RANGE_M, is_range

if TYPE_CHECKING:
    from depth_anything_ros.lab.training.data import BatchSource
    from depth_anything_ros.models.estimator import DepthEstimator
    from depth_anything_ros.models.spec import ModelSpec

_LONGEST_EPOCH = 10_000_000
_FIRST_IMAGES = 32

_EPILOG = """examples:
  the set-up of "Depth Anything V2 Mini": NYU Depth V2, 500 images for training, 100 to validate,
  224×224, batches of 4, 10 epochs, the published weights to start from:
    depth_anything_ros finetune --model depth_anything_v2_vits --max-depth 20 \\
      --data nyu_depth_v2:nyu_depth_v2_labeled.mat --out runs/nyu \\
      --validate nyu_depth_v2:nyu_depth_v2_labeled.mat --validation-samples 100
  your own camera, from a metric model and local weights:
    depth_anything_ros finetune --model depth_anything_v2_metric_hypersim_vits \\
      --init metric.pth --data rgbd_folder:/data/mine --out runs/mine

Metres need the camera that was trained with: images are neither zoomed nor turned, only mirrored
and changed in colour. Validation takes the metres as they are. A relative model needs --max-depth;
its last layer is then fitted to the first images. DIR/weights.safetensors says how far its metres
reach: with the model it was made from it gives them everywhere, without a source of scale.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument('--model', choices=tuple(MODELS), required=True, metavar='NAME',
                        help=f'one of {", ".join(MODELS)}')  # fmt: skip
    parser.add_argument(
        '--data', action='append', required=True, metavar='WORD',
        help='NAME:PATH or simulator:SEED:COUNT; more than one are taken in turn',
    )  # fmt: skip
    parser.add_argument(
        '--validate', default='', metavar='WORD',
        help='held-out data as NAME:PATH, its test split where it has one (default: none)',
    )  # fmt: skip
    parser.add_argument(
        '--init', default='', metavar='CHECKPOINT',
        help='weights to start from (default: the published ones)',
    )  # fmt: skip
    parser.add_argument(
        '--max-depth', type=float, metavar='M',
        help='largest depth in metres that can be told (default: that of the weights to start '
        'from, which a relative model does not have)',
    )  # fmt: skip
    parser.add_argument('--epochs', type=int, default=10, help='(default 10)')
    parser.add_argument('--batch', type=int, default=4, help='images a step (default 4)')
    parser.add_argument(
        '--size', type=size_argument, default=(224, 224), metavar='HxW',
        help='network input, HEIGHTxWIDTH (default 224x224)',
    )  # fmt: skip
    parser.add_argument('--lr', type=float, default=1e-4, help='peak learning rate (1e-4)')
    parser.add_argument(
        '--encoder-lr-factor', type=float, default=0.0, metavar='X',
        help='learning rate of the encoder over that of the decoder (default 0: frozen)',
    )  # fmt: skip
    parser.add_argument(
        '--loss', choices=METRIC_LOSSES, default='silog',
        help="silog: scale-invariant logarithmic, as Depth Anything V2's metric models; l1: "
        'metres (default silog)',
    )  # fmt: skip
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """
    Train the decoder.

    :raises DepthAnythingError: if an option is out of range, or the run cannot go on.
    """
    from depth_anything_ros.lab.training.outcome import WEIGHTS
    from depth_anything_ros.lab.training.processes import process_count

    check_numbers(args)
    check_held_out(args.data, args.validate)
    check_outputs(args.out / WEIGHTS)
    first = spec_of_checkpoint(MODELS[args.model], args.init)
    check_trainable(first)
    spec = metric_spec(first, args.max_depth)
    size = input_size(args.size, spec)
    augmentation = make_augmentation(args, spec)
    source = open_source(spec, size, args.batch, args, augmentation)
    if not 0 < len(source) <= _LONGEST_EPOCH:
        raise ConfigError(
            f'{" ".join(args.data)}: an endless world has no epochs; write simulator:SEED:COUNT'
        )
    if args.epochs < 1:
        raise ConfigError(f'--epochs {args.epochs}; allowed: 1 or more')
    estimator, origin = _first_weights(args, spec, source)
    settings = {
        'steps': max(1, args.epochs * len(source) // (args.batch * process_count())),
        'learning_rate': args.lr,
        'encoder_lr_factor': args.encoder_lr_factor,
        'keep_encoder_statistics': True,
        'metric_loss': args.loss,
        'far_m': spec.max_depth_m,
        'max_depth_m': spec.max_depth_m,
    }
    plan = Plan(estimator, origin, source, size, args.batch, augmentation, settings)
    status = run_training(args, plan)
    write_line(f"use it as model '{spec.name}' with this checkpoint: it gives {spec.output}")
    return status


def metric_spec(first: ModelSpec, max_depth_m: float | None) -> ModelSpec:
    """
    Return what the model shall become: the same network with metres to a largest depth.

    :param first: the model with the output of the weights to start from.
    :param max_depth_m: the largest depth, None to keep it.
    :raises ConfigError: if a relative model is given none, or one that no checkpoint may have.
    """
    if max_depth_m is None:
        if first.max_depth_m is None:
            raise ConfigError(
                f"model '{first.name}' is relative; --max-depth says how far its metres shall "
                'reach'
            )
        return first
    if not is_range(max_depth_m):
        raise ConfigError(
            f'--max-depth {max_depth_m:g}; allowed: above 0 m, to {LARGEST_RANGE_M:g} m'
        )
    return dataclasses.replace(first, max_depth_m=max_depth_m)


def _first_weights(
    args: argparse.Namespace, spec: ModelSpec, source: BatchSource
) -> tuple[DepthEstimator, str]:
    """Return the network with the output of `spec`, and words that tell its first weights."""
    from depth_anything_ros.lab.training.metric_head import fit_to_metres
    from depth_anything_ros.models.checkpoint import load_estimator, require_floats

    estimator, weights = load_estimator(spec.name, checkpoint=args.init)
    require_floats(weights)
    estimator.spec = spec
    limit_m = spec.max_depth_m
    if weights.spec.max_depth_m != limit_m and limit_m is not None and not args.resume:
        count = -(-_FIRST_IMAGES // args.batch)
        fit_to_metres(estimator, limit_m, (source.batch(step) for step in range(count)))
    return estimator, f'checkpoint with sha256 {weights.sha256}'
