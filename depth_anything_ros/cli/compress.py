"""The verb `compress`: write a smaller checkpoint of a model, and say what it costs."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from depth_anything_ros.cli.compression_options import (
    COMPARED,
    add_calibration_arguments,
    add_parent_arguments,
    calibration_data,
    network_inputs,
)
from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from depth_anything_ros.lab.compression.misses import Misses
    from depth_anything_ros.lab.compression.outcome import CompressionResult, WeightsSize
    from depth_anything_ros.lab.compression.recipe import PackedState, Recipe
    from depth_anything_ros.models.checkpoint import Weights
    from depth_anything_ros.models.estimator import DepthEstimator
    from depth_anything_ros.models.spec import ModelSpec

_COLUMNS = ['', 'before', 'after', 'after / before']
# Four tell how much the output moves; single obstacles need more.
_OBSTACLE_VIEWS = 24

_EPILOG = """recipes, joined by + in this order:
  prune_structured(A)  the share A (0.1 to 0.9) of weakest attention heads and hidden channels of
                   the encoder is taken out; the network is smaller and faster
  prune(A)         the share A of smallest weights of each linear and convolution layer becomes
                   zero and is not stored; prune(A, global): of all layers together
  int16_static     weights as 16-bit integers with a scale a channel, read back as float32
  fp16             weights as 16-bit floating point (formerly int16_dynamic)
  int8_dynamic     weights as 8-bit integers; linear layers multiply integers and find the range
                   of what they read for every image
  int8_static      weights as 8-bit integers; linear and convolution layers multiply integers in
                   ranges found once, on the images of --calibration

examples:
  half the size of float32, the same depth:
    depth_anything_ros compress --model depth_anything_v2_vits --recipe int16_static \\
      --out vits16.safetensors
  a quarter of the size and, with backend openvino, fast; calibrated on images like your robot's:
    depth_anything_ros compress --model depth_anything_v2_vits --recipe int8_static \\
      --calibration bag:run1 --out vits8.safetensors
  smaller still; accuracy falls with pruning, so score the result:
    depth_anything_ros compress --model tiny --recipe 'prune(0.2, global)+int8_static' \\
      --out small.safetensors --json small.json
    depth_anything_ros evaluate --model tiny --checkpoint small.safetensors --data simulator:7:200
  weights of your own training:
    depth_anything_ros compress --model tiny --checkpoint runs/tiny/weights.safetensors \\
      --recipe fp16 --out half.safetensors

