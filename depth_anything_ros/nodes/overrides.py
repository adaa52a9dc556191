"""Parameters that a process is given and its node does not use: misspelt, or for another node."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from rclpy.node import Node

_VALUES = 'ros__parameters'
_FILE = '--params-file'
_PARAMETERS = ('-p', '--param', _FILE)
_REMAPS = ('-r', '--remap')
# Declared when the topic is subscribed to or published, which not every set-up does.
_DECLARED_LATER = 'qos_overrides.'


def unused_overrides(node: Node, arguments: Sequence[str] | None = None) -> tuple[str, ...]:
    """
    Return a sentence for all that was given as a parameter and is not used.

    :param node: has declared its parameters.
    :param arguments: command line of the process; `sys.argv` when None.
    """
    known = node.get_parameters_by_prefix('')
    unknown = [
        _unknown(name, list(known))
        for name in _overrides(node)
        if name not in known and not name.startswith(_DECLARED_LATER)
    ]
    full_name = node.get_fully_qualified_name()
    return (*unknown, *_for_others(full_name, sys.argv if arguments is None else arguments))


def matches(key: str, full_name: str) -> bool:
    """
    Return whether rcl applies a section of a parameter file to a node.

    :param key: the section: a name, or a pattern in which /* is one token and /** any number.
    :param full_name: name of the node with its namespace.
    """
    pattern = f'/{key.lstrip("/")}'.replace('/*', r'(/\w+)')
    return re.fullmatch(pattern, full_name) is not None


def sections(values: Any, above: str = '') -> dict[str, Any]:
    """Return key → parameters of each section of a parameter file; nested keys joined by /."""
    if not isinstance(values, dict):
        return {}
    found = {}
    if _VALUES in values:  # of an empty section there is None
        found[above] = values[_VALUES] if isinstance(values[_VALUES], dict) else {}
    for key, inner in values.items():
        if key != _VALUES:
            found.update(sections(inner, f'{above}/{key}' if above else str(key)))
    return found


def given_values(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """
    Return the parameters that a command line gives to a node, before there is a node to ask.

    What cannot be read is left out: rclpy tells of it.

    :param name: of the node, unless it is remapped.
    """
    full_name = _full_name(name, arguments)
    values: dict[str, Any] = {}
    with suppress(OSError, ValueError, yaml.YAMLError):
        for option, word in _options(arguments, _PARAMETERS):
            if option == _FILE:
                for key, section in _read(word).items():
                    values.update(section if matches(key, full_name) else {})
                continue
            left, _, text = word.partition(':=')
            node, colon, parameter = left.rpartition(':')
            if not colon or matches(node, full_name):
                values[parameter] = yaml.safe_load(text)
    return values


def _full_name(name: str, arguments: Sequence[str]) -> str:
    names = {'__node': name, '__ns': ''}
    for _, word in _options(arguments, _REMAPS):
        left, _, right = word.partition(':=')
        node, _, what = left.rpartition(':')
        if node in ('', name):
            names[what.replace('__name', '__node')] = right
    return f'{names["__ns"].rstrip("/")}/{names["__node"]}'


def _overrides(node: Node) -> list[str]:
    # rclpy tells them to those alone that let it declare every override by itself.
    overrides: dict[str, Any] = node._parameter_overrides
    return list(overrides)


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"; did you mean '{near[0]}'?" if near else ''
    return f"parameter '{name}' is given and does not exist{advice}"


def _for_others(full_name: str, arguments: Sequence[str]) -> Iterator[str]:
    cure = f"call it '/**' or '{full_name}'"
    for option, word in _options(arguments, _PARAMETERS):
        if option == _FILE:
            names = list(_read(word))
            if not any(matches(name, full_name) for name in names):
                listed = ', '.join(names) or 'no parameters'
                yield f"nothing in '{word}' is for {full_name}, only for {listed}; {cure}"
            continue
        name, colon, _ = word.partition(':=')[0].rpartition(':')
        if colon and not matches(name, full_name):
            yield f"'{word}' is for node '{name}', this is {full_name}"


def _read(file: str) -> dict[str, Any]:
    return sections(yaml.safe_load(Path(file).read_text()))


def _options(arguments: Sequence[str], wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Return the wanted options among the ROS arguments of a command line, each with its value."""
    is_ros = False
    for word, value in zip(arguments, [*arguments[1:], ''], strict=True):
        is_ros = word != '--' if is_ros else word == '--ros-args'
        if is_ros and word in wanted:
            yield word, value
