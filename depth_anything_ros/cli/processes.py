"""Node processes started and ended by their own handles, without importing ROS."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from depth_anything_ros.errors import DepthAnythingError, MissingDependencyError
from depth_anything_ros.files import make_folder, reporting
from depth_anything_ros.parent import PARENT_VARIABLE
from depth_anything_ros.progress import Progress

# How long a process may take to end after each signal.
PATIENCE_S = ((signal.SIGINT, 120.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
# Domains that no Linux uses for the ports of outgoing connections.
_HIGHEST_DOMAIN = 101
# Where the first participants of domain 0 hear of others, and what lies between two of them and
# between domains. Source: OMG DDSI-RTPS 2.5, 9.6.2.3.
_FIRST_PORT, _PORTS_APART, _DOMAIN_APART = 7410, 2, 250
_PARTICIPANTS = 10
_POLL_S = 0.1
_LOG_LINES = 5
# How nodes log how far they are; see `Progress`.
_STEPS = re.compile(r': (\d+) of \d+, ')

ParameterValue = str | int | float | bool | list[str]


class NodeError(DepthAnythingError):
    """Report a node process that ended with an error."""


class NodeProcesses:
    """
    Start nodes of this package in a ROS domain of their own; leaving the context ends them all.

    :param log_dir: folder for one log file a node; it is made.
    :raises MissingDependencyError: if there is no ROS 2.
    """

    def __init__(self, log_dir: Path) -> None:
        if find_spec('rclpy') is None:
            raise MissingDependencyError('rclpy', 'ros')
        self._log_dir = log_dir
        self._environment = node_environment(os.environ)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        make_folder(log_dir)

    def __enter__(self) -> NodeProcesses:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what still runs, the last started first."""
        with ExitStack() as stack:
            # One that cannot be ended, or a second Ctrl-C, does not leave the others running.
            for name in self._processes:
                stack.callback(self.end, name)

    def start(
        self,
        node: str,
        parameters: Mapping[str, ParameterValue],
        remaps: Mapping[str, str],
        *,
        shows_progress: bool = False,
    ) -> None:
        """
        Start a node.

        :param node: name of its module.
        :param shows_progress: leave it the standard error, where that is a terminal.
        """
        terminal = shows_progress and sys.stderr.isatty()
        self._start(node, node_command(node, parameters, remaps), terminal)

    def start_command(self, name: str, command: Sequence[str]) -> None:
        """
        Start somebody else's node.

        :param name: by which it is known here.
        :param command: program and arguments.
        :raises NodeError: if there is no such program.
        """
        if shutil.which(command[0]) is None:
            raise NodeError(f"'{command[0]}' is no program that can be started here")
        self._start(name, command, terminal=False)

    def _start(self, name: str, command: Sequence[str], terminal: bool) -> None:
        with reporting(self.log(name)), self.log(name).open('wb') as log:
            self._processes[name] = subprocess.Popen(
                command,
                env={**self._environment, PARENT_VARIABLE: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=None if terminal else subprocess.STDOUT,
            )

    def pid(self, node: str) -> int:
        """Return the process of a node."""
        return self._processes[node].pid

    def log(self, node: str) -> Path:
        """Return the log file of a node."""
        return self._log_dir / f'{node}.log'

    def wait_for(self, node: str, total: int, *, shown: bool = True) -> None:
        """
        Wait until a node is done, and show how many of its steps are, as its log tells.

        :param total: its steps.
        :param shown: False shows nothing.
        :raises NodeError: if it, or another one meanwhile, ends with an error.
        """
        with Progress(node, total, shown=shown and not sys.stderr.isatty()) as told:
            while not self._is_done(node):
                told.update(self._steps_done(node) - told.count)
                time.sleep(_POLL_S)

    def _is_done(self, node: str) -> bool:
        for name, process in self._processes.items():
            code = process.poll()
            if code == 0 and name == node:
                return True
            if code is not None:
                raise NodeError(self._failure(name, code))
        return False

    def _steps_done(self, node: str) -> int:
        found = _STEPS.findall(self.log(node).read_text(errors='replace'))
        return int(found[-1]) if found else 0

    def end(self, node: str) -> int:
        """End a node if it still runs, politely first, and return its exit status."""
        return end_process(self._processes[node])

    def finish(self, node: str) -> None:
        """
        End a node and let it write its results.

        :raises NodeError: if it ends with an error.
        """
        code = self.end(node)
        if code != 0:
            raise NodeError(self._failure(node, code))

    def _failure(self, node: str, code: int) -> str:
        lines = self.log(node).read_text(errors='replace').splitlines()
        fatal = [line for line in lines if '[FATAL]' in line] or lines[-_LOG_LINES:]
        return f'{node} ended with status {code} ({self.log(node)}): {" ".join(fatal)}'


def node_command(
    node: str, parameters: Mapping[str, ParameterValue], remaps: Mapping[str, str]
) -> list[str]:
    """Return the command line that starts a node."""
    arguments = ['--ros-args']
    for name, value in parameters.items():
        arguments += ['-p', f'{name}:={_yaml(value)}']
    for name, topic in remaps.items():
        arguments += ['-r', f'{name}:={topic}']
    return [sys.executable, '-m', 'depth_anything_ros.nodes.start', node, *arguments]


def end_process(process: subprocess.Popen[bytes]) -> int:
    """End a process if it still runs, politely first, and return its exit status."""
    for number, patience_s in PATIENCE_S:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


def node_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables for node processes: on this machine only, in a domain of their own.

    That domain is one that nothing on this machine is in. What the user has set stays.
    `AMENT_PREFIX_PATH` is needed to find the packages of a virtual environment.
    """
    return {
        'ROS_DOMAIN_ID': str(_free_domain()),
        **local_only(environment),
        'AMENT_PREFIX_PATH': sys.prefix,
        **environment,
    }


def _free_domain() -> int:
    """Return a domain in which nothing runs on this machine, any one if they all look used."""
    domains = random.sample(range(1, _HIGHEST_DOMAIN + 1), _HIGHEST_DOMAIN)
    return next(filter(_is_free, domains), domains[0])


def _is_free(domain: int) -> bool:
    first = _FIRST_PORT + _DOMAIN_APART * domain
    try:
        for participant in range(_PARTICIPANTS):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
                port.bind(('', first + _PORTS_APART * participant))
    except OSError:
        return False
    return True


def local_only(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that keeps ROS on this machine, by the distribution that is sourced."""
    # Later distributions replaced Humble's variable and warn of it.
    if environment.get('ROS_DISTRO') == 'humble':
        return {'ROS_LOCALHOST_ONLY': '1'}
    return {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


def _yaml(value: ParameterValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list):
        return f'[{", ".join(map(_yaml, value))}]'
    return str(value)
