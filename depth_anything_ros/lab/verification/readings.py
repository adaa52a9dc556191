"""The ways in which a network may want its images, of which a contract names one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from depth_anything_ros.models.contract import Channels, Contract, InputContract, Values

Triple = tuple[float, float, float]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ZEROS, _ONES, _HALVES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)
# Range, mean and std of red, green and blue, as networks are trained with.
_USUAL: tuple[tuple[Literal[1, 255], Triple, Triple], ...] = (
    (1, _ZEROS, _ONES),
    (255, _ZEROS, _ONES),
    (1, _HALVES, _HALVES),
    (1, _MEAN, _STD),
    (255, (123.675, 116.28, 103.53), _ONES),
)


@dataclass(frozen=True)
class Reading:
    """
    A way to feed the network, by the keys of its contract that differ, none for its own.

    `contract` gives the numbers of the network as they are.
    """

    changes: Mapping[str, object]
    contract: Contract

    @property
    def differences(self) -> int:
        """Return how many things differ: the order of the colours, what is taken off them."""
        keys = set(self.changes)
        return ('input.channels' in keys) + bool(keys - {'input.channels'})


def readings(contract: Contract) -> list[Reading]:
    """Return the way of a contract and all others, each once."""
    found: dict[InputContract, Reading] = {}
    own = contract.input
    other: Literal[1, 255] = 255 if own.range == 1 else 1
    kept = [replace(own, range=number) for number in (own.range, other)]
    usual = [
        replace(own, range=number, mean=_ordered(mean, own), std=_ordered(std, own))
        for number, mean, std in _USUAL
    ]
    for given in (*kept, *usual):
        for candidate in (given, _swapped(given)):
            found.setdefault(candidate, _reading(contract, candidate))
    return list(found.values())


def _reading(contract: Contract, candidate: InputContract) -> Reading:
    changes = {
        f'input.{key}': getattr(candidate, key)
        for key in ('channels', 'range', 'mean', 'std')
        if getattr(candidate, key) != getattr(contract.input, key)
    }
    output = replace(
        contract.output, kind=Values.RELATIVE_INVERSE_DEPTH, max_depth_m=None,
        metres_per_unit=None, metres_at_focal_px=None,
    )  # fmt: skip
    return Reading(changes, replace(contract, input=candidate, output=output))


def _ordered(values: Triple, own: InputContract) -> Triple:
    return values[::-1] if own.channels is Channels.BGR else values


def _swapped(given: InputContract) -> InputContract:
    """Return the same with the colours in the other order, each with its own mean and std."""
    other = Channels.RGB if given.channels is Channels.BGR else Channels.BGR
    return replace(given, channels=other, mean=given.mean[::-1], std=given.std[::-1])
