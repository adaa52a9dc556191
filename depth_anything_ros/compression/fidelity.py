"""How near the output of a compressed network is to that of the network it was made of."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.inference_mode()
def output_sqnr_db(reference: nn.Module, compressed: nn.Module, inputs: Iterable[Tensor]) -> float:
    """
    Return the signal-to-quantisation-noise ratio of a network's output, larger is better.

    10 · log10(Σ reference² / Σ (compressed − reference)²), summed over the pixels of all inputs.

    :param reference: the network before compression, in evaluation mode.
    :param compressed: the network after it, in evaluation mode.
    :param inputs: of the networks, float32 (B, 3, h, w).
    :return: in dB; infinity where both give the same, NaN where the reference gives only zeros
        or there is no input.
    """
    signal = noise = 0.0
    for pixels in inputs:
        expected = reference(pixels).double()
        signal += float(expected.square().sum())
        noise += float((compressed(pixels).double() - expected).square().sum())
    if signal == 0.0:
        return math.nan
    return math.inf if noise == 0.0 else 10.0 * math.log10(signal / noise)
