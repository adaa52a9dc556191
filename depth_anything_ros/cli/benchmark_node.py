"""
The verb `benchmark` with --node: a depth node as a whole, in processes of its own.

One process sends the pictures of a bag, one is the node, one notes what arrives. A picture is sent
alone first, so that its outputs are known again by their content. Nodes take turns, each started
anew each time; beside them one that answers every image and does nothing else, which is what the
middleware and rclpy cost.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time_ns
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_anything_ros.cli.console import progress, write_json, write_line, write_table
from depth_anything_ros.cli.predictor_options import count_from_one
from depth_anything_ros.cli.processes import NodeError, NodeProcesses, ParameterValue
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.json_text import from_json, parse_json

if TYPE_CHECKING:
    from depth_anything_ros.lab.benchmark.node_load import Arrivals
    from depth_anything_ros.lab.benchmark.node_rows import NodeRow, Turn

_SAMPLE = Path(__file__).parent / 'sample_drive'
_PICTURES = 8
_IMAGE, _DEPTH = '/camera/color/image_raw', '/camera/depth/image_raw'
_IMAGE_TYPE = 'sensor_msgs/msg/Image'
_NODE, _ECHO, _OTHER, _SOURCE, _PROBE = (
    'depth_node', 'echo', 'other', 'load_source', 'load_probe',
)  # fmt: skip
_OUTPUT_SETS = {
    'depth': {f'/{_NODE}/depth/image_raw': _IMAGE_TYPE},
    'all': {
        f'/{_NODE}/depth/image_raw': _IMAGE_TYPE,
        f'/{_NODE}/scan': 'sensor_msgs/msg/LaserScan',
        f'/{_NODE}/points': 'sensor_msgs/msg/PointCloud2',
        f'/{_NODE}/preview/image_raw': _IMAGE_TYPE,
    },
}
_EACH = 'each'
# Of the node unless a user says otherwise.
_PARAMETERS = {'model': 'tiny', 'scale_source': 'depth_image', 'diagnostics_period_s': '0.5'}
# Options that say nothing of a node, and those that say nothing of networks.
_OF_NETWORKS = (
    'model', 'checkpoint', 'folder', 'hub_model', 'detector', 'compressed', 'weights',
    'input_size', 'backend', 'precision', 'baseline', 'device', 'runs', 'threads', 'memory',
    'apart', 'count', 'layers', 'csv', 'plots', 'page',
)  # fmt: skip
_OF_NODES = ('outputs', 'topics', 'bag', 'rate', 'seconds', 'start', 'rounds')


@dataclass(frozen=True)
class _Candidate:
    """
    A node that takes turns: what it is called, its outputs, topic → type, and what starts it.

    The first output is the one that answers an image. `start` returns the name of the process.
    """

    name: str
    outputs: Mapping[str, str]
    start: Callable[[NodeProcesses], str]


def add_node_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that belong to --node."""
    group = parser.add_argument_group('a depth node as a whole, in place of networks')
    group.add_argument(
        '--node', action='append', nargs='*', metavar='NAME:=VALUE',
        help='measure depth_node with these parameters besides '
        f'{" ".join(f"{name}:={value}" for name, value in _PARAMETERS.items())}: what becomes of '
        'every image, age and overhead of every output, CPU, memory, start; may be given more '
        'than once, and the nodes take turns',
    )  # fmt: skip
    group.add_argument(
        '--outputs', choices=(*_OUTPUT_SETS, _EACH), default=_EACH,
        help='what of depth_node is subscribed to: depth alone, all, or each of the two in turns '
        '(%(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--against', action='append', default=[], metavar='COMMAND',
        help='another node beside it: the command that starts it and leads its image to '
        f'{_IMAGE}; may be given more than once',
    )  # fmt: skip
    group.add_argument(
        '--topics', action='append', nargs='+', default=[], metavar='TOPIC=TYPE',
        help=f'outputs of an --against, as /depth={_IMAGE_TYPE}, the one that answers an image '
        'first; once for each --against, in their order',
    )  # fmt: skip
    group.add_argument(
        '--bag', default=str(_SAMPLE), metavar='PATH',
        help=f'{_PICTURES} pictures with depth are taken from it (default: the sample drive)',
    )  # fmt: skip
    group.add_argument(
        '--rate', type=float, default=10.0, metavar='HZ', help='images a second (%(default)g)'
    )
    group.add_argument(
        '--seconds', type=float, default=20.0, metavar='S',
        help='how long images come at that rate in each turn (%(default)g)',
    )  # fmt: skip
    group.add_argument(
        '--start', type=float, default=600.0, metavar='S',
        help='longest wait for the first answer of a node (%(default)g)',
    )  # fmt: skip
    group.add_argument(
        '--rounds', type=count_from_one, default=3, metavar='N',
        help='turns of each node (%(default)s)',
    )  # fmt: skip


