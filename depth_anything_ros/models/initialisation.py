"""Random weights from a seed, for timing and tests; what they predict means nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

_STD = 0.02
_LAST_GAIN = 0.01


@runtime_checkable
class HasConstants(Protocol):
    """A module with buffers that are the same in every checkpoint."""

    def reset_constants(self) -> None:
        """Fill them, in place."""


@runtime_checkable
class HasHeads(Protocol):
    """A module with several parts that each give an output."""

    def heads(self) -> tuple[nn.Module, ...]:
        """Return them."""


@torch.no_grad()
def initialise(model: nn.Module, seed: int) -> None:
    """
    Fill a model with random weights that depend on the seed only.

    Linear layers and embeddings: normal, σ = 0.02. Convolutions: He's normal, σ = √(2 / fan-in),
    which keeps the spread through ReLU. Norms and layer scales: 1. Biases and the unused mask
    token: 0. Constant buffers: their constants. The last convolution (of each head where there are
    several) gets positive weights: what it reads left a ReLU, so a final ReLU cannot cut
    everything off and the output varies with the image. They are made smaller by 1 / 100, so that
    the output is a few units, as that of trained weights, and a final sigmoid is not saturated.

    Source: He et al., "Delving Deep into Rectifiers" (arXiv 1502.01852).
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for name, values in module.named_parameters(recurse=False):
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and name == 'weight':
                std = math.sqrt(2 / _fan_in(module))
                values.normal_(0.0, std, generator=generator)
            elif name == 'bias' or name == 'mask_token':
                values.zero_()
            elif values.ndim == 1:
                values.fill_(1.0)
            else:
                values.normal_(0.0, _STD, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
        if isinstance(module, HasConstants):
            module.reset_constants()
    for head in _heads(model):
        convolutions = [part for part in head.modules() if isinstance(part, nn.Conv2d)]
        for last in convolutions[-1:]:
            last.weight.abs_().mul_(_LAST_GAIN)


def _heads(model: nn.Module) -> tuple[nn.Module, ...]:
    """Return the parts that give an output: those that a module names, or the whole."""
    named = (part.heads() for part in model.modules() if isinstance(part, HasHeads))
    return next(named, (model,))


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, shapes and bytes of the tensors, in the order of names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = state[name].detach().cpu().contiguous()
        digest.update(f'{name} {tuple(values.shape)} {values.dtype}'.encode())
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _fan_in(module: nn.Conv2d | nn.ConvTranspose2d) -> int:
    """Return how many numbers one output reads (transposed: kernel and stride are equal)."""
    if isinstance(module, nn.ConvTranspose2d):
        return module.in_channels
    return module.in_channels // module.groups * math.prod(module.kernel_size)
