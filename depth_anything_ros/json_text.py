"""JSON: text that somebody else wrote, and the one form of results in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, get_args, get_type_hints

FLAT: Mapping[str, str] = {'json': 'flat'}
"""For `field(metadata=…)`: the entries of this mapping or dataclass stand among the others."""

IF_KNOWN: Mapping[str, str] = {'json': 'if known'}
"""For `field(metadata=…)`: None is left out."""


def parse_json(text: str | bytes) -> Any:
    """
    Return what a JSON text holds.

    :raises ValueError: if it is no JSON, no UTF-8, or nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError('it is nested too deeply') from error


def as_json(value: object) -> object:
    """
    Return what a result is in JSON, for the `default` of json.dumps.

    :raises TypeError: if it is neither a dataclass nor an enumeration.
    """
    return value.value if isinstance(value, Enum) else record(value)


def record(result: object) -> dict[str, object]:
    """
    Return a dataclass as an object of JSON: a key for each field, in their order.

    A flat one that is None gives null for each of its keys. What a field holds stays as it is, for
    json.dumps to ask about.

    :raises TypeError: if it is no dataclass.
    """
    if is_dataclass(result) and not isinstance(result, type):
        return dict(_entries(result))
    raise TypeError(f'{type(result).__name__} has no form in JSON')


def keys(kind: type) -> list[str]:
    """Return the keys of a dataclass in JSON; one with a flat mapping has more."""
    found = []
    for field in fields(kind):
        if field.metadata.get('json') != 'flat':
            found.append(field.name)
        elif (part := _part(kind, field)) is not None:
            found += keys(part)
    return found


def _entries(value: Any) -> Iterator[tuple[str, object]]:
    for field in fields(value):
        part, how = getattr(value, field.name), field.metadata.get('json')
        if how == 'flat':
            kind = _part(type(value), field)
            if part is None and kind is not None:
                part = dict.fromkeys(keys(kind))
            yield from part.items() if isinstance(part, Mapping) else _entries(part)
        elif how != 'if known' or part is not None:
            yield field.name, part.value if isinstance(part, Enum) else part


def _part(kind: type, field: Field[Any]) -> type | None:
    """Return the dataclass that a field holds, of one that may be None too; None is no such."""
    hint = _hints(kind)[field.name]
    parts: list[type] = [hint, *get_args(hint)]
    return next((part for part in parts if is_dataclass(part)), None)


@lru_cache(None)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