def remember_defaults(parser: argparse.ArgumentParser) -> None:
    """Keep what options are that nobody gives, once all are there."""
    defaults = {name: parser.get_default(name) for name in (*_OF_NETWORKS, *_OF_NODES)}
    parser.set_defaults(defaults=defaults)


def is_of_nodes(args: argparse.Namespace) -> bool:
    """
    Return whether nodes are to be measured, not networks.

    :raises ConfigError: if an option is given that says nothing then.
    """
    nodes = args.node is not None or bool(args.against)
    for name in _OF_NETWORKS if nodes else _OF_NODES:
        if getattr(args, name) != args.defaults[name]:
            option = f'--{name.replace("_", "-")}'
            raise ConfigError(
                f'{option} is of networks; with --node give the parameters of the node, as --node '
                'model:=tiny'
                if nodes
                else f'{option} is of a node as a whole; give --node or --against too'
            )
    return nodes


def run_nodes(args: argparse.Namespace) -> int:
    """
    Measure every node in turns and show what came out.

    :return: 0 if each message was made of the image whose stamp it has, once and in order, else 1.
    :raises ConfigError: if an option cannot be.
    :raises NodeError: if a node ends with an error, or never answers.
    """
    from depth_anything_ros.evaluation.environment import environment
    from depth_anything_ros.lab.benchmark.node_rows import NodeBenchmark, node_rows

    _check(args)
    candidates = list(_candidates(args))
    found: dict[str, list[Turn]] = {}
    with TemporaryDirectory() as scratch:
        pictures = _write_pictures(Path(args.bag), Path(scratch) / 'pictures')
        turns = args.rounds * candidates
        for number, candidate in enumerate(progress(turns, len(turns), 'turns')):
            turn = _measured(candidate, args, pictures, Path(scratch) / str(number))
            found.setdefault(candidate.name, []).append(turn)
    rows = node_rows(found, _ECHO)
    _show(rows)
    write_json(args.json, NodeBenchmark(environment(), args.rate, args.seconds, rows))
    return 0 if all(row.is_whole for row in rows) else 1


def _check(args: argparse.Namespace) -> None:
    for name in ('rate', 'seconds', 'start'):
        value = getattr(args, name)
        if not 0.0 < value <= 1e5:
            raise ConfigError(f'--{name} {value:g}; allowed: above 0, at most 100000')
    if len(args.topics) != len(args.against):
        raise ConfigError(
            f'{len(args.against)} --against and {len(args.topics)} --topics; each of those nodes '
            'needs its own outputs'
        )


def _candidates(args: argparse.Namespace) -> Iterator[_Candidate]:
    """Return every node once, the echo first."""
    remaps = {'image': _IMAGE, 'reference/depth': _DEPTH}
    yield _Candidate(
        _ECHO, {f'/{_ECHO}/depth/image_raw': _IMAGE_TYPE}, _starter(_ECHO, {}, {'image': _IMAGE})
    )
    sets = list(_OUTPUT_SETS) if args.outputs == _EACH else [args.outputs]
    for words in args.node or ():
        start = _starter(_NODE, _parameters(words), remaps)
        for name in sets:
            yield _Candidate(' '.join([_NODE, name, *words]), _OUTPUT_SETS[name], start)
    for command, topics in zip(args.against, args.topics, strict=True):
        start = _command_starter(_command(command))
        yield _Candidate(command, dict(map(_output, topics)), start)


def _parameters(words: list[str]) -> dict[str, ParameterValue]:
    from depth_anything_ros.config import DepthNodeConfig
    from depth_anything_ros.parameters import parameter_infos, parse_value

    infos = parameter_infos(DepthNodeConfig)
    parameters: dict[str, ParameterValue] = {}
    for word in (*(f'{name}:={value}' for name, value in _PARAMETERS.items()), *words):
        name, sign, text = word.partition(':=')
        if not sign or name not in infos:
            raise ConfigError(
                f"--node '{word}' is no parameter of depth_node; example: model:=tiny; all of "
                'them: info --parameters depth_node'
            )
        parameters[name] = parse_value(name, text, *infos[name])
    return parameters


def _output(word: str) -> tuple[str, str]:
    topic, sign, kind = word.partition('=')
    if not sign:
        raise ConfigError(f"--topics '{word}' names no type; example: /depth={_IMAGE_TYPE}")
    return topic, kind


def _starter(
    node: str, parameters: Mapping[str, ParameterValue], remaps: Mapping[str, str]
) -> Callable[[NodeProcesses], str]:
    def start(nodes: NodeProcesses) -> str:
        nodes.start(node, parameters, remaps)
        return node

    return start


