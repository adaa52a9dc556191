"""
Prunable groups: units that can be taken out of a network whole, so that its layers become smaller.

A unit is a head of an attention, or a hidden channel of an MLP or of an inverted residual. Modules
that consist of units say which tensors hold them; a checkpoint tells by its shapes how many are
left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class TensorAxis(NamedTuple):
    """
    Where a tensor holds units: along `axis`, all units one after the other.

    The whole sequence may come several times, as for queries, keys and values.
    """

    tensor: str
    axis: int
    times: int = 1


@dataclass(frozen=True)
class PrunableGroups:
    """Where the units of one module are; each takes `size` numbers along an axis."""

    size: int
    axes: tuple[TensorAxis, ...]

    def count(self, shapes: Mapping[str, Sequence[int]]) -> int | None:
        """Return how many there are in tensors of these shapes, None if they contradict it."""
        counts = set()
        for name, axis, times in self.axes:
            shape = shapes.get(name, ())
            numbers = shape[axis] if axis < len(shape) else 0
            counts.add(numbers / (times * self.size))
        (count, *others) = counts
        return None if others or count < 1 or count != int(count) else int(count)

    def keep(self, along: TensorAxis, values: Tensor, chosen: Tensor) -> Tensor:
        """
        Return a tensor with some of its units only.

        :param along: where it holds them.
        :param values: the tensor.
        :param chosen: their numbers, int64, ascending.
        """
        _, axis, times = along
        before, after = values.shape[:axis], values.shape[axis + 1 :]
        apart = values.reshape(*before, times, -1, self.size, *after)
        return apart.index_select(axis + 1, chosen).reshape(*before, -1, *after)


@runtime_checkable
class HasPrunableGroups(Protocol):
    """A module that consists of units."""

    def prunable_groups(self) -> PrunableGroups:
        """Return where they are, with names relative to the module."""


def prunable_groups_of(network: nn.Module) -> dict[str, PrunableGroups]:
    """Return the units of each module that has some, by its name, with names of the network."""
    found: dict[str, PrunableGroups] = {}
    for name, module in network.named_modules():
        if isinstance(module, HasPrunableGroups):
            own = module.prunable_groups()
            if not own.axes:
                continue
            axes = tuple(along._replace(tensor=f'{name}.{along.tensor}') for along in own.axes)
            found[name] = PrunableGroups(own.size, axes)
    return found


def narrow(network: nn.Module, shapes: Mapping[str, Sequence[int]]) -> None:
    """
    Make the modules of a network as small as those that tensors of these shapes are of.

    Only their shapes change: what they hold afterwards means nothing. A module stays as it is if
    the shapes contradict each other, or are not smaller.

    :param shapes: by the names of the network's tensors.
    """
    whole = {name: values.shape for name, values in network.state_dict().items()}
    for units in prunable_groups_of(network).values():
        left, full = units.count(shapes), units.count(whole)
        if left is None or full is None or left >= full:
            continue
        first = torch.arange(left, device=next(network.parameters()).device)
        for along in units.axes:
            module_name, _, name = along.tensor.rpartition('.')
            module = network.get_submodule(module_name)
            values = units.keep(along, getattr(module, name).detach(), first)
            if name in module._parameters:
                setattr(module, name, nn.Parameter(values))
            else:
                module.register_buffer(name, values)
            _say_size(module)


def _say_size(module: nn.Module) -> None:
    """Let the attributes of a module follow its tensors."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv2d):
        outputs, inputs = module.weight.shape[:2]
        if module.groups > 1:  # every unit is filtered by itself
            module.groups = outputs
        module.out_channels, module.in_channels = outputs, inputs * module.groups
    elif isinstance(module, nn.BatchNorm2d):
        module.num_features = module.weight.shape[0]
