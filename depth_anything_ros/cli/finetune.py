"""The verb `finetune`: teach the decoder of a trained model metres, the encoder frozen."""

from __future__ import annotations

import argparse
import dataclasses
import math
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import write_line, write_warning
from depth_anything_ros.cli.training_options import (
    Plan,
    add_run_options,
    input_size,
    make_augmentation,
    open_source,
    run_training,
    size_argument,
)
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.models import MODELS

if TYPE_CHECKING:
    from torch import Tensor

    from depth_anything_ros.models.estimator import DepthEstimator
    from depth_anything_ros.models.spec import ModelSpec
    from depth_anything_ros.training.data import BatchSource

_LOSSES = ('silog', 'l1')
_LONGEST_EPOCH = 10_000_000
_LEAST_SHARE = 0.01
# What tells one network from another; the rest of a row is about its file.
_NETWORK = (
    'encoder', 'encoder_size', 'decoder', 'patch', 'layers', 'features', 'out_channels', 'mean',
    'std', 'max_depth_m',
)  # fmt: skip

_EPILOG = """examples:
  the set-up of "Depth Anything V2 Mini": NYU Depth V2, 500 images for training, 100 to validate,
  224×224, batches of 4, 10 epochs, the published weights to start from:
    depth_anything_ros finetune --model depth_anything_v2_vits --max-depth 20 \\
      --data nyu_depth_v2:nyu_depth_v2_labeled.mat --out runs/nyu \\
      --validate nyu_depth_v2:nyu_depth_v2_labeled.mat --validation-samples 100
  your own camera, from a metric model and local weights:
    depth_anything_ros finetune --model depth_anything_v2_metric_hypersim_vits \\
      --init metric.pth --data rgbd_folder:/data/mine --out runs/mine

Metres need the camera that was trained with: images are not zoomed, only mirrored, turned a little
and changed in colour. Validation takes the metres as they are. A relative model needs --max-depth;
its last layer then starts anew. 20 m and 80 m have a row in MODELS that the result can be used as.
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
        help='largest depth in metres that can be told; needed for a relative model',
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
        '--loss', choices=_LOSSES, default='silog',
        help="silog: scale-invariant logarithmic, as Depth Anything V2's metric models; l1: "
        'metres (default silog)',
    )  # fmt: skip
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """
    Train the decoder.

    :raises DepthAnythingError: if an option is out of range, or the run cannot go on.
    """
    from depth_anything_ros.training.processes import process_count

    row = MODELS[args.model]
    spec = metric_spec(row, args.max_depth)
    size = input_size(args.size, spec)
    augmentation = make_augmentation(args, spec)
    source = open_source(spec, size, args.batch, args, augmentation)
    if not 0 < len(source) <= _LONGEST_EPOCH:
        raise ConfigError(
            f'{" ".join(args.data)}: an endless world has no epochs; write simulator:SEED:COUNT'
        )
    if args.epochs < 1:
        raise ConfigError(f'--epochs {args.epochs}; allowed: 1 or more')
    estimator, origin = _first_weights(args, row, spec, source)
    settings = {
        'steps': max(1, args.epochs * len(source) // (args.batch * process_count())),
        'learning_rate': args.lr,
        'encoder_lr_factor': args.encoder_lr_factor,
        'keep_encoder_statistics': True,
        'metric_loss': args.loss,
        'max_depth_m': spec.max_depth_m,
    }
    plan = Plan(estimator, origin, source, size, args.batch, augmentation, settings)
    status = run_training(args, plan)
    _say_how_to_use(spec)
    return status


def metric_spec(row: ModelSpec, max_depth_m: float | None) -> ModelSpec:
    """
    Return the row with the largest depth it shall give.

    :raises ConfigError: if a relative model is given no largest depth, or one not above 0.
    """
    if max_depth_m is None:
        if row.max_depth_m is None:
            raise ConfigError(
                f"model '{row.name}' is relative; --max-depth says how far its metres shall reach"
            )
        return row
    if not max_depth_m > 0:
        raise ConfigError(f'--max-depth {max_depth_m:g}; allowed: above 0 m')
    return dataclasses.replace(row, max_depth_m=max_depth_m)


def rows_like(spec: ModelSpec) -> list[str]:
    """Return the names of the rows whose network and output are those of a spec."""
    return [
        name
        for name, row in MODELS.items()
        if all(getattr(row, part) == getattr(spec, part) for part in _NETWORK)
    ]


def _first_weights(
    args: argparse.Namespace, row: ModelSpec, spec: ModelSpec, source: BatchSource
) -> tuple[DepthEstimator, str]:
    """Return the network with the output of `spec`, and words that tell its first weights."""
    from depth_anything_ros.models.checkpoint import load_estimator

    estimator, weights = load_estimator(row.name, checkpoint=args.init)
    estimator.spec = spec
    if row.max_depth_m is None:
        start_anew(estimator, source.batch(0).depth_m)
    return estimator, f'checkpoint with sha256 {weights.sha256}'


def start_anew(estimator: DepthEstimator, depth_m: Tensor) -> None:
    """
    Set the last layer of a model that is to give metres to the median of some true depth.

    What it was trained to, inverse depth, would be metres the wrong way round and saturated.

    :param estimator: its decoder is changed in place.
    :param depth_m: any shape, metres, NaN where unknown.
    :raises DatasetError: if no depth is known.
    """
    import torch
    from torch import nn

    median_m, limit_m = float(depth_m.nanmedian()), estimator.spec.max_depth_m
    if limit_m is None or math.isnan(median_m):
        raise DatasetError('the first images have no known depth to start from')
    share = min(max(median_m / limit_m, _LEAST_SHARE), 1.0 - _LEAST_SHARE)
    *_, last = (part for part in estimator.depth_head.modules() if isinstance(part, nn.Conv2d))
    with torch.no_grad():
        last.weight.zero_()
        if last.bias is not None:
            last.bias.fill_(math.log(share / (1.0 - share)))


def _say_how_to_use(spec: ModelSpec) -> None:
    known = rows_like(spec)
    if known:
        write_line(f'use it as model {known[0]} with this checkpoint')
    else:
        write_warning(
            f"no row of MODELS is '{spec.name}' with metres to {spec.max_depth_m:g} m; add one "
            'to use the weights'
        )
