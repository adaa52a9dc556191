"""
The verb `record`: the depth node's own pipeline over bags, without ROS and as fast as it goes.

It reads what the node would subscribe to and writes what it would publish, with the stamps and
frames of the images: the same numbers as the node gives in lockstep.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.cli.console import (
    add_json_argument,
    path_argument,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.cli.predictor_options import count_argument
from depth_anything_ros.cli.worker_options import add_worker_arguments, chosen_workers
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.files import remove_left_over
from depth_anything_ros.lab.recording import DEPTH_NODE

if TYPE_CHECKING:
    from depth_anything_ros.config import DepthNodeConfig
    from depth_anything_ros.lab.recording.results import BagRecord, RecordJob

_STORAGES = ('mcap', 'sqlite3')
# Word → topic of the node.
_OUTPUTS = {
    'relative': '~/relative/image_raw',
    'depth': '~/depth/image_raw',
    'preview': '~/preview/image_raw',
    'scale': '~/scale',
    'fused': '~/fused/image_raw',
    'source': '~/fused/source',
    'sigma': '~/sigma/image_raw',
    'confidence': '~/confidence/image_raw',
    'points': '~/points',
    'scan': '~/scan',
}
_METRES = 'metric depth (--scale-source, or a model of metres)'
_CLOUD = (
    f'{_METRES} and camera_info (or -p predicted_camera:=true with Depth Anything 3 or VGGT, '
    'which find the field of view)'
)
_SENSOR = 'the depth of a sensor (--scale-source depth_image, or in scale_fallbacks)'
_RELATIVE = 'a model of relative depth'
_SURE = 'a model that tells one (Depth Anything 3, VGGT), or the parameter confidence as flip'
# Word → what there must be; a preview there always is.
_TAKES = {
    'relative': _RELATIVE, 'scale': _RELATIVE, 'depth': _METRES, 'points': _CLOUD, 'scan': _CLOUD,
    'fused': _SENSOR, 'source': _SENSOR, 'sigma': _METRES,
    'confidence': _SURE,
}  # fmt: skip
_DEFAULT_OUTPUTS = ('relative', 'depth', 'preview', 'scale')
# Parameters that have an option of their own, and what it takes.
_PARAMETERS = {
    'model': 'NAME', 'checkpoint': 'FILE', 'scale_source': None, 'backend': None, 'threads': 'N',
}  # fmt: skip
_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and options of the verb."""
    parser.epilog = (
        'Exit status 1: an image could not be used, a bag not be recorded, or not one image of a '
        'bag got the metres that a scale source was asked for, or an output that --outputs names.'
    )
    parser.add_argument(
        'bags',
        nargs='+',
        type=path_argument,
        metavar='BAG',
        help='bag of ROS 2 or ROS 1, file or folder',
    )
    parser.add_argument(
        '--out', type=path_argument, required=True, metavar='OUT',
        help='bag to write, a folder whatever its name; of several, a folder for bags of the same '
        'names',
    )  # fmt: skip
    parser.add_argument(
        '--merge', action='store_true', help='copy all messages of the bag too, not TF alone'
    )
    parser.add_argument(
        '--outputs', metavar='LIST',
        help=f'what to write, of {", ".join(_OUTPUTS)} (of {",".join(_DEFAULT_OUTPUTS)} what '
        'there is); camera_info goes with depth and with fused',
    )  # fmt: skip
    parser.add_argument(
        '--storage', choices=_STORAGES, default='mcap', help='how the bag is stored (mcap)'
    )
    parser.add_argument(
        '--frames',
        type=count_argument,
        default=0,
        metavar='N',
        help='the first N images only; 0 is all (%(default)s)',
    )
    _add_parameters(parser)
    parser.add_argument(
        '-r', '--remap', action='append', default=[], metavar='NAME:=TOPIC',
        help='topic of the bag for an input of the node, as image:=/front/image_raw; not given: '
        'found by the names that drivers give',
    )  # fmt: skip
    parser.add_argument(
        '--node', type=_node_name, default=DEPTH_NODE, metavar='NAME',
        help='full name of the node: in the parameter file, and before its topics (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--resume',
        action='store_true',
        help='leave bags that are in OUT already as they are',
    )
    add_worker_arguments(parser, 1, '%(default)s: one bag at a time')
    add_json_argument(parser)


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    from depth_anything_ros.config import DepthNodeConfig
    from depth_anything_ros.parameters import parameter_infos

    parser.add_argument(
        '--params', type=path_argument, metavar='FILE', help='parameter file of the node'
    )
    parser.add_argument(
        '-p', '--param', action='append', default=[], metavar='NAME:=VALUE',
        help='parameter of the node; wins over the file, and may be given more than once',
    )  # fmt: skip
    infos = parameter_infos(DepthNodeConfig)
    for name, metavar in _PARAMETERS.items():
        info = infos[name][1]
        parser.add_argument(
            f'--{name.replace("_", "-")}', metavar=metavar, choices=info.choices or None,
            help=info.help.replace('%', '%%'),
        )  # fmt: skip


