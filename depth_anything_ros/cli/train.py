"""The verb `train`: teach a model depth from the simulated world or from data sets."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import check_outputs
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
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.meaning import spec_of_checkpoint

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

_RANDOM = 'random weights'
_EPILOG = """examples:
  the simulated world, endless and on the fly; the model `tiny` with an ImageNet encoder:
    depth_anything_ros train --model tiny --encoder-weights imagenet --encoder-lr-factor 0.1 \\
      --data simulator:0 --steps 20000 --batch 16 --out runs/tiny
  what was stopped or killed goes on as if it had not been:
    depth_anything_ros train (the same options) --resume
  data sets, two in turn, the encoder frozen, as AnyDepth does:
    depth_anything_ros train --model depth_anything_v2_vits --init vits.pth --freeze-encoder \\
      --data hypersim:/data/hypersim --data vkitti2:/data/vkitti2 --out runs/vits
  all GPUs of a machine (--batch is for each):
    torchrun --nproc-per-node gpu -m depth_anything_ros.cli.main train … --precision bf16

A relative model learns inverse depth up to scale and shift (scale- and shift-invariant loss and
gradient matching, 1 : 2), a metric one learns metres. DIR/weights.safetensors holds the running
average of the weights; use it with checkpoint:=FILE or --checkpoint FILE.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument('--model', choices=tuple(MODELS), required=True, metavar='NAME',
                        help=f'one of {", ".join(MODELS)}')  # fmt: skip
    parser.add_argument(
        '--data', action='append', metavar='WORD',
        help='simulator:SEED, or a data set NAME:PATH; more than one are taken in turn '
        '(default simulator:0)',
    )  # fmt: skip
    parser.add_argument(
        '--validate', default='simulator:1000000:64', metavar='WORD',
        help="held-out data as NAME:PATH or simulator:SEED:COUNT, '' for none "
        '(default simulator:1000000:64)',
    )  # fmt: skip
    parser.add_argument(
        '--steps', type=int, default=10000, help='of the whole run and its schedule (10000)'
    )
    parser.add_argument('--batch', type=int, default=16, help='images a step (default 16)')
    parser.add_argument(
        '--size', type=size_argument, metavar='HxW',
        help="network input, HEIGHTxWIDTH (default: 3:4 at the model's own size)",
    )  # fmt: skip
    parser.add_argument('--lr', type=float, default=1e-3, help='peak learning rate (1e-3)')
    parser.add_argument(
        '--encoder-lr-factor', type=float, default=1.0, metavar='X',
        help='learning rate of the encoder over that of the decoder (default 1)',
    )  # fmt: skip
    parser.add_argument(
        '--freeze-encoder', action='store_true', help='the same as --encoder-lr-factor 0'
    )
    parser.add_argument(
        '--frozen-blocks', type=int, default=0, metavar='N',
        help='keep the first N blocks of the encoder, and what comes before them, as they are: '
        'most of the time goes there, and they change least (default 0: train all)',
    )  # fmt: skip
    first = parser.add_mutually_exclusive_group()
    first.add_argument(
        '--encoder-weights', default='none', metavar='imagenet|hub|FILE|none',
        help='first weights of the encoder; hub: those of DINOv3, or of the published model that '
        'has it: Depth Anything V2 or 3, VGGT (default none: random)',
    )  # fmt: skip
    first.add_argument(
        '--init', default='', metavar='CHECKPOINT', help='first weights of the whole model'
    )
    parser.add_argument(
        '--update-encoder-statistics', action='store_true',
        help='let batch norms of an encoder with given weights follow the new data '
        '(default: they are kept)',
    )  # fmt: skip
    parser.add_argument(
        '--warmup', type=float, default=0.05, metavar='SHARE',
        help='share of the steps in which the learning rate rises (0.05; AnyDepth: 0.4)',
    )  # fmt: skip
    parser.add_argument('--weight-decay', type=float, default=0.01, help='of AdamW (0.01)')
    parser.add_argument(
        '--average-decay', type=float, default=0.999, metavar='D',
        help='decay a step of the running average of the weights; 0 for none (0.999)',
    )  # fmt: skip
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """
    Train the model.

    :raises DepthAnythingError: if an option is out of range, or the run cannot go on.
    """
    from depth_anything_ros.lab.training.outcome import WEIGHTS

    args.data = args.data or ['simulator:0']
    check_numbers(args)
    check_held_out(args.data, args.validate)
    check_outputs(args.out / WEIGHTS)
    spec = spec_of_checkpoint(MODELS[args.model], args.init)
    check_trainable(spec)
    size = input_size(args.size, spec)
    augmentation = make_augmentation(args, spec)
    source = open_source(spec, size, args.batch, args, augmentation)
    estimator, origin = _first_weights(args)
    settings = {
        'steps': args.steps,
        'learning_rate': args.lr,
        'encoder_lr_factor': 0.0 if args.freeze_encoder else args.encoder_lr_factor,
        'frozen_blocks': args.frozen_blocks,
        'keep_encoder_statistics': origin != _RANDOM and not args.update_encoder_statistics,
        'warmup_share': args.warmup,
        'weight_decay': args.weight_decay,
        'average_decay': args.average_decay,
    }
    plan = Plan(estimator, origin, source, size, args.batch, augmentation, settings)
    return run_training(args, plan)


def _first_weights(args: argparse.Namespace) -> tuple[DepthEstimator, str]:
    """Return the network, and words that tell its first weights from others."""
    import torch

    from depth_anything_ros.lab.training.pretraining import load_encoder_weights
    from depth_anything_ros.models import create_model
    from depth_anything_ros.models.checkpoint import load_estimator, require_floats

    torch.manual_seed(args.seed)
    if args.init:
        estimator, weights = load_estimator(args.model, checkpoint=args.init)
        require_floats(weights)
        return estimator, f'checkpoint with sha256 {weights.sha256}'
    estimator = create_model(MODELS[args.model])
    if args.encoder_weights == 'none':
        return estimator, _RANDOM
    if not args.resume:
        load_encoder_weights(estimator, args.encoder_weights)
    return estimator, f'encoder weights {args.encoder_weights}'
