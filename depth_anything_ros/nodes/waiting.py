"""Waiting in a node that has no callback to wait in: its other callbacks are served meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node


class Waiting:
    """
    Serve the callbacks of a node while it waits.

    :param node: whose work is one long call.
    :param poll_s: how often at least to ask whether something is done; after a callback it is
        asked at once.
    """

    def __init__(self, node: Node, poll_s: float = 0.02) -> None:
        self._node = node
        self._poll_s = poll_s
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)

    def until(self, done: Callable[[], bool], limit_s: float = math.inf) -> bool:
        """
        Wait until something is done, or for so many seconds; return whether it was done.

        :raises ExternalShutdownException: if ROS shuts down meanwhile.
        """
        end_s = monotonic() + limit_s
        while not done():
            if not self._node.context.ok():
                raise ExternalShutdownException
            left_s = end_s - monotonic()
            if left_s <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left_s, self._poll_s))
        return True

    def for_s(self, seconds: float) -> None:
        """Wait for so many seconds; see :meth:`until`."""
        self.until(lambda: False, seconds)

    def close(self) -> None:
        """Serve no callbacks any more."""
        self._executor.remove_node(self._node)
        # Its guard conditions must not outlive the context: that ends in a segmentation fault.
        self._executor.shutdown()
