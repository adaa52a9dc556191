"""The parameters of a recording: those of a file of the node, and what is set beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.parameters import from_mapping, parameter_infos, parse_value
from depth_anything_ros.parameters.node_file import read_parameters, unknown_parameter


def node_config(
    file: Path | None, given: Mapping[str, str], node: str, warn: Callable[[str], None]
) -> DepthNodeConfig:
    """
    Return the parameters of the depth node.

    :param file: a parameter file of ROS, or None.
    :param given: what wins over it: name → value as `-p` of ROS has it.
    :param node: the full name by which the file knows the node.
    :param warn: told what the file has and no node reads.
    :raises ConfigError: if a given parameter does not exist, or a value is not allowed.
    """
    infos = parameter_infos(DepthNodeConfig)
    values: dict[str, Any] = {}
    for name, value in (read_parameters(file, node) if file else {}).items():
        if name not in infos:
            warn(unknown_parameter(str(name), infos))
        elif isinstance(value, str):  # as `yes`, which YAML takes for a text now
            values[name] = parse_value(name, value, *infos[name])
        else:
            values[name] = value
    for name, text in given.items():
        if name not in infos:
            raise ConfigError(unknown_parameter(name, infos))
        values[name] = parse_value(name, text, *infos[name])
    return from_mapping(DepthNodeConfig, values)
