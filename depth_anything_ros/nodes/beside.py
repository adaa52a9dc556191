"""Slow work beside the executor that serves a node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

T = TypeVar('T')


class _Turn:
    """Give the executor one turn when awaited."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def beside(node: Node, work: Callable[[], T]) -> T:
    """
    Do work in a thread of its own; meanwhile the node's executor serves other callbacks.

    To be awaited in an async callback whose group lets others run: reentrant, or its own.

    :raises ExternalShutdownException: if ROS ends first; the work is then left to itself.
    :raises Exception: whatever the work raises.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - handed to the callback that waits
            future.set_exception(error)
        executor = node.executor
        if executor is not None:
            # At the end of ROS there may be nobody left to wake.
            with suppress(InvalidHandle, AttributeError):
                executor.wake()

    threading.Thread(target=run, name='beside', daemon=True).start()
    while not future.done():
        if not node.context.ok():
            raise ExternalShutdownException
        await _Turn()
    return future.result()
