"""The verb `demo`: a bag through the depth node, scored against the depth in the bag."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    check_outputs,
    path_argument,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.demo_bag import DemoBag, open_bag
from depth_anything_ros.cli.gate_option import add_gate_argument, check_gate, open_gate
from depth_anything_ros.cli.predictor_options import CHECKPOINT_HELP
from depth_anything_ros.config import DepthNodeConfig, EvaluatorConfig
from depth_anything_ros.errors import CheckpointError, ConfigError
from depth_anything_ros.json_text import from_json, parse_json
from depth_anything_ros.lab.recording import DEPTH_NODE
from depth_anything_ros.parameters import parameter_infos
from depth_anything_ros.table import Table, number

if TYPE_CHECKING:
    from depth_anything_ros.evaluation.gate import Gate
    from depth_anything_ros.evaluation.summary import RunSummary
    from depth_anything_ros.models.spec import ModelSpec
    from depth_anything_ros.types import OutputKind

# Its weights ship with the package, so that the first start shows depth without a network.
_MODEL = 'tiny'
# A drive through a furnished room, rendered with exact depth; docs/tiny.md tells how it was made.
_SAMPLE = Path(__file__).parent / 'sample_drive'
# The first start exports and compiles the network; a node that fails ends the wait.
_START_TIMEOUT_S = 600.0
# However busy the machine is; the processes have more patience.
_DRAIN_S = 15.0
_METRICS = ('abs_rel', 'rmse', 'mae', 'silog', 'delta1')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    infos = parameter_infos(DepthNodeConfig)
    parser.add_argument(
        '--bag',
        metavar='PATH',
        help='ROS 1 or ROS 2 bag, with options behind it as in data words: '
        'PATH,image=TOPIC,depth=TOPIC,unit=0.1mm; without, the sample drive is played',
    )
    parser.add_argument(
        '--out',
        type=path_argument,
        default=Path('demo_output'),
        help='folder for the results (%(default)s)',
    )
    parser.add_argument('--model', default=_MODEL, help='name of the model (%(default)s)')
    parser.add_argument('--checkpoint', default='', help=CHECKPOINT_HELP)
    parser.add_argument(
        '--weights',
        choices=('auto', 'pretrained', 'random'),
        default='auto',
        help='auto takes random ones, which mean nothing, where the published cannot be had',
    )
    for name in ('backend', 'precision'):
        default, info = infos[name]
        parser.add_argument(f'--{name}', choices=info.choices, default=default, help=info.help)
    default_size, size = infos['input_size']
    parser.add_argument('--input-size', type=int, default=default_size, help=size.help)
    parser.add_argument(
        '--mode',
        choices=('lockstep', 'realtime'),
        default='lockstep',
        help='wait for each prediction, or play in time (%(default)s)',
    )
    parser.add_argument('--rate', type=float, default=1.0, help='speed of realtime playing')
    parser.add_argument(
        '--frames', type=int, metavar='N', help='play the first N frames of the bag (default all)'
    )
    add_gate_argument(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Play the bag, write the results into the folder and their gist to the terminal.

    :return: 0 if, in lockstep, every image was answered and scored; 1 otherwise.
    :raises ConfigError: if the gate names an unknown figure, or an option is out of range.
    :raises GateError: if a bound of the gate is broken.
    """
    from depth_anything_ros.evaluation.gate import run_figures
    from depth_anything_ros.inference.predictor import check_input_size
    from depth_anything_ros.models import MODELS
    from depth_anything_ros.models.meaning import spec_of_checkpoint
    from depth_anything_ros.models.network_folder import asked_spec, is_network_folder

    gate = _gate(args)
    row, spec = MODELS[args.model], asked_spec(args.model, args.checkpoint)
    if not is_network_folder(args.checkpoint):
        spec = spec_of_checkpoint(row, args.checkpoint)
    weights = _choose_weights(args, row)
    check_input_size('--input-size', args.input_size, spec)
    check_outputs(args.out / 'summary.json')
    bag = _first_frames(open_bag(args.bag or str(_SAMPLE)), args.frames)
    _clear_results(args.out)
    _play(args, bag, weights, spec.output_kind)
    from depth_anything_ros.evaluation.summary import RunSummary

    summary = from_json(RunSummary, parse_json((args.out / 'summary.json').read_bytes()))
    _show(summary, args.out)
    write_json(args.json, summary)
    check_gate(gate, run_figures(summary))
    frames = summary.frames
    complete = {frames.sent, frames.received, frames.scored} == {bag.images}
    if args.mode == 'lockstep' and not complete:
        write_warning(f'of {bag.images} images not every one was sent, answered and scored')
        return 1
    return 0


