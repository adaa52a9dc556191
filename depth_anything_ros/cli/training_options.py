"""What the verbs `train` and `finetune` share: options, the source, the run and its end."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import path_argument, write_error, write_line
from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.progress import Progress

if TYPE_CHECKING:
    from depth_anything_ros.lab.training.augment import Augmentation
    from depth_anything_ros.lab.training.config import TrainConfig
    from depth_anything_ros.lab.training.data import BatchSource
    from depth_anything_ros.lab.training.processes import DistributedContext, StopRequest
    from depth_anything_ros.lab.training.train import TrainResult
    from depth_anything_ros.models.estimator import DepthEstimator
    from depth_anything_ros.models.spec import ModelSpec

_EXIT_SIGNAL = 128
_LARGEST_SEED, _MOST_THREADS, _LARGEST_BATCH = 2**63 - 1, 4096, 65536
_WORLD = re.compile(r'simulator(?:/([12]))?:(\d+)')


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where and how a run computes."""
    parser.add_argument(
        '--out', type=path_argument, required=True, metavar='DIR',
        help='folder of the run: last.pt, loss.csv, loss.png, weights.safetensors, run.json',
    )  # fmt: skip
    parser.add_argument(
        '--half-weights', action='store_true',
        help='write weights.safetensors in float16, half the size, as the shipped ones are',
    )  # fmt: skip
    parser.add_argument(
        '--resume', action='store_true', help='go on from OUT/last.pt, with the same options'
    )
    parser.add_argument(
        '--max-minutes', type=float, default=0.0, metavar='MIN',
        help='stop with a checkpoint after this time; the schedule stays that of --steps '
        '(default: never)',
    )  # fmt: skip
    parser.add_argument(
        '--workers', type=int, default=1,
        help='processes that prepare batches; 0 does it between steps, and renders on the GPU '
        'where there is one (default 1)',
    )  # fmt: skip
    parser.add_argument(
        '--threads', type=int, default=0, help="CPU threads of the network (default: torch's own)"
    )
    parser.add_argument(
        '--precision', choices=('fp32', 'bf16'), default='fp32',
        help='numbers to compute in; weights stay fp32 (default fp32)',
    )  # fmt: skip
    parser.add_argument(
        '--device', choices=('auto', 'cpu', 'cuda'), default='auto',
        help='auto takes a GPU where there is one (default)',
    )  # fmt: skip
    parser.add_argument('--seed', type=int, default=0, help='of all chance (default 0)')
    parser.add_argument(
        '--checkpoint-every', type=int, default=500, metavar='STEPS',
        help='steps between checkpoints (default 500)',
    )  # fmt: skip
    parser.add_argument(
        '--log-every', type=int, default=10, metavar='STEPS',
        help='steps averaged into a row of loss.csv (default 10)',
    )  # fmt: skip
    parser.add_argument(
        '--validate-every', type=int, metavar='STEPS',
        help='steps between validations (default: ten in a run)',
    )  # fmt: skip
    parser.add_argument(
        '--validation-samples', type=int, default=64, metavar='N',
        help='images of a validation (default 64)',
    )  # fmt: skip
    parser.add_argument(
        '--kept', type=path_argument, metavar='FILE',
        help='learn from the samples of the data sets that the verb score listed in FILE only',
    )  # fmt: skip
    parser.add_argument(
        '--no-augmentation', action='store_true', help='train on the images as they are'
    )


def check_numbers(args: argparse.Namespace) -> None:
    """
    Check the options that are used before the settings are made, which have ranges of their own.

    :raises ConfigError: if one is out of range.
    """
    for name, value, least, largest in (
        ('seed', args.seed, 0, _LARGEST_SEED),
        ('threads', args.threads, 0, _MOST_THREADS),
        ('batch', args.batch, 1, _LARGEST_BATCH),
    ):
        if not least <= value <= largest:
            raise ConfigError(f'--{name} {value}; allowed: {least} … {largest}')


def size_argument(text: str) -> tuple[int, int]:
    """Read HEIGHTxWIDTH."""
    height, _, width = text.partition('x')
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a size; write it as HEIGHTxWIDTH, 192x256"
        )
    return int(height), int(width)


