"""JSON: text that somebody else wrote, and the one form of results in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar('T')

FLAT: Mapping[str, str] = {'json': 'flat'}
"""For `field(metadata=…)`: the entries of this mapping or dataclass stand among the others."""

IF_KNOWN: Mapping[str, str] = {'json': 'if known'}
"""For `field(metadata=…)`: None is left out."""

ALL_KEYS: Mapping[str, str] = {'json': 'all keys'}
"""For `field(metadata=…)`: None is an object with null for each key of the dataclass."""


def parse_json(text: str | bytes, *, unique_keys: bool = False) -> Any:
    """
    Return what a JSON text holds.

    :param unique_keys: refuse an object with a key twice, of which else the last one counts.
    :raises ValueError: if it is no JSON, no UTF-8, or nested deeper than Python can follow.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique if unique_keys else None)
    except RecursionError as error:
        raise ValueError('it is nested too deeply') from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key '{twice}' is there {names.count(twice)} times")
    return found


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


def from_json(kind: type[T], content: object) -> T:
    """
    Return the result that a part of JSON is the form of; see :func:`as_json`.

    :param kind: its dataclass.
    :param content: as :func:`parse_json` returns it.
    :raises ValueError: if it is of another form.
    """
    return cast(T, _read(kind, content))


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
        elif how == 'all keys' and part is None and (kind := _part(type(value), field)):
            yield field.name, dict.fromkeys(keys(kind))
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


def _read(hint: Any, content: Any) -> Any:
    """Return what a part of JSON stands for where a hint tells its type."""
    if is_dataclass(hint):
        return _read_result(cast(type, hint), content)
    kind, parts = get_origin(hint) or hint, get_args(hint)
    if kind is UnionType:
        return _read_one_of(parts, content)
    if kind is Literal:
        fits = content in parts
    elif issubclass(kind, Enum):
        return kind(content)
    elif issubclass(kind, Mapping) and isinstance(content, dict):
        return {name: _read(parts[1], part) for name, part in content.items()}
    elif issubclass(kind, tuple) and isinstance(content, list):
        if parts[1:] == (...,):
            return tuple(_read(parts[0], part) for part in content)
        fits = len(content) == len(parts)
        content = tuple(map(_read, parts, content))
    elif kind is not str and issubclass(kind, Sequence) and isinstance(content, list):
        return [_read(parts[0], part) for part in content]
    else:
        fits = type(content) in ((int, float) if kind is float else (kind,))
    if not fits:
        raise ValueError(f'{content!r} is no {hint}')
    return content


def _read_result(kind: type, content: Any) -> Any:
    if not isinstance(content, dict):
        raise ValueError(f'{content!r} is no {kind.__name__}')
    found, rest = {}, dict(content)
    # What is left after the others is in a flat mapping.
    for field in sorted(fields(kind), key=lambda field: _is_open(kind, field)):
        hint, how = _hints(kind)[field.name], field.metadata.get('json')
        if how == 'flat':
            names = keys(part) if (part := _part(kind, field)) else list(rest)
            own = {name: _taken(rest, name, kind) for name in names}
            found[field.name] = _read(hint, None if _is_none(hint, own) else own)
        elif how != 'if known' or field.name in rest:
            own = _taken(rest, field.name, kind)
            unknown = how == 'all keys' and _is_none(hint, own)
            found[field.name] = _read(hint, None if unknown else own)
    if rest:
        raise ValueError(f'a {kind.__name__} has no {", ".join(rest)}')
    return kind(**found)


def _is_open(kind: type, field: Field[Any]) -> bool:
    """Return whether the keys of a field are not known beforehand."""
    return field.metadata.get('json') == 'flat' and _part(kind, field) is None


def _is_none(hint: Any, content: dict[str, Any]) -> bool:
    """Return whether the keys of a dataclass, all null, stand for None."""
    return NoneType in get_args(hint) and all(part is None for part in content.values())


def _taken(content: dict[str, Any], name: str, kind: type) -> Any:
    if name not in content:
        raise ValueError(f'this {kind.__name__} lacks {name}')
    return content.pop(name)


def _read_one_of(hints: Sequence[Any], content: Any) -> Any:
    for hint in hints:
        if hint is NoneType and content is None:
            return None
        try:
            return _read(hint, content)
        except ValueError:
            continue
    raise ValueError(f'{content!r} is none of {hints}')