def _gate(args: argparse.Namespace) -> Gate | None:
    from depth_anything_ros.evaluation.gate import RUN, plain, run_figures
    from depth_anything_ros.evaluation.run import RunEvaluation

    if args.gate is None:
        return None
    summary = RunEvaluation(EvaluatorConfig()).summary()
    return open_gate(args, run_figures(summary), RUN, plain(summary.protocol))


def _choose_weights(args: argparse.Namespace, spec: ModelSpec) -> str:
    from depth_anything_ros.models.hub import published_file

    if args.weights == 'random' or args.checkpoint:
        return 'random' if args.weights == 'random' else 'pretrained'
    try:
        published_file(spec)
    except CheckpointError as error:
        if args.weights == 'pretrained':
            raise
        write_warning(f'{error}.')
        write_warning('RANDOM WEIGHTS: the depth in this run means nothing, only the timing does')
        return 'random'
    return 'pretrained'


def _first_frames(bag: DemoBag, frames: int | None) -> DemoBag:
    if frames is None:
        return bag
    if not 0 < frames <= bag.images:
        raise ConfigError(f"--frames {frames} of '{bag.path}'; allowed: 1 to {bag.images}")
    return replace(bag, images=frames)


def _clear_results(folder: Path) -> None:
    """Remove the results of an earlier run, so that none of them is taken for the new."""
    for pattern in ('summary.json', 'frames.csv', 'report.html', 'pictures/[0-9]*.png'):
        for path in folder.glob(pattern):
            path.unlink()


def _play(args: argparse.Namespace, bag: DemoBag, weights: str, kind: OutputKind) -> None:
    from depth_anything_ros.cli.processes import NodeProcesses

    relative, metric = f'{DEPTH_NODE}/relative/image_raw', f'{DEPTH_NODE}/depth/image_raw'
    is_relative = kind.is_relative
    with NodeProcesses(args.out / 'logs') as nodes:
        nodes.start(
            'depth_node',
            {
                'model': args.model,
                'checkpoint': args.checkpoint,
                'weights': weights,
                'backend': args.backend,
                'precision': args.precision,
                'input_size': args.input_size,
                'scale_source': 'depth_image',
                'image_transport': bag.image.transport,
                'image_is_rectified': bag.rectified,
                **bag.depth_parameters('reference'),
            },
            bag.remaps('reference/depth', 'reference/camera_info'),
        )
        nodes.start(
            'evaluator_node',
            {
                'output_dir': str(args.out),
                'drain_s': _DRAIN_S,
                'image_transport': bag.image.transport,
                'image_is_rectified': bag.rectified,
                **bag.depth_parameters('ground_truth'),
            },
            {
                **bag.remaps('ground_truth', 'ground_truth/camera_info'),
                'relative': relative,
                'depth': metric,
                'scale': f'{DEPTH_NODE}/scale',
            },
        )
        nodes.start(
            'bag_player',
            {
                'bag': str(bag.path),
                'mode': args.mode,
                'rate': args.rate,
                'image_topic': bag.image.name,
                'frames': bag.images,
                'restamp': True,
                'subscribers': 2,
                'wait_for_subscribers_s': _START_TIMEOUT_S,
            },
            {'prediction': relative if is_relative else metric},
            shows_progress=True,
        )
        name = args.checkpoint or args.model
        write_line(f'nodes: loading {name}, then playing {bag.path} in {args.mode}')
        nodes.wait_for('bag_player', bag.images)
        write_line('scoring the rest and writing the report')
        nodes.finish('evaluator_node')


def _show(summary: RunSummary, folder: Path) -> None:
    frames, model = summary.frames, summary.model
    write_line()
    write_line(
        f'frames     {frames.sent} sent, {frames.received} received, {frames.scored} scored, '
        f'{frames.dropped} dropped, {frames.rejected} rejected'
    )
    if model is not None:
        write_line(
            f'model      {model.name}, {model.weights} weights, {model.backend} '
            f'{model.precision} {model.device}, input {list(model.input_size)}'
        )
    stages = {'capture → arrival': summary.latency_ms, **summary.stages_ms}
    columns = ('p50', 'p95', 'p99', 'max')
    write_line()
    times = [
        [name, *(number(values.get(column), '.3f', '-') for column in columns)]
        for name, values in stages.items()
    ]
    write_table(Table(['latency in ms', *columns], times))
    write_line()
    scores = [
        [name, *(number(found.means[metric], '.3f', '-') for metric in _METRICS), found.frames]
        for name, found in summary.metrics.items()
    ]
    write_table(Table(['aligned by', *_METRICS, 'frames'], scores))
    write_line()
    for warning in summary.warnings:
        write_warning(warning)
    write_line(f'report     {folder / "report.html"}')
    write_line(f'pictures   {folder / "pictures"}')
    write_line(f'summary    {folder / "summary.json"}')
