"""The ranges of numbers that layers read, found on a set of images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.quantised import RoundedInput

# Numbers kept of each layer and image, evenly from all it reads.
_KEPT = 8192
_SHARES = torch.linspace(0.2, 1.0, 81).tolist()


@torch.inference_mode()
def input_ranges(
    estimator: DepthEstimator, weights: Sequence[str], images: Iterable[Tensor]
) -> dict[str, tuple[float, float]]:
    """
    Return for each layer the range whose 256 steps lose least of what it reads.

    A range is a share of the widest one seen: clipping a few far numbers may cost less than
    coarser steps for all. Layers that no image reaches have none.

    :param estimator: the network, in evaluation mode.
    :param weights: of the layers.
    :param images: network inputs, float32 (1, 3, h, w).
    :return: (least, greatest) by the name of the weight, the sign of what was seen kept.
    """
    seen = {name: _Seen() for name in weights}
    hooks = [
        estimator.get_submodule(name.removesuffix('.weight')).register_forward_pre_hook(
            partial(_look, seen[name])
        )
        for name in weights
    ]
    try:
        for pixels in images:
            estimator(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: numbers.best_range() for name, numbers in seen.items() if numbers.kept}


class _Seen:
    """What one layer has read so far."""

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.kept: list[Tensor] = []

    def look(self, numbers: Tensor) -> None:
        self.low = min(self.low, float(numbers.min()))
        self.high = max(self.high, float(numbers.max()))
        flat = numbers.flatten()
        stride = max(1, flat.numel() // _KEPT)
        # Every channel has its turn, be it the last axis, of tokens, or columns of a map.
        while math.gcd(stride, numbers.shape[-1]) > 1:
            stride += 1
        self.kept.append(flat[::stride].clone())

    def best_range(self) -> tuple[float, float]:
        numbers = torch.cat(self.kept)
        candidates = [(share * self.low, share * self.high) for share in _SHARES]
        return min(candidates, key=lambda found: _loss(numbers, *found))


def _loss(numbers: Tensor, low: float, high: float) -> float:
    rounded = RoundedInput.of_range(low, high)(nn.Identity(), (numbers,))
    return float(rounded.sub_(numbers).square_().mean())


def _look(seen: _Seen, _: nn.Module, inputs: tuple[Tensor]) -> None:
    seen.look(inputs[0])
