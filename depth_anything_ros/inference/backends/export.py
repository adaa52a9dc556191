"""What exporting a network to another library takes, whichever the library."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.jit._trace import TracerWarning

from depth_anything_ros.models.estimator import DepthAndConfidence, DepthEstimator
from depth_anything_ros.models.quantised import rounded_weights

VALUES, CONFIDENCE = 'values', 'confidence'
"""Names of the outputs of an export."""


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
