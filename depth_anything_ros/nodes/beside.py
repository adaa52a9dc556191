"""Slow work of a node: beside the executor, which meanwhile serves other callbacks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, TypeVar

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_srvs.srv import Trigger

from depth_anything_ros.errors import DepthAnythingError, reason_of

T = TypeVar('T')


class _Turn:
    """Give the executor one turn when awaited."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def settle(future: Future[T], work: Callable[[], T]) -> None:
    """Do work and give its result or its error to a future, unless nobody waits any more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - handed to who waits
        future.set_exception(error)


async def beside(node: Node, work: Callable[[], T]) -> T:
    """
    Do work in a thread of its own and await it.

    :raises ExternalShutdownException: if ROS ends first; the work is then left to itself.
    :raises Exception: whatever the work raises.
    """
    future: Future[T] = Future()
    threading.Thread(target=settle, args=(future, work), name='beside', daemon=True).start()
    return await outcome(node, future)


async def outcome(node: Node, future: Future[T], limit_s: float = inf) -> T:
    """
    Await what another thread does.

    To be awaited in an async callback whose group lets others run: reentrant, or its own.

    :param limit_s: after so long the work is cancelled, if it has not begun.
    :raises DepthAnythingError: if it is not done by then.
    :raises ExternalShutdownException: if ROS ends first; the work is then left to itself.
    :raises Exception: whatever the work raises.
    """

    def wake(_: object) -> None:
        executor = node.executor
        if executor is not None:
            # At the end of ROS there may be nobody left to wake.
            with suppress(InvalidHandle, AttributeError):
                executor.wake()

    future.add_done_callback(wake)
    end_s = monotonic() + limit_s
    while not future.done():
        if not node.context.ok():
            raise ExternalShutdownException
        if monotonic() > end_s:
            future.cancel()
            raise DepthAnythingError(f'not done within {limit_s:.0f} s')
        await _Turn()
    return future.result()


def offer(
    node: Node, service: str, begin: Callable[[], Future[Any]], limit_s: float = inf
) -> None:
    """
    Offer a service of type Trigger whose work another thread does.

    :param service: its name.
    :param begin: called on the executor's thread; what comes of the future is the message of the
        answer, and so is an error, without success.
    :param limit_s: how long the caller waits.
    """

    async def answer(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message = str(await outcome(node, begin(), limit_s))
            response.success = True
        except ExternalShutdownException:
            raise
        except Exception as error:  # noqa: BLE001 - the caller is told
            response.message = reason_of(error)
        return response

    # While it waits, callbacks of other groups run.
    node.create_service(Trigger, service, answer, callback_group=MutuallyExclusiveCallbackGroup())
