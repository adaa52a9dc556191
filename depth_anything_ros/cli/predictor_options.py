"""What the verbs `evaluate` and `refine` ask alike: the network, and how it runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.types import Precision

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor


def add_predictor_arguments(parser: argparse.ArgumentParser, model: str = '') -> None:
    """
    Add the options that name a model, its weights and what runs it.

    :param model: the default; '' makes the option required.
    """
    parser.add_argument(
        '--model', choices=MODELS, required=not model, default=model or None, metavar='NAME',
        help=f'name of the model (default: {model})' if model else 'name of the model',
    )  # fmt: skip
    parser.add_argument('--checkpoint', default='', help='local file of the weights')
    parser.add_argument(
        '--weights',
        choices=('pretrained', 'random'),
        default='pretrained',
        help='random weights mean nothing; they show how the verb works',
    )
    parser.add_argument('--backend', choices=('auto', *BACKENDS), default='auto')
    parser.add_argument(
        '--precision', choices=('auto', *(item.value for item in Precision)), default='auto'
    )
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--threads',
        type=count_argument,
        default=0,
        metavar='N',
        help="CPU threads (0: the library's choice); 1 where other programs use the cores",
    )


def open_predictor(args: argparse.Namespace, input_size: int = 0) -> Predictor:
    """
    Return what the options of :func:`add_predictor_arguments` ask for.

    :param input_size: shorter side of the network input, 0 for the model's own.
    :raises ConfigError: if an option is out of range.
    :raises CheckpointError: if the weights cannot be had.
    """
    from depth_anything_ros.inference.predictor import create_predictor

    return create_predictor(
        NetworkOptions(
            args.model,
            args.checkpoint,
            args.weights,
            backend=args.backend,
            precision=args.precision,
            device=args.device,
            input_size=input_size,
            threads=args.threads,
        )
    )


def count_argument(text: str) -> int:
    """Read a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 0 or more")
    return int(text)
