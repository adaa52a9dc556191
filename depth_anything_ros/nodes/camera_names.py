"""The names of several cameras, each of which is the namespace of a depth node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rclpy.exceptions import InvalidNamespaceException
from rclpy.validate_namespace import validate_namespace

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.nodes.overrides import full_name

_ALLOWED = 'allowed: letters, digits and underscores, no digit first; as front or left/up'


def camera_names(words: Iterable[str]) -> tuple[str, ...]:
    """
    Return the names of cameras.

    :param words: as somebody gave them.
    :raises ConfigError: if there are none, or one is no namespace or there twice.
    """
    names = tuple(words)
    if not names:
        raise ConfigError('no camera is named; name at least one, as front or rear')
    for name in names:
        try:
            # A slash alone would be one, too.
            validate_namespace(f'/{name}' if name else '')
        except InvalidNamespaceException as error:
            raise ConfigError(f"camera '{name}' is no name; {_ALLOWED}") from error
        if names.count(name) > 1:
            raise ConfigError(
                f"camera '{name}' is there {names.count(name)} times; once is allowed"
            )
    return names


def node_names(cameras: Iterable[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """
    Return the full names of the depth nodes of cameras.

    :param cameras: their names.
    :param arguments: command line of their process; its namespace stands above those of the
        cameras, and a name of a node that it gives is that of all.
    """
    namespace, _, name = full_name('depth_node', arguments).rpartition('/')
    return tuple(f'{namespace}/{camera}/{name}' for camera in cameras)