def input_size(asked: tuple[int, int] | None, spec: ModelSpec) -> tuple[int, int]:
    """
    Return (height, width) of the network input: as asked, or 3:4 at the model's own size.

    :raises ConfigError: if a side is not a multiple of the patch.
    """
    from depth_anything_ros.inference.preprocess import check_multiple, network_size

    if asked is None:
        return network_size(480, 640, spec.input_size, spec.patch, spec.longer_side)
    for name, side in zip(('height', 'width'), asked, strict=True):
        check_multiple(f'{name} of --size', side, spec.patch)
    return asked


def open_source(
    spec: ModelSpec,
    size: tuple[int, int],
    batch: int,
    args: argparse.Namespace,
    augmentation: Augmentation | None,
) -> BatchSource:
    """
    Open what --data names; several are taken in turn, a batch of each.

    :param batch: images a batch.
    :param args: with `data`, of which `simulator:SEED` is an endless world and the other words
        are those of `parse_data`, `kept`, `seed`, `device` and `workers`.
    :param augmentation: None leaves images as they are.
    :raises ConfigError: if a word has no known form or a number in it is out of range.
    :raises UnknownNameError: if a data set is not known.
    :raises DatasetError: if one cannot be read.
    """
    import torch

    from depth_anything_ros.lab.training.data import DatasetSource, SimulatorSource
    from depth_anything_ros.lab.training.sources import AlternatingSource

    # Worker processes have no GPU of their own.
    gpu = args.device != 'cpu' and not args.workers and torch.cuda.is_available()
    device = 'cuda' if gpu else 'cpu'
    form = (*size, batch, spec.mean, spec.std, augmentation)
    sources: list[BatchSource] = []
    for word in args.data:
        world = _WORLD.fullmatch(word)
        if world:
            version, seed = int(world[1] or 1), int(world[2])
            sources.append(SimulatorSource(seed, *form, device=device, version=version))
        else:
            dataset = parse_data(word, 'train', size, args.kept)
            sources.append(DatasetSource(dataset, *form, seed=args.seed))
    return sources[0] if len(sources) == 1 else AlternatingSource(sources)


def make_augmentation(args: argparse.Namespace, spec: ModelSpec) -> Augmentation | None:
    """Return how images are changed, None with --no-augmentation."""
    from depth_anything_ros.lab.training.augment import Augmentation

    if args.no_augmentation:
        return None
    if spec.max_depth_m is None:
        return Augmentation()
    # A crop that is enlarged belongs to another focal length, which metres depend on; what is
    # turned is cropped to what the image holds, and enlarged by up to a tenth at 5 degrees.
    return Augmentation(zoom=1.0, rotation_deg=0.0)


def check_trainable(spec: ModelSpec) -> None:
    """
    Check that there is a loss for what a model gives.

    :raises ConfigError: if its output is inverse depth up to a scale, or affine depth.
    """
    if spec.up_to_scale:
        raise ConfigError(
            f"model '{spec.name}' is of {spec.output}, for which there is no loss here; "
            ' train one that `depth_anything_ros info` calls relative or metric'
        )


def check_held_out(train: list[str], validate: str) -> None:
    """
    Check that a simulated world is not both learnt from and validated on.

    :raises ConfigError: if it is.
    """
    held_out = _WORLD.match(validate)
    # Worlds of one seed show the same rooms, whatever their version.
    if held_out and held_out[2] in {found[2] for found in map(_WORLD.match, train) if found}:
        raise ConfigError(
            f"world {held_out[2]} is both --data and --validate '{validate}'; take another seed"
        )


@dataclass(frozen=True)
class Plan:
    """
    What a verb decided about its run.

    `size` is the (height, width) of the network input, `batch` the images of one process a step,
    `settings` are fields of TrainConfig beyond those of `add_run_options`, `origin` tells the
    first weights of the estimator from others. `augmentation` is for the record.
    """

    estimator: DepthEstimator
    origin: str
    source: BatchSource
    size: tuple[int, int]
    batch: int
    augmentation: Augmentation | None
    settings: Mapping[str, object]


def run_training(args: argparse.Namespace, plan: Plan) -> int:
    """
    Train, write the weights and the record, and say what came out.

    :param args: with the options of `add_run_options`, `data` and `validate`.
    :param plan: what is trained on what.
    :return: 130 after SIGINT, 143 after SIGTERM, else 0.
    :raises DepthAnythingError: as :func:`depth_anything_ros.lab.training.train.train`.
    """
    import torch

    from depth_anything_ros.lab.training.processes import StopRequest, join

    config = _config(args, plan.settings)
    if args.threads:
        torch.set_num_threads(args.threads)
    stop = StopRequest()
    with stop.listening(), join(args.device) as context:
        result = _train(args, config, plan, context, stop)
        status = _EXIT_SIGNAL + stop.number if result.end.value == 'interrupted' else 0
        if context.first:
            _finish(args, config, plan, result)
    return status


