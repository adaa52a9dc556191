"""The verb `export`: write a model as a folder that runs without torch."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from depth_anything_ros.cli.compression_options import add_parent_arguments
from depth_anything_ros.cli.console import (
    add_json_argument,
    path_argument,
    progress,
    write_json,
    write_line,
    write_table,
    write_warning,
)
from depth_anything_ros.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depth_anything_ros.lab.exporting.folder import ExportResult
    from depth_anything_ros.models.spec import ModelSpec

_FORMATS = ('openvino', 'onnx')
_PRECISIONS = ('fp32', 'fp16', 'int8')
_COLUMNS = ['input', 'library', 'error, of the range', 'allowed']

_EPILOG = """examples:
  for OpenVINO, at the size that the model was trained at, for a camera of 640x480:
    depth_anything_ros export --model depth_anything_v2_vits --format openvino --out vits
    depth_anything_ros predict photo.jpg --checkpoint vits --out depth
  two sizes; the node takes the first, or the other one by input_size:=252:
    depth_anything_ros export --model depth_anything_v2_vits --input-size 392 252 \\
      --format onnx --out vits
  for pictures of another shape:
    depth_anything_ros export --model tiny --image-size 1280x720 --format onnx --out wide
  half the size, and integers of a packed checkpoint:
    depth_anything_ros export --model tiny --format onnx --precision fp16 --out half
    depth_anything_ros export --model tiny --checkpoint tiny8.safetensors --format openvino \\
      --out tiny8

FOLDER holds a network for each input size and network.json, which says what it reads and gives
(docs/your_network.md), and what it was made of. It takes the place of a checkpoint:
--checkpoint FOLDER of the other verbs, checkpoint:=FOLDER of the node. Networks have fixed sizes:
an image that makes another one by the resize rule is an error that names the sizes.

After writing, each library here that reads the files is compared with torch, on a simulated image
through the whole way. A folder that is off by more than 1e-4 of the range of the output is not
kept; with fp16 that is 1e-2, with int8 twice what rounding to integers itself makes of the output.
fp16 is how weights are stored, not what the library computes in: that is --precision there. int8
keeps the integers of a checkpoint of `compress --recipe int8_static` or int8_dynamic.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_parent_arguments(parser, 'random weights mean nothing; they show size and speed')
    parser.add_argument(
        '--input-size', nargs='+', type=_input_size, default=[0], metavar='SIZE',
        help="side of the network's input by the resize rule of the model, or HEIGHTxWIDTH; one "
        'or several, of which the first is what the folder takes by itself (default: the '
        "model's)",
    )  # fmt: skip
    parser.add_argument(
        '--image-size', type=_image_size, default=(640, 480), metavar='WIDTHxHEIGHT',
        help='of the images, whose shape gives the other side (default: 640x480)',
    )  # fmt: skip
    parser.add_argument('--format', choices=_FORMATS, required=True, help='of the files')
    parser.add_argument(
        '--precision', choices=_PRECISIONS,
        help='how numbers are stored (default: int8 of checkpoints with integers, else fp32)',
    )  # fmt: skip
    parser.add_argument(
        '--out', type=path_argument, required=True, metavar='FOLDER', help='folder to write'
    )
    parser.add_argument(
        '--force', action='store_true', help='replace FOLDER if it was exported before'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """
    Export the model, check it, and say how far it is from torch.

    :raises ConfigError: if a size, or the precision of the weights, does not fit the model.
    :raises CheckpointError: if the weights cannot be had.
    :raises MissingDependencyError: if a library is not installed.
    :raises BackendError: if the network cannot be exported, or is too far from torch.
    :raises OutputError: if the folder cannot be written.
    """
    from depth_anything_ros.lab.exporting.folder import check_replaceable, export_folder
    from depth_anything_ros.lab.exporting.formats import Format, Numbers
    from depth_anything_ros.models import MODELS
    from depth_anything_ros.models.checkpoint import load_estimator

    sizes = _sizes(args.input_size, args.image_size, MODELS[args.model])
    check_replaceable(args.out, args.force)
    model = load_estimator(args.model, args.checkpoint, args.weights)
    result = export_folder(
        model,
        sizes,
        Format(args.format),
        Numbers(args.precision) if args.precision else None,
        args.out,
        replace=args.force,
        progress=lambda all: progress(all, len(all), 'sizes'),
    )
    _show(result)
    write_json(args.json, result)
    return 0


def _sizes(
    asked: Sequence[int | tuple[int, int]], image: tuple[int, int], spec: ModelSpec
) -> list[tuple[int, int]]:
    """
    Return the (height, width) of each input, each once.

    :param image: its (width, height).
    """
    from depth_anything_ros.inference.preprocess import check_multiple, network_size

    found = []
    for size in asked:
        if isinstance(size, int):
            width, height = image
            side = size or spec.input_size
            found.append(network_size(height, width, side, spec.patch, spec.longer_side))
            continue
        for name, length in zip(('input height', 'input width'), size, strict=True):
            check_multiple(name, length, spec.patch)
        found.append(size)
    return list(dict.fromkeys(found))


def _show(result: ExportResult) -> None:
    from depth_anything_ros.lab.exporting.formats import Numbers

    made = result.contract.made_by
    assert made is not None, 'export says so'
    rows: list[list[object]] = [
        [f'{one.size[0]}×{one.size[1]}', one.library, f'{one.error:.1e}',
         f'{one.allowed(Numbers(made.precision)):.1e}']
        for one in result.agreements
    ]  # fmt: skip
    write_table(Table(_COLUMNS, rows))
    moved = max(one.sky_moved for one in result.agreements)
    if moved:
        write_line(f'sky for one of the two only, and left out: {moved:.3%} of the pixels')
    write_line(f'wrote {result.out}: {made.precision}, {result.bytes / 1e6:.1f} MB')
    if made.weights == 'random':
        write_warning('random weights: the depth means nothing')


def _input_size(text: str) -> int | tuple[int, int]:
    from depth_anything_ros.cli.predictor_options import count_from_one
    from depth_anything_ros.cli.training_options import size_argument

    return size_argument(text) if 'x' in text else count_from_one(text)


def _image_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; write it as 640x480")
    return int(width), int(height)
