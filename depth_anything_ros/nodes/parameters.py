"""Node parameters declared from, and checked against, the config classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_anything_ros.nodes.overrides import unused_overrides
from depth_anything_ros.parameters import ParameterInfo, changed, from_mapping, parameter_infos

C = TypeVar('C')

_LARGEST_FLOAT = 1e308
_LARGEST_INTEGER = 2**63 - 1


def declare_parameters(
    node: Node, config: type[C], company: Sequence[str] = ()
) -> tuple[C, tuple[str, ...]]:
    """
    Declare every parameter of a config class and return the values the node was started with.

    Also return a sentence for all that was given and is not used; the log tells them too.

    :param company: see :func:`overrides.unused_overrides`.
    :raises ConfigError: if a value has the wrong type or is out of range.
    """
    infos = parameter_infos(config)
    declared = node.declare_parameters(
        '',
        [
            (name, list(default) if isinstance(default, tuple) else default, descriptor)
            for name, (default, info) in infos.items()
            for descriptor in (describe(default, info),)
        ],
        ignore_override=False,
    )
    unused = unused_overrides(node, company=company)
    for sentence in unused:
        node.get_logger().warning(sentence)
    values = {name: item.value for name, item in zip(infos, declared, strict=True)}
    return from_mapping(config, values), unused


def updated(config: C, parameters: Iterable[Parameter]) -> tuple[C, frozenset[str]]:
    """
    Return the config with new values, and the names that were set.

    Parameters that are not the config's (use_sim_time, QoS overrides) are left alone.

    :raises ConfigError: if a value has the wrong type or is out of range.
    """
    infos = parameter_infos(type(config))
    changes = {item.name: item.value for item in parameters if item.name in infos}
    return changed(config, changes), frozenset(changes)


def describe(default: object, info: ParameterInfo) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows: help, unit, range, read-only flag."""
    descriptor = ParameterDescriptor(
        description=info.help + (f' Unit: {info.unit}.' if info.unit else ''),
        read_only=info.read_only,
    )
    if info.choices:
        descriptor.additional_constraints = f'one of: {info.range_text()}'
    bounded = info.minimum is not None or info.maximum is not None
    largest = _LARGEST_FLOAT if isinstance(default, float) else _LARGEST_INTEGER
    low = -largest if info.minimum is None else info.minimum
    high = largest if info.maximum is None else info.maximum
    if isinstance(default, float):
        # So that `-p rate:=2` is taken as 2.0; the type is checked by check_value.
        descriptor.dynamic_typing = True
        if bounded:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
            ]
    elif bounded:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
    return descriptor