def _config(args: argparse.Namespace, settings: Mapping[str, object]) -> TrainConfig:
    from depth_anything_ros.lab.training.config import TrainConfig

    names = (
        'seed', 'precision', 'workers', 'max_minutes', 'checkpoint_every', 'log_every',
        'validation_samples',
    )  # fmt: skip
    values = {name: getattr(args, name) for name in names} | dict(settings)
    every = args.validate_every
    values['validate_every'] = max(1, values['steps'] // 10) if every is None else every
    return from_mapping(TrainConfig, values)


def _train(
    args: argparse.Namespace,
    config: TrainConfig,
    plan: Plan,
    context: DistributedContext,
    stop: StopRequest,
) -> TrainResult:
    from depth_anything_ros.lab.training.train import train
    from depth_anything_ros.lab.training.validation import Validation

    spec, size = plan.estimator.spec, plan.size
    validation = None
    if args.validate and config.validate_every and context.first:
        held_out = parse_data(args.validate, 'test', size)
        validation = Validation(held_out, spec, min(size), config)
    kept = '' if args.kept is None else f' kept by {args.kept}'
    described = (
        f'{" ".join(args.data)}{kept} at {size[0]}x{size[1]}, '
        f'batch {plan.batch}, {plan.augmentation}, from {plan.origin}, '
        f'to {spec.max_depth_m} m, validated on {args.validate or "nothing"}'
    )
    with Progress('training', config.steps, shown=context.first) as shown:
        return train(
            config, plan.estimator, plan.source, args.out,
            context=context, stop=stop, validation=validation, data=described,
            resume=args.resume, watch=_Watch(shown, plan.batch * context.count),
        )  # fmt: skip


def _finish(
    args: argparse.Namespace, config: TrainConfig, plan: Plan, result: TrainResult
) -> None:
    from depth_anything_ros.lab.training.outcome import WEIGHTS, write_outcome

    augmentation = plan.augmentation
    record = write_outcome(
        args.out, result, [Path(sys.argv[0]).name, *sys.argv[1:]],
        {
            'data': args.data,
            'kept': None if args.kept is None else str(args.kept),
            'validate': args.validate,
            'first_weights': plan.origin,
            'size': list(plan.size),
            'batch': plan.batch,
            'augmentation': None if augmentation is None else dataclasses.asdict(augmentation),
            'settings': dataclasses.asdict(config),
        },
        half=args.half_weights,
    )  # fmt: skip
    shown = ', '.join(
        f'{name} {value:.4g}'
        for name in ('loss', 'val_abs_rel', 'val_delta1')
        if not math.isnan(value := result.row.get(name, math.nan))
    )
    write_line(
        f'{args.out / WEIGHTS}: {record["model"]} after {result.steps} of {config.steps} steps, '
        f'{result.samples} samples, {result.seconds:.0f} s' + (f'; {shown}' if shown else '')
    )
    if result.end.value == 'interrupted':
        write_error('interrupted')
    if result.steps < config.steps:
        write_line('--resume with the same options goes on')


class _Watch:
    """Tell the progress of training, with the loss, the validation and images a second."""

    def __init__(self, shown: Progress, samples_a_step: int) -> None:
        self._shown = shown
        self._samples_a_step = samples_a_step
        self._notes: dict[str, str] = {}

    def __call__(self, step: int, row: Mapping[str, float] | None) -> None:
        """Take note of a finished step and of the row of the loss curve that ended with it."""
        if not self._shown.count:
            self._shown.begin_at(step - 1)
        if row is not None:
            for name, label in (('loss', 'loss'), ('val_abs_rel', 'AbsRel'), ('val_delta1', 'δ1')):
                if row[name] == row[name]:
                    self._notes[label] = f'{row[name]:.4f}'
            self._notes['images/s'] = f'{self._shown.rate_hz * self._samples_a_step:.1f}'
        self._shown.update(step - self._shown.count, self._notes)
