"""The messages that a camera and a depth node publish, from a node process that passes them on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from depth_anything_ros.bag.view_frames import ViewMessage, read_messages
from depth_anything_ros.bag.view_topics import Role
from depth_anything_ros.cli.processes import (
    NodeError,
    ParameterValue,
    end_process,
    node_command,
)
from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.parent import PARENT_VARIABLE

_NODE = 'view_relay'


@contextmanager
def live_messages(
    parameters: Mapping[str, ParameterValue], on_topics: Callable[[dict[str, Role]], None]
) -> Iterator[Iterator[ViewMessage]]:
    """
    Start the node in the user's ROS domain and give the messages that it passes on.

    :param parameters: of the node.
    :param on_topics: told topic → role whenever other topics are shown.
    :raises MissingDependencyError: if there is no ROS 2.
    :raises NodeError: from the block's end, if the node ended with an error.
    """
    if find_spec('rclpy') is None:
        raise MissingDependencyError('rclpy', 'ros')
    process = subprocess.Popen(
        node_command(_NODE, parameters, {}),
        env={
            # Where a virtual environment has ROS 2; one that is sourced says so itself.
            'AMENT_PREFIX_PATH': sys.prefix,
            **os.environ,
            PARENT_VARIABLE: str(os.getpid()),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # Ctrl-C is for the program, which ends the node.
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield read_messages(process.stdout, on_topics)
    finally:
        process.stdout.close()
        code = end_process(process)
    if code:
        raise NodeError(f'{_NODE} ended with status {code}; it says why above')