def _node_name(text: str) -> str:
    """Read the full name of a node; the slash before it may be left out."""
    from depth_anything_ros.bag.topics import allowed_in_ros2

    name = f'/{text.removeprefix("/")}'
    if not allowed_in_ros2(name):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no name of a node; allowed: letters, digits and _, no digit first, with "
            'namespaces before it as /robot/depth_node'
        )
    return name


def run(args: argparse.Namespace) -> int:
    """
    Record the bags and say what came of them.

    :return: 0, or 1 if an image could not be used, a bag not be recorded, or none of its images
        got the metres that a scale source was asked for, or an output that was named.
    :raises ConfigError: if a parameter, an input or an output does not exist or is not allowed.
    :raises DatasetError: if the only bag cannot be recorded, or the place of one is taken.
    :raises WorkerError: if processes or the cluster fail.
    """
    config = _config(args)
    jobs, records = _jobs(args, config)
    for record in _records(args, jobs):
        if record.failure and len(args.bags) == 1:
            raise DatasetError(record.failure)
        _show(record)
        records.append(record)
    if len(args.bags) > 1:
        _show_all(records)
    write_json(args.json, records)
    return int(not all(record.complete and record.as_asked for record in records))


def _config(args: argparse.Namespace) -> DepthNodeConfig:
    from depth_anything_ros.lab.recording.parameters import node_config
    from depth_anything_ros.parameters import changed
    from depth_anything_ros.stream.assembly import check_config

    given = {name: getattr(args, name) for name in _PARAMETERS if getattr(args, name) is not None}
    given.update(_assignments('-p', args.param))
    config = node_config(args.params, given, args.node, write_warning)
    check_config(config)
    if args.jobs > 1 and not args.dask and not config.network.threads:
        # So that the networks of all processes together take the cores once.
        return changed(config, {'threads': max(1, (os.cpu_count() or 1) // args.jobs)})
    return config


def _assignments(option: str, words: Iterable[str]) -> dict[str, str]:
    """Return name → value of words NAME:=VALUE, the last one of a name."""
    found = {}
    for word in words:
        name, sign, value = word.partition(':=')
        if not (name and sign):
            raise ConfigError(f"{option} '{word}' gives no value; write it as NAME:=VALUE")
        found[name.strip()] = value
    return found


def _jobs(
    args: argparse.Namespace, config: DepthNodeConfig
) -> tuple[list[RecordJob], list[BagRecord]]:
    """Return what is to be done, where there is a place for all of it, and what is there."""
    from depth_anything_ros.lab.recording.results import BagRecord, RecordJob

    several = len(args.bags) > 1
    places = [args.out / _name(bag) if several else args.out for bag in args.bags]
    for place, count in Counter(places).items():
        if count > 1:
            same = [f"'{bag}'" for bag, of in zip(args.bags, places, strict=True) if of == place]
            raise ConfigError(
                f"{count} bags would be written to '{place}': {', '.join(same)}; record them one "
                'at a time, each with an --out of its own'
            )
    jobs = [
        RecordJob(
            bag, place, config, _outputs(args.outputs), _assignments('-r', args.remap),
            args.node, args.merge, args.frames, args.storage, named=args.outputs is not None,
        )
        for bag, place in zip(args.bags, places, strict=True)
    ]  # fmt: skip
    if args.resume and several:
        # Of a run that was killed. Of a single bag its writer does that.
        remove_left_over(args.out)
    there = [job for job in jobs if job.out.exists()]
    if there and not args.resume:
        advice = '; --resume leaves those that are there as they are' if several else ''
        raise DatasetError(f"'{there[0].out}' exists; bags are not written over{advice}")
    kept = [BagRecord.kept(job) for job in there]
    for record in kept:
        write_line(f'{record.out}: there already, left as it is')
        _tell('for warnings', record.warnings)
    return [job for job in jobs if job not in there], kept


def _name(bag: Path) -> str:
    return bag.resolve().stem if bag.is_file() else bag.resolve().name


def _outputs(text: str | None) -> tuple[str, ...]:
    from depth_anything_ros.parameters import split_names

    names = _DEFAULT_OUTPUTS if text is None else split_names(text)
    for name in names:
        if name not in _OUTPUTS:
            raise ConfigError(f"unknown output '{name}'; known: {', '.join(_OUTPUTS)}")
    if not names:
        raise ConfigError(f'--outputs names nothing to write; known: {", ".join(_OUTPUTS)}')
    return tuple(_OUTPUTS[name] for name in names)


def _records(args: argparse.Namespace, jobs: list[RecordJob]) -> Iterator[BagRecord]:
    """Record the bags and yield what came of each; show how far all of it is, in images."""
    from depth_anything_ros.lab.recording.bag import count_images
    from depth_anything_ros.lab.recording.many import record_by_workers, record_here
    from depth_anything_ros.lab.recording.results import BagRecord
    from depth_anything_ros.progress import Progress

    counts, readable = {}, []
    for job in jobs:
        try:
            counts[str(job.bag)] = count_images(job)
        except DatasetError as error:
            if not args.dask:  # a cluster may see what this machine does not
                yield BagRecord(str(job.bag), str(job.out), str(error))
                continue
            counts[str(job.bag)] = 0
        readable.append(job)
    if not readable:
        return
    with Progress('recording', sum(counts.values()) or None) as shown:
        if args.jobs == 1 and not args.dask:
            for job in readable:
                yield record_here(job, shown.update)
            return
        with chosen_workers(args) as workers:
            for record in record_by_workers(readable, workers):
                shown.update(counts[record.bag])
                yield record


def _show(record: BagRecord) -> None:
    from depth_anything_ros.lab.speed import speed_text
    from depth_anything_ros.table import Table

    if record.failure:
        write_warning(f'{record.bag}: {record.failure}')
        return
    write_line(
        f'{record.out}: {record.written} of {record.images} images, {record.metric} with metric '
        f'depth, in {record.duration_s:.1f} s'
    )
    if speed := speed_text(record.rate_hz, record.network_share):
        write_line(speed)
    write_table(Table(('topic', 'messages'), list(record.messages.items())))
    for rejection in record.rejected[:_SHOWN]:
        write_warning(f'image {rejection.number} ({rejection.stamp_ns} ns): {rejection.reason}')
    if len(record.rejected) > _SHOWN:
        write_warning(f'{len(record.rejected) - _SHOWN} more images were rejected; see --json')
    if record.lacks_metres:
        write_warning(f'{record.out}: not one image has the metric depth that was asked for')
    elif record.empty:
        words = [word for word, topic in _OUTPUTS.items() if topic in record.empty]
        takes = ' and '.join(dict.fromkeys(_TAKES[word] for word in words))
        write_warning(
            f'{record.out}: nothing to write for {", ".join(words)}, which --outputs names: it '
            f'takes {takes}'
        )
    _tell('without metric depth', record.no_metric, record.written)
    _tell('for doubts of images', record.doubts, record.written)
    _tell('for warnings', record.warnings)
    if record.model is not None and record.model.weights == 'random':
        write_warning('random weights: the depth means nothing')


def _show_all(records: list[BagRecord]) -> None:
    """Say at the end of many bags what of them is there."""
    failed = [record.bag for record in records if record.failure]
    images = sum(record.written for record in records)
    write_line(f'{len(records) - len(failed)} of {len(records)} bags recorded, images: {images}')
    if failed:
        more = f' and {len(failed) - _SHOWN} more' if len(failed) > _SHOWN else ''
        write_warning(f'not recorded: {", ".join(failed[:_SHOWN])}{more}')


def _tell(what: str, counts: Mapping[str, int], images: int = 0) -> None:
    """Tell the most frequent of some reasons, each once with its count, if need be of images."""
    for text, count in Counter(counts).most_common(_SHOWN):
        if images:
            write_warning(f'{text} ({count} of {images} images)')
        else:
            write_warning(f'{text} ({count} times)' if count > 1 else text)
    if len(counts) > _SHOWN:
        write_warning(f'{len(counts) - _SHOWN} other reasons {what}; see --json')
