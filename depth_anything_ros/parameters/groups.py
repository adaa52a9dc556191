"""Config classes in groups, and the flat names that a node knows their parameters by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import Field
from typing import Any, TypeVar

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.parameters.parameter import (
    Affects,
    ParameterInfo,
    check_value,
    declared,
)

C = TypeVar('C')

_GROUP = 'parameter_group'
_TABLE = 'parameter_groups'


def group(kind: type[C]) -> C:
    """Declare a dataclass field that holds parameters in a config class of their own."""
    made: C = dataclasses.field(default_factory=kind, metadata={_GROUP: kind})
    return made


def group_of_each(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Declare a dataclass field that holds the parameters of each entry of a table.

    :param table: name → something with `parameters`, the config class of its own; entries that
        come later count too.
    :return: a field with name → the entry's parameters.
    """
    made: Mapping[str, Any] = dataclasses.field(
        default_factory=lambda: {name: entry.parameters() for name, entry in table.items()},
        metadata={_TABLE: table},
    )
    return made


def parameter_infos(config: type) -> dict[str, tuple[Any, ParameterInfo]]:
    """
    Return name → (default, info) for every parameter of a config class, in order.

    :raises ConfigError: if two groups declare a parameter of one name in different ways.
    """
    found: dict[str, tuple[Any, ParameterInfo]] = {}
    for field in dataclasses.fields(config):
        here = declared(field)
        infos = [(field.name, here)] if here else []
        for kind in _groups(field).values():
            infos += parameter_infos(kind).items()
        for name, info in infos:
            if found.setdefault(name, info) != info:
                raise ConfigError(f"parameter '{name}' is declared twice, in different ways")
    return found


def names_affecting(config: type, affects: Affects) -> frozenset[str]:
    """Return the names of the parameters that affect something."""
    infos = parameter_infos(config).items()
    return frozenset(name for name, (_, info) in infos if info.affects is affects)


def parameter_values(config: object) -> dict[str, Any]:
    """Return name → value for every parameter of a config object, in order."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if declared(field):
            found[field.name] = value
        for member in _members(field, value):
            found.update(parameter_values(member))
    return found


def from_mapping(config: type[C], values: Mapping[str, Any]) -> C:
    """
    Build a config from parameter values; what is not given keeps its default.

    :raises ConfigError: if a name is unknown, a type is wrong, a value out of range or at odds
        with another.
    """
    infos = parameter_infos(config)
    for name in values:
        if name not in infos:
            raise ConfigError(f"unknown parameter '{name}'; known: {', '.join(infos)}")
    checked = {name: check_value(name, value, *infos[name]) for name, value in values.items()}
    return _build(config, checked)


def changed(config: C, changes: Mapping[str, Any]) -> C:
    """
    Return a config with new values of some parameters.

    :raises ConfigError: as :func:`from_mapping`.
    """
    return from_mapping(type(config), {**parameter_values(config), **changes})


def _build(config: type[C], values: Mapping[str, Any]) -> C:
    given: dict[str, Any] = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        groups: dict[str, Any] = {
            name: _build(kind, values) for name, kind in _groups(field).items()
        }
        if _GROUP in field.metadata:
            given[field.name] = groups['']
        elif _TABLE in field.metadata:
            given[field.name] = groups
        elif field.name in values:
            given[field.name] = values[field.name]
    return config(**given)


def _groups(field: Field[Any]) -> dict[str, type]:
    """Return the config classes behind a field: that of a group under '', or each of a table."""
    if _GROUP in field.metadata:
        return {'': field.metadata[_GROUP]}
    table = field.metadata.get(_TABLE, {})
    return {name: entry.parameters for name, entry in table.items()}


def _members(field: Field[Any], value: Any) -> Iterator[Any]:
    if _GROUP in field.metadata:
        yield value
    elif _TABLE in field.metadata:
        yield from value.values()
