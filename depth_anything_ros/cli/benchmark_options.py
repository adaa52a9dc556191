"""The options of the verb `benchmark`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from depth_anything_ros.cli.predictor_options import count_from_one
from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.devices import AUTO, DEVICE_NAMES, Device
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.types import Precision

if TYPE_CHECKING:
    from depth_anything_ros.lab.benchmark.plan import AskedSize

_PRECISIONS = [item.value for item in Precision]
_EAGER, NO_MODEL, _EVERY = 'eager', 'none', 'all'


def add_what(parser: argparse.ArgumentParser) -> None:
    """Add what is timed; options in the plural take lists separated by commas."""
    what = parser.add_argument_group('what to time')
    what.add_argument(
        '--model', type=_models, default=['depth_anything_v2_vits'],
        metavar='NAMES', help='models, see the verb info; all for every network of the package '
        'once, none for comparators only (default: depth_anything_v2_vits)',
    )  # fmt: skip
    what.add_argument(
        '--hub-model', action='append', default=[], metavar='ID',
        help='any depth model of transformers beside them, by its id on the Hugging Face hub or '
        'its folder, with its own image processor; may be given more than once',
    )  # fmt: skip
    what.add_argument(
        '--detector', action='append', default=[], metavar='NAME',
        help='a detector of ultralytics (yolo11n, …) beside them with random weights, for its '
        'time alone; may be given more than once',
    )  # fmt: skip
    what.add_argument(
        '--checkpoint', default='',
        help='local weights, for a single model; or a folder with a network of your own, in its '
        'place',
    )  # fmt: skip
    what.add_argument(
        '--folder', action='append', default=[], metavar='FOLDER',
        help='a network of your own in a folder beside the models; may be given more than once',
    )  # fmt: skip
    what.add_argument(
        '--compressed', action='append', default=[], metavar='FILE',
        help='packed checkpoint to time beside its model, see the verb compress; may be given '
        'more than once',
    )  # fmt: skip
    what.add_argument(
        '--weights', choices=('pretrained', 'random'), default='pretrained',
        help='random weights take no download and cost the same time',
    )  # fmt: skip
    what.add_argument(
        '--input-size', type=_input_sizes, default=[0], metavar='SIZES',
        help='network inputs: 256x256 is height x width, 256 the shorter side for a 640x480 '
        'image, as in the node (256x336 or so), 0 what the model was trained at; the default',
    )  # fmt: skip
    what.add_argument(
        '--backend', type=_list_of(BACKENDS), default=list(BACKENDS), metavar='NAMES',
        help=f'backends (default: {",".join(BACKENDS)})',
    )  # fmt: skip
    what.add_argument(
        '--precision', type=_list_of(_PRECISIONS), default=['fp32', 'bf16'], metavar='NAMES',
        help=f'of {", ".join(_PRECISIONS)} (default: fp32,bf16)',
    )  # fmt: skip
    what.add_argument(
        '--baseline', type=_baseline, default=_EAGER, metavar='NAME',
        help='what speed-up and error refer to: eager, the network as public code writes it, in '
        'torch fp32; BACKEND:PRECISION, one of the rows; or none (default: eager)',
    )  # fmt: skip
    what.add_argument(
        '--device', type=_devices, default=[AUTO], metavar='NAMES',
        help=f'of {DEVICE_NAMES}; a backend is timed on those that it runs on (default: auto)',
    )  # fmt: skip


def add_how(parser: argparse.ArgumentParser) -> None:
    """Add how it is timed."""
    how = parser.add_argument_group('how to time it')
    how.add_argument(
        '--runs', type=count_from_one, default=50, help='timed runs of each row (default: 50)'
    )
    how.add_argument(
        '--baseline-runs', type=count_from_one,
        help='timed runs of the slow baseline eager, spread evenly over the others (default: a '
        'fifth of --runs, at least 10)',
    )  # fmt: skip
    how.add_argument(
        '--warmup', type=count_from_one, default=3, help='untimed runs of each first (default: 3)'
    )
    how.add_argument(
        '--threads', type=count_from_one,
        help="CPU threads of all (default: torch's own choice; without torch all there are)",
    )  # fmt: skip
    how.add_argument(
        '--memory', action='store_true',
        help='also the peak memory of each row, resident and on the GPU, in a fresh process that '
        'loads it and runs it 3 times',
    )  # fmt: skip
    how.add_argument(
        '--apart', action='store_true',
        help='one model after another instead of all in turns: takes the least memory, and '
        'ratios between models hold less well',
    )  # fmt: skip
    how.add_argument(
        '--count', action='store_true',
        help='count parameters and MACs of the networks of the package, and open and time none',
    )  # fmt: skip
    how.add_argument('--cache-dir', default='', help='folder for exported networks')


def every_network() -> list[str]:
    """Return the names of rows that cost differently, of those that cost the same the first."""
    names: dict[ModelSpec, str] = {}
    for name, row in MODELS.items():
        network = replace(
            row, name='', licence='', origin='', hub_repo='', revision='', weights_file='',
            sha256='', max_depth_m=None,
        )  # fmt: skip
        names.setdefault(network, name)
    return list(names.values())


def _models(text: str) -> list[str]:
    return every_network() if text == _EVERY else _list_of((*MODELS, NO_MODEL))(text)


def _devices(text: str) -> list[str]:
    names = text.split(',')
    for name in names:
        try:
            if name != AUTO:
                Device.parse(name)
        except BackendError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
    return names


def _list_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(',')
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"unknown name '{name}'; known: {', '.join(known)}"
                )
        return names

    return parse


def _baseline(text: str) -> str | tuple[str, str]:
    if text in (_EAGER, NO_MODEL):
        return text
    backend, _, precision = text.partition(':')
    if backend not in BACKENDS or precision not in _PRECISIONS:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a baseline; examples: {_EAGER}, {NO_MODEL}, torch:fp32, "
            'openvino:bf16'
        )
    return backend, precision


def _input_sizes(text: str) -> list[AskedSize]:
    sizes: list[AskedSize] = []
    for item in text.split(','):
        sides = item.split('x')
        if len(sides) > 2 or not all(side.isdigit() for side in sides):
            raise argparse.ArgumentTypeError(
                f"'{item}' is not an input size; examples: 518, 518x686 (height x width)"
            )
        numbers = [int(side) for side in sides]
        if len(numbers) == 2 and not all(numbers):
            raise argparse.ArgumentTypeError(f"'{item}' has a side of no pixels")
        sizes.append((numbers[0], numbers[1]) if len(numbers) == 2 else numbers[0])
    return sizes
