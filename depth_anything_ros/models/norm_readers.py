"""
Norms and the layers that read them: channels of the one can be scaled if the others scale back.

Only where that changes nothing in exact arithmetic: between the two lies nothing, or what keeps a
factor of each channel, as a ReLU or bilinear sampling. Modules say which pairs they have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from torch import nn


class NormReaders(NamedTuple):
    """
    Name a norm and all layers that read its channels.

    A layer reads them once, or several times one after the other along its input axis.
    """

    norm: str
    layers: tuple[str, ...]


@runtime_checkable
class HasNormReaders(Protocol):
    """A module with norms whose readers are known."""

    def norm_readers(self) -> tuple[NormReaders, ...]:
        """Return them, with names relative to the module."""


def norm_readers_of(network: nn.Module) -> Iterator[NormReaders]:
    """Iterate over the norms of a network with known readers, with names of the network."""
    for name, module in network.named_modules():
        if isinstance(module, HasNormReaders):
            prefix = f'{name}.' if name else ''
            for norm, layers in module.norm_readers():
                yield NormReaders(prefix + norm, tuple(prefix + layer for layer in layers))
