"""What exporting a network to another library takes, whichever the library."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.jit._trace import TracerWarning

from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import source_digest
from depth_anything_ros.models.estimator import DepthAndConfidence, DepthEstimator
from depth_anything_ros.models.quantised import rounded_weights

VALUES, CONFIDENCE = 'values', 'confidence'
"""Names of the outputs of an export."""


def export_label(options: BackendOptions, backend: str) -> str:
    """Return a readable name for an export: model, height, width, backend."""
    height, width = options.size
    return f'{options.estimator.spec.name}-{height}x{width}-{backend}'


def export_key(
    options: BackendOptions, narrowed: Collection[str], **libraries: str
) -> dict[str, str]:
    """
    Return everything that an export depends on.

    Exports are in fp32; narrower formats are chosen when the library compiles the export.

    :param narrowed: names of the layers whose weights take 7 bits.
    :param libraries: name=version of the libraries that take part, besides torch.
    """
    return {
        'model': options.estimator.spec.name,
        'output': options.estimator.spec.output,
        'weights': options.weights_key,
        'size': f'{options.size[0]}x{options.size[1]}',
        'precision': 'fp32',
        'narrowed': ' '.join(narrowed),
        'source': source_digest(),
        'torch': torch.__version__,
        **libraries,
    }


def output_names(estimator: DepthEstimator) -> list[str]:
    """Return what the outputs of an export are called."""
    return [VALUES, CONFIDENCE] if estimator.spec.confidence else [VALUES]


def exported(estimator: DepthEstimator) -> nn.Module:
    """Return what is exported of a network: its depth, and its confidence where it tells one."""
    return DepthAndConfidence(estimator) if estimator.spec.confidence else estimator


@contextmanager
def tracing(
    estimator: DepthEstimator, size: tuple[int, int], narrowed: Collection[str]
) -> Iterator[torch.Tensor]:
    """
    Give an example input (1, 3, h, w) to trace the network with, at its fixed size.

    The position table of the size is made first and so becomes a constant of the export:
    other libraries resample it by another rule (an error of 6.5e-3 under OpenVINO). Layers that
    read integers show the steps of both factors.

    :param narrowed: names of the layers whose weights are rounded to 7 bits.
    """
    estimator.prepare(*size)
    example = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    with (
        torch.no_grad(),
        rounded_weights(estimator, narrowed),
        warnings.catch_warnings(),
    ):
        # Sizes become constants of the trace; that is what a fixed input size means.
        warnings.simplefilter('ignore', TracerWarning)
        # Both libraries go through torch.jit.trace, which torch 2.9 and later advise against.
        warnings.simplefilter('ignore', DeprecationWarning)
        # How torch writes asymmetric padding to ONNX; the libraries fold it themselves.
        warnings.filterwarnings('ignore', 'Constant folding', UserWarning)
        yield example
