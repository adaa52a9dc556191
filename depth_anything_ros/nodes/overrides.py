"""Parameters that a process is given and its node does not use: misspelt, or for another node."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from rclpy.node import Node

_VALUES = 'ros__parameters'
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
    Tell whether rcl applies a section of a parameter file to a node.

    :param key: the section: a name, or a pattern in which /* is one token and /** any number.
    :param full_name: name of the node with its namespace.
    """
    pattern = f'/{key.lstrip("/")}'.replace('/*', r'(/\w+)')
    return re.fullmatch(pattern, full_name) is not None


def sections(values: Any, above: str = '') -> Iterator[str]:
    """Return the keys of a parameter file that hold parameters; nested ones joined by /."""
    if not isinstance(values, dict):
        return
    if _VALUES in values:
        yield above
    for key, inner in values.items():
        if key != _VALUES:
            yield from sections(inner, f'{above}/{key}' if above else str(key))


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
    for option, word in _options(arguments):
        if option == '--params-file':
            names = list(sections(yaml.safe_load(Path(word).read_text())))
            if not any(matches(name, full_name) for name in names):
                listed = ', '.join(names) or 'no parameters'
                yield f"nothing in '{word}' is for {full_name}, only for {listed}; {cure}"
            continue
        name, colon, _ = word.partition(':=')[0].rpartition(':')
        if colon and not matches(name, full_name):
            yield f"'{word}' is for node '{name}', this is {full_name}"


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return option and value of each parameter or file of parameters on a command line."""
    is_ros = False
    for word, value in zip(arguments, [*arguments[1:], ''], strict=True):
        is_ros = word != '--' if is_ros else word == '--ros-args'
        if is_ros and word in ('-p', '--param', '--params-file'):
            yield word, value
