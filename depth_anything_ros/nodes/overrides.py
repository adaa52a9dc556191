"""Parameters that a process is given and its node does not use: misspelt, or for another node."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rclpy.node import Node

from depth_anything_ros.parameters.node_file import (
    for_other_nodes,
    matches,
    sections,
    unknown_parameter,
)

_FILE = '--params-file'
# Section of what is given without one.
_ALL = '/**'
_PARAMETERS = ('-p', '--param', _FILE)
_REMAPS = ('-r', '--remap')
# Declared when the topic is subscribed to or published, which not every set-up does.
_DECLARED_LATER = 'qos_overrides.'


def unused_overrides(
    node: Node, arguments: Sequence[str] | None = None, company: Sequence[str] = ()
) -> tuple[str, ...]:
    """
    Return a sentence for all that was given as a parameter and is not used.

    :param node: has declared its parameters.
    :param arguments: command line of the process; `sys.argv` when None.
    :param company: full names of the nodes of its kind in the process, for which parameters may be
        meant as well.
    """
    known = node.get_parameters_by_prefix('')
    unknown = [
        unknown_parameter(name, known)
        for name in _overrides(node)
        if name not in known and not name.startswith(_DECLARED_LATER)
    ]
    own_name = node.get_fully_qualified_name()
    words = sys.argv if arguments is None else arguments
    return (*unknown, *_for_others(own_name, words, company), *_overruled(own_name, words))


def given_values(own_name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """
    Return the parameters that a command line gives to a node, before there is a node to ask.

    What cannot be read is left out: rclpy tells of it.

    :param own_name: full name of the node.
    """
    held = _in_force(_given(own_name, arguments))
    return {name: one.value for name, one in held.items()}


def full_name(name: str, arguments: Sequence[str]) -> str:
    """
    Return the full name that a command line gives to a node.

    :param name: of the node, unless it is remapped.
    """
    names = {'__node': name, '__ns': ''}
    for _, word in _options(arguments, _REMAPS):
        left, _, right = word.partition(':=')
        node, _, what = left.rpartition(':')
        if node in ('', name):
            names[what.replace('__name', '__node')] = right
    return f'{names["__ns"].rstrip("/")}/{names["__node"]}'


@dataclass(frozen=True)
class _Given:
    """A parameter as a word of the command line gives it, in a section of a file or for all."""

    word: str
    section: str
    name: str
    value: Any


def _given(own_name: str, arguments: Sequence[str]) -> list[_Given]:
    """Return what a command line gives to a node, in its order, up to what cannot be read."""
    found: list[_Given] = []
    with suppress(OSError, ValueError, yaml.YAMLError):
        for option, word in _options(arguments, _PARAMETERS):
            if option == _FILE:
                for section, values in _read(word).items():
                    found.extend(_Given(word, section, *item) for item in values.items())
                continue
            left, _, text = word.partition(':=')
            node, colon, name = left.rpartition(':')
            found.append(_Given(word, node if colon else _ALL, name, yaml.safe_load(text)))
    return [one for one in found if matches(one.section, own_name)]


def _in_force(given: Iterable[_Given]) -> dict[str, _Given]:
    """Return what holds: rcl applies sections in the order in which their names first come."""
    sections: dict[str, dict[str, _Given]] = {}
    for one in given:
        sections.setdefault(one.section, {})[one.name] = one
    return {name: one for section in sections.values() for name, one in section.items()}


def _overruled(own_name: str, arguments: Sequence[str]) -> Iterator[str]:
    """Tell what is given last and does not hold."""
    given = _given(own_name, arguments)
    held = _in_force(given)
    for name, last in {one.name: one for one in given}.items():
        if last is not held[name] and last.value != held[name].value:
            yield (
                f"parameter '{name}' of '{last.word}' does not hold: section "
                f"'{held[name].section}' of '{held[name].word}' wins, as ROS applies sections in "
                f"the order in which their names first come; leave '{name}' out there"
            )


def _overrides(node: Node) -> list[str]:
    # rclpy tells them to those alone that let it declare every override by itself.
    overrides: dict[str, Any] = node._parameter_overrides
    return list(overrides)


def _for_others(own_name: str, arguments: Sequence[str], company: Sequence[str]) -> Iterator[str]:
    for option, word in _options(arguments, _PARAMETERS):
        if option == _FILE:
            names = list(_read(word))
            if not (any(matches(name, own_name) for name in names) or _is_for(names, company)):
                yield for_other_nodes(word, names, own_name)
            continue
        name, colon, _ = word.partition(':=')[0].rpartition(':')
        if colon and not any(matches(name, other) for other in (own_name, *company)):
            yield f"'{word}' is for node '{name}', this is {own_name}"


def _is_for(names: Sequence[str], company: Sequence[str]) -> bool:
    """Return whether a file is for nodes of a company, and of that kind for nobody else."""
    used = [any(matches(name, other) for other in company) for name in names]
    kind = {other.rpartition('/')[2] for other in company}
    astray = [name for name, one in zip(names, used, strict=True) if not one]
    return any(used) and not any(name.rpartition('/')[2] in kind for name in astray)


def _read(file: str) -> dict[str, Any]:
    return sections(yaml.safe_load(Path(file).read_text()))


def _options(arguments: Sequence[str], wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Return the wanted options among the ROS arguments of a command line, each with its value."""
    is_ros = False
    for word, value in zip(arguments, [*arguments[1:], ''], strict=True):
        is_ros = word != '--' if is_ros else word == '--ros-args'
        if is_ros and word in wanted:
            yield word, value
