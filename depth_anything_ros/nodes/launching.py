"""What the launch files share: arguments, names in namespaces, the exit code of a lone node."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import launch.logging
import yaml
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnShutdown
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.nodes.depth_arguments import Argument
from depth_anything_ros.parameters import parameter_infos, parse_value

PACKAGE = 'depth_anything_ros'


def declarations(arguments: Iterable[Argument]) -> list[DeclareLaunchArgument]:
    """Return the actions that declare launch arguments."""
    return [
        DeclareLaunchArgument(
            name,
            default_value=default,
            description=description,
            choices=list(dict.fromkeys((default, *choices))) if choices else None,
        )
        for name, default, description, *choices in arguments
    ]


def given(context: LaunchContext, name: str) -> str:
    """Return the text of a launch argument; '' is one that is not given."""
    return str(LaunchConfiguration(name).perform(context))


def parameters(
    context: LaunchContext, config: type, names: Iterable[str]
) -> dict[str, ParameterValue]:
    """
    Return the node parameters that launch arguments give.

    :param config: config class of the node.
    :param names: the parameters; those whose argument is empty are left out.
    :raises ConfigError: if a value is of another type than the parameter, or out of its range;
        the message names the argument.
    """
    values = parsed(config, {name: given(context, name) for name in names})
    return {name: ParameterValue(value, value_type=type(value)) for name, value in values.items()}


def parsed(config: type, texts: Mapping[str, str]) -> dict[str, Any]:
    """
    Return parameters in their types from the texts of arguments; what is empty is left out.

    :param config: config class of the node.
    :param texts: name of a parameter → text.
    :raises ConfigError: if a value is of another type than the parameter, or out of its range.
    """
    infos = parameter_infos(config)
    return {name: parse_value(name, text, *infos[name]) for name, text in texts.items() if text}


def arguments_of_each(
    context: LaunchContext, owners: Sequence[str], names: Sequence[str]
) -> dict[str, dict[str, str]]:
    """
    Return owner → argument → text: OWNER.ARGUMENT where it is given, else ARGUMENT.

    Those of this include are taken away, so that a later one does not get them.

    :param owners: names that may stand before an argument with a dot between.
    :param names: arguments that they may stand before.
    :raises ConfigError: if one stands before another argument, or another before one of these.
    """
    values = context.launch_configurations
    found = {owner: {name: given(context, name) for name in names} for owner in owners}
    for argument in [name for name in values if '.' in name]:
        owner, _, name = argument.rpartition('.')
        if owner in found and name in names:
            found[owner][name] = given(context, argument)
            if argument not in _on_command_line(context):
                del values[argument]
        elif owner in found:
            raise ConfigError(f"argument '{argument}': there is no argument '{name}' of {owner}")
        elif name in names:
            raise ConfigError(
                f"argument '{argument}': there is no '{owner}'; known: {', '.join(owners)}"
            )
    return found


def write_parameters(name: str, of_nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """
    Write a parameter file into the log folder of this launch and return its path.

    :param name: of the file, without its ending.
    :param of_nodes: full name of a node → its parameters.
    """
    path = Path(launch.logging.launch_config.get_log_file_path(f'{name}.yaml'))
    sections = {node: {'ros__parameters': dict(values)} for node, values in of_nodes.items()}
    path.write_text(yaml.dump(sections, Dumper=_Quoting), encoding='utf-8')
    return str(path)


class _Quoting(yaml.SafeDumper):
    """Write texts so that ROS, for which 1e5 is a number, reads them as such too."""


_Quoting.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style='"'),
)


def full_name(context: LaunchContext, *names: str) -> str:
    """
    Return a name as ROS has it for the nodes of a launch file.

    :param names: the last one in the namespace of those before it; one with a leading slash
        stands for itself. Around them are the argument `namespace` and what was pushed.
    """
    found = prefix_namespace(
        context.launch_configurations.get('ros_namespace'), given(context, 'namespace')
    )
    for name in names:
        found = prefix_namespace(found, name)
    return str(make_namespace_absolute(found))


def _on_command_line(context: LaunchContext) -> set[str]:
    return {argument.partition(':=')[0] for argument in context.argv}


class Leftover(str):
    """The value of an argument that an earlier include of a launch file leaves behind."""

    __slots__ = ('is_default',)
    is_default: bool


class OwnArguments:
    """
    Keep the arguments of one include of a launch file from the next.

    An include sets its arguments in the scope that it stands in, where launch leaves them. Put
    `begin` before the declarations and `end` after all else. Others read the same values after
    it as without; only a later include of a launch file of ours takes its defaults instead. What
    was given on the command line holds for all.

    :param arguments: what the launch file declares.
    """

    def __init__(self, arguments: Sequence[Argument]) -> None:
        self._defaults = {name: default for name, default, *_ in arguments}
        self._set_aside: dict[str, Leftover] = {}
        self.begin = OpaqueFunction(function=self._begin)
        self.end = OpaqueFunction(function=self._end)

    def _begin(self, context: LaunchContext) -> None:
        values = context.launch_configurations
        for_all = _on_command_line(context)
        self._set_aside = {
            name: value
            for name, value in values.items()
            if isinstance(value, Leftover) and name not in for_all
        }
        for name in self._set_aside:
            del values[name]
        told = [name for name, value in self._set_aside.items() if not value.is_default]
        if told:
            launch.logging.get_logger(PACKAGE).info(
                f'arguments of an earlier include do not hold for this one: {", ".join(told)}'
            )

    def _end(self, context: LaunchContext) -> None:
        values = context.launch_configurations
        for name, default in self._defaults.items():
            left = Leftover(values[name])
            left.is_default = left == default
            values[name] = left
        values.update(self._set_aside)


def own_node(
    executable: str,
    values: Mapping[str, Any],
    *,
    config: str = 'config',
    ros_arguments: Sequence[Any] = (),
    **options: Any,
) -> Node:
    """
    Return a node of this package in the namespace of the launch file.

    :param values: parameters that count over those of the file, of the node of that name.
    :param config: the argument that names its parameter file.
    :param ros_arguments: further ones.
    :param options: further arguments of launch_ros's Node; without `name` it is the executable's.
    """
    # Here, unlike in `parameters`, a file that does not exist is an error.
    file = ['--params-file', LaunchConfiguration(config)]
    return Node(
        package=PACKAGE,
        executable=executable,
        namespace=LaunchConfiguration('namespace'),
        output='screen',
        ros_arguments=[*file, *ros_arguments],
        parameters=[dict(values)] if values else [],
        **{'name': executable, **options},
    )


def exit_with(code: int) -> None:
    """
    Let `ros2 launch` end with an exit code of its own: launch itself knows 0 and 1 only.

    Another program that launches keeps its exit code.
    """
    if Path(sys.argv[0]).name == 'ros2':
        # After launch has ended all processes.
        atexit.register(_leave, code)


def _leave(code: int) -> NoReturn:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def failure_when_idle(node: Node) -> list[RegisterEventHandler]:
    """
    Return handlers that let `ros2 launch` fail when a node has failed and nothing else runs.

    Nodes that run beside it go on, as without the handlers.
    """
    failures: list[str] = []

    def note(event: ProcessExited, context: LaunchContext) -> None:
        failures.clear()
        if event.returncode != 0 and not context.is_shutdown:
            failures.append(f'{event.process_name} failed with exit code {event.returncode}')

    def fail(event: Shutdown, _context: LaunchContext) -> None:
        if failures and event.reason == 'idle':
            # Only what a handler raises makes `ros2 launch` return 1.
            raise RuntimeError(failures[0])

    return [
        RegisterEventHandler(OnProcessExit(target_action=node, on_exit=note)),
        RegisterEventHandler(OnShutdown(on_shutdown=fail)),
    ]
