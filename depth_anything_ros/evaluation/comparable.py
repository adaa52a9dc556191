"""Which runs may be compared: one rule for gates and all else that sets figures side by side."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

Protocol = Mapping[str, object]
"""How a run was scored, as the `protocol` of its summary.json has it."""

# What scores do not depend on: a name, or what other figures than those of metrics come from.
_BESIDE = {
    'name', 'source', 'changed', 'sources', 'metrics', 'confidence', 'baseline', 'baseline_scenes',
    'bootstrap', 'latency_from', 'pairing_tolerance_s', 'ground',
}  # fmt: skip
# What scores depend on where both runs look for obstacles only.
_OF_OBSTACLES = {'obstacles', 'mounting'}
# Truth that a simulator or a projection computes differs in its last digits between machines.
_SAME_TRUTH = 1e-3


def protocol_difference(
    name: str, protocol: Protocol, other_name: str, other: Protocol, also: Collection[str] = ()
) -> str:
    """
    Return why the scores of two runs do not compare, in a sentence, '' where they do.

    :param name: of the first run, as the sentence has it.
    :param also: keys that count beside those that scores depend on.
    """
    beside = _BESIDE.difference(also)
    if not all('obstacles' in found for found in (protocol, other)):
        beside |= _OF_OBSTACLES
    for key in {**protocol, **other}:
        here, there = protocol.get(key), other.get(key)
        if key not in beside and here != there:
            return (
                f'{name} was scored {_words(key, here)}, {other_name} {_words(key, there)}; only '
                'runs of one protocol compare'
            )
    return ''


def same_truth(mean_m: float, other_m: float) -> bool:
    """
    Return whether the truth of two scores is the same, by its mean in metres.

    Of an image of a run before means were kept, NaN, nothing is known against it.
    """
    unknown = math.isnan(mean_m) or math.isnan(other_m)
    return unknown or math.isclose(mean_m, other_m, rel_tol=_SAME_TRUTH)


def _words(key: str, value: object) -> str:
    if value is None:
        return f'without {key}'
    if isinstance(value, Mapping):
        value = ', '.join(_part(name, part) for name, part in value.items())
    elif isinstance(value, list):
        value = ', '.join(map(str, value)) or 'nothing'
    return f'with {key} {value}'


def _part(name: str, value: object) -> str:
    if name.endswith('_rad') and isinstance(value, int | float):
        return f'{name.removesuffix("_rad")}_deg {math.degrees(value):g}'
    return f'{name} {value}'
