"""The life of a node's process: transport, start, spin, signals, exit code."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.utilities import try_shutdown

from depth_anything_ros.errors import EXIT_GATE, DepthAnythingError, GateError
from depth_anything_ros.escape import lines, one_line
from depth_anything_ros.home import usable_home
from depth_anything_ros.nodes.transport import prepare_transport, remove_copies

_LONGEST_WAIT_S = 0.5
# One to get out of waiting, one to give every waiting callback its turn, one to spare.
_LAST_TURNS = 3


class RunnableNode(Protocol):
    """A node that a process starts, runs and closes."""

    def run(self) -> None:
        """Do the node's work until it is done or interrupted."""

    def close(self) -> None:
        """End threads and save what is to be saved; ROS may be shut down already."""

    def destroy_node(self) -> None:
        """Free the node."""


class RosLogHandler(logging.Handler):
    """Hand the records of the library's loggers to the ROS log, level for level."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        logger, text = get_logger(record.name), lines(record.getMessage())
        # One call a level: rclpy does not allow a place in the code to change its severity.
        if record.levelno >= logging.ERROR:
            logger.error(text)
        elif record.levelno >= logging.WARNING:
            logger.warning(text)
        elif record.levelno >= logging.INFO:
            logger.info(text)
        else:
            logger.debug(text)


@usable_home()
def run_process(
    name: str,
    create: Callable[[], RunnableNode],
    argv: Sequence[str] | None,
    largest_message: Callable[[Sequence[str]], int] | None = None,
) -> int:
    """
    Run one node until it is done, or SIGINT or SIGTERM comes.

    :param name: name of the logger for errors before there is a node.
    :param create: makes the node once ROS is initialised.
    :param argv: command line with its program name; `sys.argv` when None.
    :param largest_message: returns the bytes of the largest message that the node will publish,
        from the command line.
    :return: 0 when done or asked to end, 1 after a known error, told in one line, 3 when the
        results are there but break a bound of a gate.
    """
    library = logging.getLogger('depth_anything_ros')
    library.setLevel(logging.INFO)
    library.addHandler(RosLogHandler())
    node: RunnableNode | None = None
    code = 0
    try:
        if largest_message is None:
            prepare_transport()
        else:
            prepare_transport(largest_bytes=largest_message(sys.argv if argv is None else argv))
        _init_ros(argv)
        node = create()
        node.run()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (DepthAnythingError, ParameterException) as error:
        get_logger(name).fatal(one_line(error))
        code = 1
    except RuntimeError:
        # What rclpy raises for calls that come after the signal has ended ROS, such as the
        # transition that a long loading ends with.
        if rclpy.ok():
            raise
    finally:
        # A launch system may repeat the signal while results are being saved.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if node is not None:
            closed = _close(name, node)
            code = code or closed
        remove_copies()
        try_shutdown()
    return code


def spin(
    node: Node,
    first: Callable[[], Coroutine[Any, Any, None]] | None = None,
    survive: Callable[[Exception], None] | None = None,
) -> None:
    """
    Serve a node's callbacks until ROS shuts down.

    Unlike `rclpy.spin`, never wait without a limit: on SIGTERM rclpy wakes the executor before it
    ends the context, and an executor that looks in between would sleep until the next message.

    :param first: begun before any callback; what it raises is raised here.
    :param survive: told what a callback has raised, to go on with the next; without it that ends
        the node.
    """
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    if first is not None:
        executor.create_task(first)
    try:
        while node.context.ok():
            try:
                executor.spin_once(timeout_sec=_LONGEST_WAIT_S)
            except ExternalShutdownException:
                raise
            except Exception as error:
                if survive is None or not node.context.ok():
                    raise
                survive(error)
    finally:
        # Callbacks that wait for slow work see the end of ROS; shutdown would wait for them.
        for _ in range(_LAST_TURNS):
            with suppress(ExternalShutdownException, RuntimeError):
                executor.spin_once(timeout_sec=0)
        executor.remove_node(node)
        # Its guard conditions must not outlive the context: that ends in a segmentation fault.
        executor.shutdown()


def _init_ros(argv: Sequence[str] | None) -> None:
    try:
        rclpy.init(args=None if argv is None else list(argv))
    except RuntimeError as error:
        # What rclpy raises for a bad --params-file or an unknown --ros-args option; the classes
        # have no public name.
        reason = ' '.join(str(error).split())
        raise DepthAnythingError(f'ROS 2 could not be started: {reason}') from error


def _close(name: str, node: RunnableNode) -> int:
    try:
        node.close()
    except GateError as error:
        for breach in error.breaches:
            get_logger(name).fatal(one_line(f"gate '{error.gate}': {breach}"))
        return EXIT_GATE
    except DepthAnythingError as error:
        get_logger(name).fatal(one_line(error))
        return 1
    finally:
        node.destroy_node()
    return 0
