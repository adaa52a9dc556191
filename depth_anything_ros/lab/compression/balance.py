"""Factors moved from norms into the layers that read them, so that no channel stands out."""

from __future__ import annotations

import torch
from torch import Tensor

from depth_anything_ros.lab.compression.recipe import ModelContext, PackedState, estimator_of
from depth_anything_ros.models.norm_readers import norm_readers_of
from depth_anything_ros.models.packed import PackedTensor


def balance(state: PackedState, context: ModelContext) -> PackedState:
    """
    Return tensors of the same network whose norms and the weights after them are alike in range.

    What a layer reads has one step of 8 bits for all channels, and so a channel a hundred times as
    large as the others leaves these with none. Channel j of a norm is divided by

        s_j = √(size of channel j / size of the weights that read it)

    and these weights are multiplied by it: the same network in exact arithmetic. Sizes are root
    mean squares, that of a channel where what the norm scales has mean 0 and variance 1.
    Source: Xiao et al., "SmoothQuant" (arXiv 2211.10438), equation 4 with α = ½. It takes greatest
    magnitudes, of channels on images. Those of the norm itself need no images, and root mean
    squares leave a network alone whose channels are alike but for chance.
    """
    changed = dict(state)
    for norm, layers in norm_readers_of(estimator_of(context.spec, state)):
        scale, shift = (state[f'{norm}.{name}'].values for name in ('weight', 'bias'))
        weights = {f'{layer}.weight': state[f'{layer}.weight'].values for layer in layers}
        sizes = torch.hypot(scale, shift)  # (C,)
        readers = torch.cat([_by_channel(values, len(scale)) for values in weights.values()])
        factors = _factors(sizes, readers.square().mean(0).sqrt())
        changed[f'{norm}.weight'] = PackedTensor(scale / factors)
        changed[f'{norm}.bias'] = PackedTensor(shift / factors)
        for name, values in weights.items():
            repeated = factors.repeat(values.shape[1] // len(factors))
            shape = (1, -1, *[1] * (values.ndim - 2))
            changed[name] = PackedTensor(values * repeated.reshape(shape))
    return changed


def _by_channel(weights: Tensor, channels: int) -> Tensor:
    """Return the weights of a layer as (those of a channel, channels)."""
    inputs = weights.movedim(1, -1).flatten(0, -2)  # (others, inputs)
    return inputs.reshape(-1, channels)


def _factors(sizes: Tensor, readers: Tensor) -> Tensor:
    """Return the factors, (C,), with a geometric mean of 1; 1 where a channel does nothing."""
    works = (sizes > 0) & (readers > 0)
    ratios = torch.where(works, sizes, 1.0).double() / torch.where(works, readers, 1.0).double()
    logarithms = ratios.log() / 2
    mean = logarithms[works].mean() if works.any() else 0.0
    return torch.where(works, (logarithms - mean).exp(), 1.0).float()