Quote recipes with parentheses. The file is a checkpoint of the same model: --checkpoint FILE of
the other verbs, checkpoint:=FILE of the node, with every backend. SQNR is the power of the
network's output over that of its change, summed over simulated views, in float32; larger is
better, and a warning tells of less than 20 dB. Another one tells where more than one in a hundred
obstacles is missed that the parent sees: thin ones vanish where averages look well. Zeros make the
file smaller, not the network faster. A pruned network trains on with `train --init FILE`; the size
of prune_structured stays, the zeros of prune do not. Numbers that float16 holds exactly are stored
so: a parent in float16, as that of tiny, does not grow by a recipe without 16 bits.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_parent_arguments(parser, 'random weights mean nothing; they show sizes without a download')
    parser.add_argument(
        '--recipe', required=True, metavar='CHAIN',
        help=f'{", ".join(RECIPES)}, or several joined by +; see below',
    )  # fmt: skip
    parser.add_argument(
        '--out',
        type=path_argument,
        required=True,
        metavar='FILE',
        help='a .safetensors file to write',
    )
    parser.add_argument('--force', action='store_true', help='replace FILE if it exists')
    add_calibration_arguments(parser)
    parser.add_argument(
        '--views', type=int, default=4, metavar='N',
        help='simulated views the outputs are compared on; 0 compares nothing (default 4)',
    )  # fmt: skip
    parser.add_argument(
        '--obstacle-views', type=int, metavar='N',
        help='simulated views in which obstacles are looked for before and after (default: '
        f'{_OBSTACLE_VIEWS}; with --views 0 none)',
    )  # fmt: skip
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Compress the model, write it, load it back and compare.

    :raises ConfigError: if a number of images is too small, or --calibration names no data.
    :raises UnknownNameError: if there is no recipe of a name, or no data set.
    :raises DatasetError: if an image of --calibration cannot be read.
    :raises CompressionError: if the recipe cannot be read, or the file must not be written.
    :raises CheckpointError: if the weights cannot be had.
    :raises OutputError: if a file cannot be written.
    """
    if args.views < 0:
        raise ConfigError(f'--views {args.views}; allowed: 0 or more')
    if args.obstacle_views is None:
        args.obstacle_views = _OBSTACLE_VIEWS if args.views else 0
    if args.obstacle_views < 0:
        raise ConfigError(f'--obstacle-views {args.obstacle_views}; allowed: 0 or more')
    if args.calibration_images < 1:
        raise ConfigError(f'--calibration-images {args.calibration_images}; allowed: 1 or more')
    from depth_anything_ros.lab.compression.chain import chain_text, parse_chain
    from depth_anything_ros.lab.compression.fidelity import warn_of_low_sqnr
    from depth_anything_ros.lab.compression.format import check_target, nonzero_weights
    from depth_anything_ros.lab.compression.outcome import CompressionResult, Parent
    from depth_anything_ros.lab.compression.recipe import layers_of
    from depth_anything_ros.models.checkpoint import load_estimator, require_floats
    from depth_anything_ros.models.packed import PackedTensor

    recipes = parse_chain(args.recipe)
    check_target(args.out, args.force)
    check_outputs(args.out)
    reference, parent = load_estimator(args.model, args.checkpoint, args.weights)
    spec = parent.spec
    require_floats(parent)
    names = list(layers_of(spec))
    whole = {name: PackedTensor(values) for name, values in parent.state.items()}
    before = _size(parent, *nonzero_weights(whole, names))
    state, source = _compress(args, recipes, parent)
    compressed, written = load_estimator(spec.name, checkpoint=str(args.out))
    sqnr_db = _sqnr_db(reference, compressed, args.views)
    result = CompressionResult(
        model=spec.name,
        output=spec.output,
        recipe=chain_text(recipes),
        parent=Parent(parent.origin, parent.sha256),
        calibration=source,
        out=str(args.out),
        sha256=written.sha256,
        before=before,
        after=_size(written, *nonzero_weights(state, names)),
        sqnr_db=sqnr_db if math.isfinite(sqnr_db) else None,
        views=args.views,
        integers=_integers(compressed),
        identical=sqnr_db == math.inf,
        obstacles=_misses(args, parent),
    )
    low = bool(args.views) and warn_of_low_sqnr(sqnr_db, result.recipe)
    _show(result, sqnr_db, low)
    write_json(args.json, result)
    return 0


def _compress(
    args: argparse.Namespace, recipes: Sequence[Recipe], parent: Weights
) -> tuple[PackedState, str | None]:
    """Write the compressed file; return its tensors, and the images it was calibrated on."""
    from depth_anything_ros.lab.compression.format import write_packed
    from depth_anything_ros.lab.compression.recipe import compress

    calibrated = any(recipe.calibrated for recipe in recipes)
    images = _calibration(args, parent.spec) if calibrated else []
    shown = progress(recipes, len(recipes), 'recipes')
    state = compress(parent.spec, parent.state, shown, images)
    source = f'{args.calibration} ({len(images)} images)' if calibrated else None
    write_packed(args.out, state, parent.spec.name, recipes, parent, source)
    return state, source


def _size(weights: Weights, nonzero: int, count: int) -> WeightsSize:
    """Return the size in bytes, of float32 where there is no file, and the numbers of weights."""
    from depth_anything_ros.lab.compression.outcome import WeightsSize

    size = (
        weights.path.stat().st_size
        if weights.path
        else sum(values.nbytes for values in weights.state.values())
    )
    return WeightsSize(size, count, nonzero)


def _sqnr_db(reference: DepthEstimator, compressed: DepthEstimator, views: int) -> float:
    from depth_anything_ros.lab.compression.fidelity import output_sqnr_db

    word = f'{COMPARED}:{views}'
    inputs = network_inputs(parse_data(word), views, reference.spec) if views else ()
    return output_sqnr_db(reference, compressed, progress(inputs, views, 'views'))


def _misses(args: argparse.Namespace, parent: Weights) -> Misses | None:
    """Return the obstacles missed in the simulated views before and after."""
    from depth_anything_ros.inference.opening import create_predictor
    from depth_anything_ros.inference.options import NetworkOptions
    from depth_anything_ros.lab.compression.misses import MISSED, Misses
    from depth_anything_ros.lab.compression.study_scores import score_network
    from depth_anything_ros.lab.datasets.offline import Subject
    from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
    from depth_anything_ros.scale.focal_length import scale_of_model

    views = args.obstacle_views
    if not views or parent.origin == 'random':
        return None
    dataset = parse_data(f'{COMPARED}:{views}')
    found = []
    for file in (args.checkpoint, str(args.out)):
        options = NetworkOptions(args.model, file, backend='torch', precision='fp32')
        predictor = create_predictor(options)
        subject = Subject(predictor.predict, scale=scale_of_model(predictor))
        shown = progress(range(views), views, 'obstacles')
        scores = score_network(subject, dataset, shown, ScoringRule())
        found.append(scores.scale_shift[MISSED])
    before, after = found
    return None if before is None or after is None else Misses(before, after)


def _integers(compressed: DepthEstimator) -> dict[str, str]:
    """Return with how many bits each backend that multiplies integers does so here."""
    from depth_anything_ros.inference import BACKENDS
    from depth_anything_ros.inference.backends.processor import integers_text

    return {
        name: integers_text(compressed, backend.narrowed(compressed, 'cpu'))
        for name, backend in BACKENDS.items()
        if compressed.activation_ranges and name != 'torch'
    }


def _calibration(args: argparse.Namespace, spec: ModelSpec) -> list[Tensor]:
    inputs = network_inputs(calibration_data(args.calibration), args.calibration_images, spec)
    return list(progress(inputs, args.calibration_images, 'calibration'))


def _show(result: CompressionResult, sqnr_db: float, low: bool) -> None:
    from depth_anything_ros.lab.compression.fidelity import LEAST_SQNR_DB

    before, after = result.before, result.after
    rows = [
        ['file, MB', f'{before.bytes / 1e6:.2f}', f'{after.bytes / 1e6:.2f}',
         f'{after.bytes / before.bytes:.3f}'],
        ['weights that are not zero', str(before.nonzero_weights), str(after.nonzero_weights),
         f'{after.nonzero_weights / before.nonzero_weights:.3f}'],
    ]  # fmt: skip
    if result.views:
        judged = f'too low: below {LEAST_SQNR_DB:g} dB' if low else ''
        rows.append(['SQNR of the output, dB', '', f'{sqnr_db:.1f}', judged])
    write_table(Table(_COLUMNS, rows))
    if result.views:
        found = 'the same in every bit' if result.identical else f'SQNR {sqnr_db:.1f} dB'
        write_line(f'network output, simulated views ({result.views}): {found}')
    if result.obstacles is not None:
        write_line(f'simulated views: {result.obstacles.text}')
        if result.obstacles.too_many:
            write_warning(
                f'recipe {result.recipe}: {result.obstacles.text}, whatever averages say; see '
                '`evaluate --metrics obstacles` before a robot drives by it'
            )
    for backend, integers in result.integers.items():
        write_line(f'{backend} on this processor: {integers}')
    write_line(f'wrote {result.out} (sha256 {result.sha256})')
    if result.parent.origin == 'random':
        write_warning('random weights: the depth means nothing; before is their size in float32')
