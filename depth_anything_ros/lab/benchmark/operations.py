"""How many operations a network makes for one image, without making them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from depth_anything_ros.errors import BackendError
from depth_anything_ros.lab.benchmark.network import PartCounts, count
from depth_anything_ros.models import create_model
from depth_anything_ros.models.checkpoint import build_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.spec import ModelSpec


@dataclass(frozen=True)
class Operations:
    """
    Multiply-accumulates of the two parts of a network, for one image.

    Matrix products, convolutions and attention count; what is done number by number (norms,
    activations, sampling, resizing) does not.
    """

    encoder: int
    decoder: int

    @property
    def total(self) -> int:
        """Return those of the whole network."""
        return self.encoder + self.decoder


def count_operations(spec: ModelSpec, height: int, width: int) -> Operations:
    """
    Count the operations for one image; shapes are computed and numbers are not.

    :param height: rows of the network input, a multiple of the patch.
    :param width: columns of the network input, a multiple of the patch.
    :raises UnknownNameError: if the row names a part that is not known.
    :raises BackendError: if a side is not a positive multiple of the patch.
    """
    with torch.device('meta'):
        return _count(create_model(spec).eval(), height, width)


def count_parameters(spec: ModelSpec) -> PartCounts:
    """
    Count the parameters of what gives depth, encoder and decoder.

    :raises UnknownNameError: if the row names a part that is not known.
    """
    with torch.device('meta'):
        return parameters_of(create_model(spec))


def parameters_of(estimator: DepthEstimator) -> PartCounts:
    """Count the parameters of what gives depth in a network as it is."""
    encoder, decoder = count(estimator.pretrained), count(estimator.depth_head)
    return PartCounts(encoder + decoder, encoder, decoder)


def without_numbers(estimator: DepthEstimator) -> DepthEstimator:
    """
    Return a network of the same shapes that holds no numbers, with units left out as they are.

    It takes no memory and rounds nothing.
    """
    shapes = {name: values.to('meta') for name, values in estimator.state_dict().items()}
    return build_estimator(estimator.spec, shapes, {})


def operations_of(estimator: DepthEstimator, height: int, width: int) -> Operations:
    """
    Count the operations of a network as it is, perhaps with some units left out.

    :param estimator: which is not changed.
    :param height: as for :func:`count_operations`.
    :param width: as for :func:`count_operations`.
    :raises BackendError: as for :func:`count_operations`.
    """
    return _count(without_numbers(estimator), height, width)


def _count(model: DepthEstimator, height: int, width: int) -> Operations:
    spec = model.spec
    if height < 1 or width < 1 or height % spec.patch or width % spec.patch:
        raise BackendError(
            f'network input of {height}×{width} (height × width) pixels; '
            f'both must be multiples of {spec.patch}'
        )
    with torch.device('meta'), torch.no_grad():
        with FlopCounterMode(display=False) as encoder:
            layers = model.pretrained(torch.empty(1, 3, height, width), spec.layers)
        with FlopCounterMode(display=False) as decoder:
            model.depth_head(layers, (height // spec.patch, width // spec.patch))
    # The counter takes a multiplication with addition for two operations.
    return Operations(encoder.get_total_flops() // 2, decoder.get_total_flops() // 2)
