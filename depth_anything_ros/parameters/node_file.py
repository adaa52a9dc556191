"""Parameter files of ROS 2: what of them is for which node."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import ConfigError

_VALUES = 'ros__parameters'
# What any node has beside its own.
_OF_ROS = ('use_sim_time', 'qos_overrides')


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


def unknown_parameter(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a parameter that does not exist, with the one that may be meant."""
    near = difflib.get_close_matches(name, list(known), n=1)
    advice = f"; did you mean '{near[0]}'?" if near else ''
    return f"parameter '{name}' is given and does not exist{advice}"


def for_other_nodes(file: str, names: Iterable[str], full_name: str) -> str:
    """Return the sentence for a file without a section for a node."""
    listed = ', '.join(names) or 'no parameters'
    return (
        f"nothing in '{file}' is for {full_name}, only for {listed}; call it '/**' or "
        f"'{full_name}'"
    )


def read_parameters(path: Path, full_name: str) -> dict[str, Any]:
    """
    Return the parameters that a file has for a node, but for those that every node has.

    :param full_name: name of the node with its namespace.
    :raises ConfigError: if it cannot be read, is no such file, or nothing in it is for the node.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = sections(YAML(typ='safe').load(path.read_text(encoding='utf-8')))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        words = ' '.join(str(error).split())
        raise ConfigError(f"parameter file '{path}' cannot be read: {words}") from error
    chosen = [section for key, section in found.items() if matches(key, full_name)]
    if not chosen:
        raise ConfigError(for_other_nodes(str(path), found, full_name))
    return {
        name: value
        for section in chosen
        for name, value in section.items()
        if str(name).partition('.')[0] not in _OF_ROS
    }
