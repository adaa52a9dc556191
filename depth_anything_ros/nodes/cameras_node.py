"""Several cameras in one process with one network: a depth node for each, which take turns."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Sequence
from functools import partial

from rclpy.exceptions import ParameterException
from rclpy.utilities import remove_ros_args

from depth_anything_ros.errors import ConfigError, DepthAnythingError, reason_of
from depth_anything_ros.escape import lines
from depth_anything_ros.nodes.camera_names import camera_names, node_names
from depth_anything_ros.nodes.company import Company
from depth_anything_ros.nodes.depth_node import DepthNode
from depth_anything_ros.nodes.message_sizes import largest_of_node
from depth_anything_ros.nodes.process import run_process, spin

_LOOK_S = 0.2
# After a fault that may come again at once.
_PAUSE_S = 0.1
_STOP_TIMEOUT_S = 10.0


class CamerasNode:
    """
    Run a depth node for each camera, in a thread of its own; what befalls one leaves the others.

    :param arguments: command line of the process: names of cameras, then the arguments of ROS,
        which hold for all nodes. Each stands in the namespace of its camera.
    :raises ConfigError: if there is no camera, or what a name or a parameter is cannot be used.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        names = _names(arguments)
        company = Company(names)
        self._nodes: dict[str, DepthNode] = {}
        self._failures: dict[str, str] = {}
        self._threads: list[threading.Thread] = []
        try:
            for name in names:
                self._nodes[name] = DepthNode(name.rpartition('/')[0], company)
        except (ConfigError, ParameterException) as error:
            self.close()
            self.destroy_node()
            raise ConfigError(f'{name}: {error}') from error

    def run(self) -> None:
        """
        Serve all cameras until ROS shuts down.

        :raises DepthAnythingError: if none of them can start.
        """
        for name, node in self._nodes.items():
            serving = threading.Thread(target=self._serve, args=(name, node), daemon=True)
            self._threads.append(serving)
            serving.start()
        while any(thread.is_alive() for thread in self._threads):
            time.sleep(_LOOK_S)
            for name, node in self._nodes.items():
                if node.is_loaded:  # put right meanwhile, if it had failed
                    self._failures.pop(name, None)
            if len(self._failures) == len(self._nodes):
                told = '; '.join(f'{name}: {why}' for name, why in self._failures.items())
                raise DepthAnythingError(f'no camera can start: {told}')

    def close(self) -> None:
        """End the threads."""
        for node in self._nodes.values():
            node.context.try_shutdown()
        for thread in self._threads:
            thread.join(_STOP_TIMEOUT_S)
        for node in self._nodes.values():
            node.close()

    def destroy_node(self) -> None:
        """Free the nodes."""
        for node in self._nodes.values():
            node.destroy_node()

    def _serve(self, name: str, node: DepthNode) -> None:
        try:
            spin(node, partial(self._start, name, node), partial(_survive, node))
        except Exception:
            # What comes after the end of ROS says nothing but that.
            if node.context.ok():
                raise

    async def _start(self, name: str, node: DepthNode) -> None:
        """Start a node; one that cannot says why in its diagnostics and may be tried again."""
        try:
            await node.start_by_itself()
        except DepthAnythingError as error:
            self._failures[name] = str(error)


def _names(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the full names of the nodes that a command line asks for."""
    return node_names(camera_names(remove_ros_args(list(arguments))[1:]), arguments)


def _survive(node: DepthNode, error: Exception) -> None:
    """Tell of a fault that would end the process, were it that of a single node."""
    node.get_logger().error(lines(''.join(traceback.format_exception(error))))
    node.note_fault(f'a callback failed: {reason_of(error)}')
    time.sleep(_PAUSE_S)


def largest_of_cameras(arguments: Sequence[str]) -> int:
    """Return the bytes of the largest messages of all cameras, which share one shared memory."""
    try:
        names = _names(arguments)
    except ConfigError:
        return 0  # told when the nodes are made
    return sum(largest_of_node(name, arguments) for name in names)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cameras; see :func:`process.run_process` for the exit code."""
    words = list(sys.argv if argv is None else argv)
    return run_process('cameras_node', lambda: CamerasNode(words), words, largest_of_cameras)