def _command(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"--against '{text}': {error}") from error
    if not words:
        raise ConfigError(f"--against '{text}' names no program")
    return words


def _command_starter(command: list[str]) -> Callable[[NodeProcesses], str]:
    def start(nodes: NodeProcesses) -> str:
        nodes.start_command(_OTHER, command)
        return _OTHER

    return start


def _write_pictures(bag: Path, path: Path) -> Path:
    """Write some frames of a bag, evenly spread, with raw images, and return the new bag."""
    from depth_anything_ros.bag import BagReader, RgbdFrames, find_topics, write_rgbd_bag

    with BagReader(bag) as reader:
        topics = find_topics(reader)
        frames = RgbdFrames(reader, topics)
        last = sum(1 for _ in frames.pairs()) - 1
        wanted = set(np.linspace(0, last, _PICTURES).round().astype(int).tolist())
        chosen = (pair for number, pair in enumerate(frames.pairs()) if number in wanted)
        write_rgbd_bag(path, map(frames.decode, chosen))
    return path


def _measured(
    candidate: _Candidate, args: argparse.Namespace, pictures: Path, folder: Path
) -> Turn:
    """Let a node have one turn; its logs stay in the folder."""
    from depth_anything_ros.bag.load import SentLoad
    from depth_anything_ros.lab.benchmark.node_load import SentImages, account
    from depth_anything_ros.lab.benchmark.node_rows import Turn
    from depth_anything_ros.lab.benchmark.usage import UsageWatch

    answer, answer_type = next(iter(candidate.outputs.items()))
    sent_file = folder / 'sent.json'
    with NodeProcesses(folder / 'logs') as nodes:
        outputs = [f'{topic} {kind}' for topic, kind in candidate.outputs.items()]
        nodes.start(_PROBE, {'outputs': outputs, 'out': str(folder)}, {})
        source = {
            'bag': str(pictures),
            'answer': answer,
            'answer_type': answer_type,
            'rate_hz': args.rate,
            'seconds': args.seconds,
            'start_s': args.start,
            'out': str(sent_file),
        }
        nodes.start(_SOURCE, source, {})
        begin_ns = time_ns()
        name = candidate.start(nodes)
        with UsageWatch(nodes.pid(name)) as watch, _quoting(nodes.log(name)):
            nodes.wait_for(_SOURCE, 1, shown=False)
        nodes.finish(_PROBE)
    load = from_json(SentLoad, parse_json(sent_file.read_bytes()))
    arrivals, statuses = _heard(folder)
    inference_ms = _figure(statuses, _NODE, 'stages_ms', 'inference', 'p50')
    dropped = _figure(statuses, _NODE, 'frames', 'dropped')
    return Turn(
        start_s=(load.first_answer_ns - begin_ns) * 1e-9,
        inference_ms=inference_ms,
        dropped=None if dropped is None else int(dropped),
        use=watch.between(load.begin_ns, load.end_ns),
        outputs=[account(SentImages.of(load), each) for each in arrivals],
    )


@contextmanager
def _quoting(log: Path) -> Iterator[None]:
    """Add what a node said last, whose log is not kept, to the error that it caused."""
    try:
        yield
    except NodeError as error:
        lines = log.read_text(errors='replace').splitlines()
        raise NodeError(
            f'{error}; the node said last: {lines[-1]}' if lines else str(error)
        ) from error


def _heard(folder: Path) -> tuple[list[Arrivals], Any]:
    """Return what the probe wrote: arrivals by output, and the last status of each node."""
    from depth_anything_ros.bag.load import HeardOutput
    from depth_anything_ros.lab.benchmark.node_load import Arrivals

    told = parse_json((folder / 'probe.json').read_bytes())
    outputs = [from_json(HeardOutput, each) for each in told['outputs']]
    with np.load(folder / 'arrivals.npz', allow_pickle=False) as arrays:
        arrivals = [
            Arrivals(
                output.topic, arrays[f'stamp_ns_{number}'], arrays[f'arrival_ns_{number}'],
                arrays.get(f'words_{number}'), output.words_are,
            )
            for number, output in enumerate(outputs)
        ]  # fmt: skip
    return arrivals, told['statuses']


def _figure(status: Any, *path: str) -> float | None:
    """Return a number of a status, None where it does not tell it."""
    for name in path:
        status = status.get(name) if isinstance(status, dict) else None
    try:
        return float(status)
    except (TypeError, ValueError):
        return None


def _show(rows: list[NodeRow]) -> None:
    from depth_anything_ros.lab.benchmark.node_rows import node_table

    write_table(node_table(rows))
    for row in rows:
        if row.dropped:
            write_line(f'{row.name}: {row.dropped} images replaced by newer ones, as it says')
