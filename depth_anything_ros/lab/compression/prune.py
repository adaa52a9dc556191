"""Unstructured pruning: the smallest weights become zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from depth_anything_ros.errors import CompressionError
from depth_anything_ros.lab.compression.recipe import Kind, ModelContext, PackedState, check_amount
from depth_anything_ros.models.packed import PackedTensor

Scope = Literal['layer', 'global']


@dataclass(frozen=True)
class Prune:
    """
    Set the weights of smallest magnitude of linear and convolution layers to zero.

    Exactly round(amount · weights) of them go: of each layer, or of all layers together, where
    magnitudes of different layers compete. Of equal magnitudes the first in memory go first.
    Source: l1_unstructured and global_unstructured of torch.nn.utils.prune.

    :param amount: share of the weights, 0.1 to 0.9.
    :param scope: 'layer' or 'global'.
    :raises CompressionError: if one of them is something else.
    """

    amount: float
    scope: Scope = 'layer'
    kind: ClassVar[Kind] = Kind.SPARSITY
    calibrated: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_amount('prune', self.amount)
        if self.scope not in get_args(Scope):
            known = ', '.join(get_args(Scope))
            raise CompressionError(f"recipe prune: unknown scope '{self.scope}'; known: {known}")

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:
        """Return the tensors, those of prunable layers with zeros."""
        names = [name for name, layer in context.layers.items() if layer.prunable]
        weights = [state[name].values for name in names]
        if self.scope == 'layer':
            masks = [smallest(values.abs(), self.amount) for values in weights]
        else:
            together = torch.cat([values.abs().flatten() for values in weights])
            sizes = [values.numel() for values in weights]
            flat = torch.split_with_sizes(smallest(together, self.amount), sizes)
            masks = [
                mask.reshape(values.shape) for mask, values in zip(flat, weights, strict=True)
            ]
        pruned = {
            name: PackedTensor(values.masked_fill(mask, 0.0))
            for name, values, mask in zip(names, weights, masks, strict=True)
        }
        return {**state, **pruned}


def smallest(magnitudes: Tensor, share: float) -> Tensor:
    """
    Return a mask of the smallest numbers, exactly round(share · count) of them.

    :param magnitudes: of any shape.
    :param share: 0 to 1.
    :return: bool, of the same shape; of equal numbers the first in memory are in it.
    """
    flat = magnitudes.flatten()
    count = round(share * flat.numel())
    if count == 0:
        return torch.zeros_like(magnitudes, dtype=torch.bool)
    limit = flat.kthvalue(count).values
    mask = flat < limit
    equal = (flat == limit).nonzero().squeeze(1)
    mask[equal[: count - int(mask.sum())]] = True
    return mask.reshape(magnitudes.shape)
