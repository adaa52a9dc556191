"""The verb `info`: models, backends here, parameters and topics of the nodes, protocols."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from depth_anything_ros.cli.console import (
    add_json_argument,
    write_json,
    write_line,
    write_lines,
    write_table,
)
from depth_anything_ros.config import NODE_CONFIGS, NODES_WITH_TOPICS, node_topics, topic_table
from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference.devices import DeviceKind
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.parameters import markdown_table, parameter_infos
from depth_anything_ros.table import Table
from depth_anything_ros.types import Precision

_DEVICES = tuple(kind.value for kind in DeviceKind)
_COLUMNS = ['model', 'parameters', 'licence', 'input', 'output', 'weights']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    node = parser.add_mutually_exclusive_group()
    node.add_argument(
        '--parameters',
        choices=tuple(NODE_CONFIGS),
        metavar='NODE',
        help=f'show the parameters of a node as a table: {", ".join(NODE_CONFIGS)}',
    )
    node.add_argument(
        '--topics',
        choices=NODES_WITH_TOPICS,
        metavar='NODE',
        help='show the topics and services of a node as a table',
    )
    node.add_argument(
        '--protocols',
        action='store_true',
        help='show by which protocols `evaluate` and `study` score, with their sources',
    )
    node.add_argument(
        '--contract',
        action='store_true',
        help='show what the network.json of a network of your own says, key by key',
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the tables asked for, and all that is known of what is in them as JSON."""
    if args.parameters:
        node, config = args.parameters, NODE_CONFIGS[args.parameters]
        return _show(args, markdown_table(config), node, 'parameters', _parameters(config))
    if args.topics:
        topics = [asdict(topic) for topic in node_topics(args.topics)]
        return _show(args, topic_table(args.topics), args.topics, 'topics', topics)
    if args.protocols:
        return _show_protocols(args)
    if args.contract:
        return _show_contract(args)
    from depth_anything_ros.inference.selection import select

    rows = list(MODELS.values())
    write_table(Table(_COLUMNS, [_cells(row) for row in rows]))
    write_line()
    write_line(
        'input: shorter side in pixels the model was trained at (longer one for Depth Anything '
        '3 and VGGT). relative: inverse depth without unit, up to scale and shift or up to scale '
        'alone; metric: metres, up to the given distance. weights: where on the Hugging '
        'Face hub, if they do not come with this package; none published: train it, or time it '
        'with random ones.'
    )
    backends = _backends()
    write_line()
    cells = [
        [name, *(', '.join(runs[device]) or '-' for device in _DEVICES)]
        for name, runs in backends.items()
    ]
    write_table(Table(['backend', *_DEVICES], cells))
    write_line()
    auto: dict[str, str] | None = None
    try:
        fastest = select('auto', 'auto', 'auto')
    except BackendError as error:  # as where no library is installed yet
        write_line(f'auto takes nothing here: {error}')
    else:
        auto = {
            'backend': fastest.backend,
            'precision': fastest.precision.value,
            'device': fastest.device,
        }
        write_line(f'auto takes here: {", ".join(auto.values())}')
    answer = {'models': [_answer(row) for row in rows], 'backends': backends, 'auto': auto}
    write_json(args.json, answer)
    return 0


def _show(args: argparse.Namespace, table: str, node: str, kind: str, answer: object) -> int:
    """Write a table of a node, and the same as JSON."""
    write_lines(table.splitlines())
    write_json(args.json, {'node': node, kind: answer})
    return 0


def _show_protocols(args: argparse.Namespace) -> int:
    """Write the protocols as a table, then what each is and where it comes from."""
    from depth_anything_ros.lab.datasets.protocols import PROTOCOLS, protocol_table

    write_table(protocol_table())
    for protocol in PROTOCOLS.values():
        write_line()
        write_lines((f'{protocol.name}: {protocol.help}', f'  source: {protocol.source}'))
        if protocol.note:
            write_line(f'  note: {protocol.note}')
    write_json(args.json, {'protocols': dict(PROTOCOLS)})
    return 0


def _show_contract(args: argparse.Namespace) -> int:
    """Write the keys of the file beside a network, one below the other."""
    from depth_anything_ros.models.contract_file import FILE, KEYS

    write_line(f'{FILE} in the folder of a network, see docs/your_network.md:')
    for key in KEYS:
        write_line()
        write_lines((f'{key.path}: {key.allowed}', f'  {key.help}'))
    keys = {key.path: {'allowed': key.allowed, 'help': key.help, 'required': key.required}
            for key in KEYS}  # fmt: skip
    write_json(args.json, {'contract': keys})
    return 0


def _parameters(config: type) -> dict[str, dict[str, object]]:
    """Return name → default, help, unit, range, choices and read-only flag."""
    return {
        name: {'default': default, **asdict(info)}
        for name, (default, info) in parameter_infos(config).items()
    }


def _backends() -> dict[str, dict[str, list[str]]]:
    """Return backend → device → the precisions that run here."""
    from depth_anything_ros.inference import BACKENDS

    return {
        name: {
            device: [item.value for item in Precision if _runs(name, item, device)]
            for device in _DEVICES
        }
        for name in BACKENDS
    }


def _runs(backend: str, precision: Precision, device: str) -> bool:
    from depth_anything_ros.inference.selection import select

    try:
        select(backend, precision.value, device)
    except (BackendError, MissingDependencyError):
        return False
    return True


def _cells(row: ModelSpec) -> list[str]:
    return [
        row.name,
        f'{row.parameters / 1e6:.1f} M',
        row.licence,
        str(row.input_size),
        output_of(row),
        _weights(row),
    ]


def output_of(row: ModelSpec) -> str:
    """Return what a model gives, as a cell of a table."""
    if row.max_depth_m is not None:
        return f'metric, {row.max_depth_m:g} m'
    if row.metres_at_focal_px:
        return 'relative, metres by focal length'
    if row.depth_shift:
        return 'relative, depth up to scale and shift'
    return 'relative, up to scale' if row.up_to_scale else 'relative'


def _weights(row: ModelSpec) -> str:
    if not row.weights_file:
        return 'none published'
    return f'{row.hub_repo}/{row.weights_file}' if row.hub_repo else 'in this package'


def _answer(row: ModelSpec) -> dict[str, object]:
    return {**asdict(row), 'output_kind': row.output_kind.value}
