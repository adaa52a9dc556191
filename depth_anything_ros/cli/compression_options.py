"""What the verbs `compress` and `study` ask alike: the network before, and images for it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from depth_anything_ros.lab.datasets import Dataset
    from depth_anything_ros.models.spec import ModelSpec

# Worlds of no training run, which takes small seeds, and no validation.
COMPARED = 'simulator:2000000'
CALIBRATION, CALIBRATION_IMAGES = 'simulator:1000000:32', 32


def add_parent_arguments(parser: argparse.ArgumentParser, random_help: str) -> None:
    """
    Add `--model`, `--checkpoint` and `--weights`: the network before compression.

    :param random_help: what random weights are good for.
    """
    parser.add_argument('--model', choices=tuple(MODELS), required=True, metavar='NAME',
                        help=f'one of {", ".join(MODELS)}')  # fmt: skip
    parser.add_argument(
        '--checkpoint', default='', metavar='FILE',
        help='weights to start from (default: the published ones)',
    )  # fmt: skip
    parser.add_argument(
        '--weights', choices=('pretrained', 'random'), default='pretrained', help=random_help
    )


def add_calibration_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--calibration` and `--calibration-images`."""
    parser.add_argument(
        '--calibration', default=CALIBRATION, metavar='WORD',
        help='images that int8_static finds its ranges on, named like --data of evaluate, '
             'or images:FOLDER (default %(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--calibration-images', type=int, default=CALIBRATION_IMAGES, metavar='N',
        help='how many of them, evenly from all (default %(default)s)',
    )  # fmt: skip


def calibration_data(word: str) -> Dataset:
    """
    Open data of which only the images count, be there depth or not.

    :raises DatasetError: if it cannot be read; see `parse_data` for what else.
    """
    from depth_anything_ros.lab.datasets import Truth

    return parse_data(word, truths=tuple(Truth))


def network_inputs(dataset: Dataset, count: int, spec: ModelSpec) -> Iterator[Tensor]:
    """
    Iterate over network inputs (1, 3, h, w) at the size of the model, made of a data set.

    :param count: how many at most, evenly from all.
    :param spec: the row of the model.
    """
    import numpy as np
    import torch

    from depth_anything_ros.inference.preprocess import Preprocessor, network_size

    places = np.linspace(0, len(dataset), min(count, len(dataset)), endpoint=False).astype(int)
    for place in places:
        rgb = dataset[int(place)].rgb
        size = network_size(
            rgb.shape[0], rgb.shape[1], spec.input_size, spec.patch, spec.longer_side
        )
        yield torch.from_numpy(Preprocessor(spec, size)(rgb).pixels)
