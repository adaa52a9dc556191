"""Structured pruning: whole attention heads and hidden channels go, and the network shrinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from depth_anything_ros.lab.compression.recipe import (
    Kind,
    ModelContext,
    PackedState,
    check_amount,
    estimator_of,
)
from depth_anything_ros.models.packed import PackedTensor
from depth_anything_ros.models.prunable_groups import PrunableGroups, prunable_groups_of

_LARGEST_BLOCK = 64


@dataclass(frozen=True)
class PruneStructured:
    """
    Take out the weakest attention heads and hidden channels of the encoder.

    Of each attention, MLP and inverted residual the share `amount` goes, at least one unit stays.
    How many stay is rounded to a multiple of a power of two, at most a sixteenth of them and 64,
    as processors multiply in blocks of such sizes. The strength of a unit is the Euclidean norm
    of all weights that it is made of.
    Source: Li et al., "Pruning Filters for Efficient ConvNets" (arXiv 1608.08710); heads as in
    Michel et al., "Are Sixteen Heads Really Better than One?" (arXiv 1905.10650).

    :param amount: share of the units, 0.1 to 0.9.
    :raises CompressionError: if it is something else.
    """

    amount: float
    kind: ClassVar[Kind] = Kind.STRUCTURE
    calibrated: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the amount."""
        check_amount('prune_structured', self.amount)

    def apply(self, state: PackedState, context: ModelContext) -> PackedState:
        """Return the tensors without the weakest units."""
        left = dict(state)
        for units in prunable_groups_of(estimator_of(context.spec, state)).values():
            chosen = _strongest(units, state, self.amount)
            for along in units.axes:
                values = units.keep(along, state[along.tensor].values, chosen)
                left[along.tensor] = PackedTensor(values)
        return left


def _strongest(units: PrunableGroups, state: PackedState, amount: float) -> Tensor:
    """Return the numbers of the units to keep, ascending."""
    squares: Tensor = torch.zeros(())
    for name, axis, times in units.axes:
        values = state[name].values
        if values.ndim > 1:
            rows = values.movedim(axis, 0).flatten(1)
            parts = rows.reshape(
                times, -1, units.size, rows.shape[1]
            )  # (times, units, size, others)
            squares = squares + parts.double().square().sum((0, 2, 3))
    kept = kept_count(squares.numel(), amount)
    return squares.topk(kept).indices.sort().values


def kept_count(count: int, amount: float) -> int:
    """Return how many of `count` units stay when the share `amount` goes."""
    sixteenth = max(1, count // 16)
    block = min(_LARGEST_BLOCK, 1 << sixteenth.bit_length() - 1)
    return max(block, round((1 - amount) * count / block) * block)
